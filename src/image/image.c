#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Side of the squares in which a picture is turned: rows of both pictures stay in the cache. */
#define TILE 32

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

int image_new(uint32_t width, uint32_t height, uint32_t channels, struct image *ret) {
    size_t stride = (size_t)width * channels;
    void *pixels;
    int code = try_alloc(height, stride, &pixels);
    if (code < 0) {
        return code;
    }
    *ret = (struct image){
        .pixels = pixels, .width = width, .height = height, .channels = channels, .stride = stride, .owned = pixels};
    return 0;
}

void image_done(struct image *image) {
    free(image->owned);
    *image = (struct image){0};
}

struct image image_part(const struct image *image, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
    x = smaller(x, image->width - 1);
    y = smaller(y, image->height - 1);
    struct image part = *image;
    part.pixels += y * image->stride + (size_t)x * image->channels;
    part.width = smaller(width ? width : 1, image->width - x);
    part.height = smaller(height ? height : 1, image->height - y);
    part.owned = NULL;
    return part;
}

/* Copies pixels of a tile; from and to are its first ones, and the steps lead to the next pixel and row of each. */
static inline void copy_tile(const uint8_t *from, ptrdiff_t from_pixel, ptrdiff_t from_row, uint8_t *to, size_t to_row,
                             uint32_t width, uint32_t height, uint32_t channels) {
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *source = from + (ptrdiff_t)y * from_row;
        uint8_t *target = to + y * to_row;
        for (uint32_t x = 0; x < width; x++, source += from_pixel, target += channels) {
            for (uint32_t c = 0; c < channels; c++) {
                target[c] = source[c];
            }
        }
    }
}

/* Fills target from source, where origin is the source pixel of its first and the steps are those of copy_tile(). */
static void copy_turned(const uint8_t *origin, ptrdiff_t pixel, ptrdiff_t row, struct image *target) {
    for (uint32_t y = 0; y < target->height; y += TILE) {
        for (uint32_t x = 0; x < target->width; x += TILE) {
            const uint8_t *from = origin + (ptrdiff_t)x * pixel + (ptrdiff_t)y * row;
            uint8_t *to = target->owned + y * target->stride + (size_t)x * target->channels;
            uint32_t width = smaller(TILE, target->width - x), height = smaller(TILE, target->height - y);
            if (target->channels == 1) {
                copy_tile(from, pixel, row, to, target->stride, width, height, 1);
            } else {
                copy_tile(from, pixel, row, to, target->stride, width, height, 3);
            }
        }
    }
}

int image_turn(const struct image *image, int degrees, struct image *ret) {
    int upright = degrees == 180;
    struct image turned;
    int code = image_new(upright ? image->width : image->height, upright ? image->height : image->width,
                         image->channels, &turned);
    if (code < 0) {
        return code;
    }
    ptrdiff_t pixel = (ptrdiff_t)image->channels, row = (ptrdiff_t)image->stride;
    const uint8_t *last_row = image->pixels + (ptrdiff_t)(image->height - 1) * row;
    ptrdiff_t last_pixel = (ptrdiff_t)(image->width - 1) * pixel;
    if (upright) {
        copy_turned(last_row + last_pixel, -pixel, -row, &turned);
    } else if (degrees == 90) {
        copy_turned(last_row, -row, pixel, &turned);
    } else {
        copy_turned(image->pixels + last_pixel, row, -pixel, &turned);
    }
    *ret = turned;
    return 0;
}
