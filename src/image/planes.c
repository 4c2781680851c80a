#include "image/clones.h"
#include "image/image.h"

/* Pixels to floats: (pixel - mean) * scale. */
VECTOR_CLONES
static void spread_grey(const uint8_t *restrict row, uint32_t width, float mean, float scale, float *restrict ret) {
    for (uint32_t x = 0; x < width; x++) {
        ret[x] = ((float)row[x] - mean) * scale;
    }
}

/* The same for red, green and blue side by side; ret has the row of each one's plane. */
VECTOR_CLONES
static void spread_colours(const uint8_t *restrict row, uint32_t width, const float mean[3], const float scale[3],
                           float *const ret[3]) {
    float *restrict first = ret[0], *restrict second = ret[1], *restrict third = ret[2];
    for (size_t x = 0; x < width; x++) {
        first[x] = ((float)row[3 * x] - mean[0]) * scale[0];
        second[x] = ((float)row[3 * x + 1] - mean[1]) * scale[1];
        third[x] = ((float)row[3 * x + 2] - mean[2]) * scale[2];
    }
}

static void fill_floats(float *floats, size_t count, float fill) {
    for (size_t i = 0; i < count; i++) {
        floats[i] = fill;
    }
}

static void fill_margins(const struct image *image, float fill, uint32_t plane_width, uint32_t plane_height,
                         float *plane) {
    if (image->width < plane_width) {
        for (uint32_t y = 0; y < image->height; y++) {
            fill_floats(plane + (size_t)y * plane_width + image->width, plane_width - image->width, fill);
        }
    }
    fill_floats(plane + (size_t)image->height * plane_width, (size_t)(plane_height - image->height) * plane_width,
                fill);
}

void image_to_planes(const struct image *image, const float mean[3], const float scale[3], int blue_first, float fill,
                     uint32_t plane_width, uint32_t plane_height, float *ret) {
    float *plane[3];
    for (int c = 0; c < 3; c++) {
        plane[c] = ret + (size_t)c * plane_width * plane_height;
        fill_margins(image, fill, plane_width, plane_height, plane[c]);
    }
    int red = blue_first ? 2 : 0, blue = 2 - red;
    const float colour_mean[] = {mean[red], mean[1], mean[blue]}, colour_scale[] = {scale[red], scale[1], scale[blue]};
    for (uint32_t y = 0; y < image->height; y++) {
        const uint8_t *row = image->pixels + y * image->stride;
        size_t at = (size_t)y * plane_width;
        if (image->channels == 3) {
            float *const colours[] = {plane[red] + at, plane[1] + at, plane[blue] + at};
            spread_colours(row, image->width, colour_mean, colour_scale, colours);
            continue;
        }
        for (int c = 0; c < 3; c++) {
            spread_grey(row, image->width, mean[c], scale[c], plane[c] + at);
        }
    }
}

void image_to_plane(const struct image *image, float mean, float scale, float *ret) {
    for (uint32_t y = 0; y < image->height; y++) {
        spread_grey(image->pixels + y * image->stride, image->width, mean, scale, ret + (size_t)y * image->width);
    }
}
