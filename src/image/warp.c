#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/clones.h"
#include "image/scale.h"

/* Weights of a bilinear sample are in 256ths on each axis; the sum of 16 x 16 samples still fits 32 bits. */
#define WEIGHT_BITS 8

/* Maps (u, v) of the unit square to ((a u + b v + c) / w, (d u + e v + f) / w), w = g u + h v + 1. */
struct projection {
    double a, b, c, d, e, f, g, h;
};

/* Where a row of samples falls: the upper left of the four pixels, and 256ths of the way to the lower right one. */
struct places {
    int32_t *x, *y, *part_x, *part_y;
};

/* Square to quadrilateral (Heckbert 1989, "Fundamentals of Texture Mapping and Image Warping", 2.2.3). */
static struct projection project_square(const struct quad *quad) {
    const struct point *p = quad->corner;
    double x0 = (double)p[0].x, x1 = (double)p[1].x, x2 = (double)p[2].x, x3 = (double)p[3].x;
    double y0 = (double)p[0].y, y1 = (double)p[1].y, y2 = (double)p[2].y, y3 = (double)p[3].y;
    double right_x = x1 - x2, right_y = y1 - y2, below_x = x3 - x2, below_y = y3 - y2;
    double excess_x = x0 - x1 + x2 - x3, excess_y = y0 - y1 + y2 - y3;
    double area = right_x * below_y - below_x * right_y, g = 0, h = 0;
    if (fabs(area) > 1e-6) {
        g = (excess_x * below_y - below_x * excess_y) / area;
        h = (right_x * excess_y - excess_x * right_y) / area;
    }
    return (struct projection){.a = x1 - x0 + g * x1,
                               .b = x3 - x0 + h * x3,
                               .c = x0,
                               .d = y1 - y0 + g * y1,
                               .e = y3 - y0 + h * y3,
                               .f = y0,
                               .g = g,
                               .h = h};
}

/* Not a number becomes 0. */
static inline float clamp(float value, float high) { return value > 0 ? (value < high ? value : high) : 0; }

/*
 * Places count samples at v and at u, u + step ... in an image of width x height; beyond its edges they stick to them.
 * The last column and row are reached as the end of the way from the one before.
 */
VECTOR_CLONES
static void place_row(const struct projection *projection, double v, double u, double step, uint32_t count,
                      uint32_t width, uint32_t height, const struct places *ret) {
    const struct projection *p = projection;
    float x = (float)(p->a * u + p->b * v + p->c), y = (float)(p->d * u + p->e * v + p->f);
    float w = (float)(p->g * u + p->h * v + 1);
    float step_x = (float)(p->a * step), step_y = (float)(p->d * step), step_w = (float)(p->g * step);
    float last_x = (float)(width - 1), last_y = (float)(height - 1);
    int32_t end_x = width > 1 ? (int32_t)width - 2 : 0, end_y = height > 1 ? (int32_t)height - 2 : 0;
    int32_t *restrict at_x = ret->x, *restrict at_y = ret->y;
    int32_t *restrict part_x = ret->part_x, *restrict part_y = ret->part_y;
    for (uint32_t i = 0; i < count; i++) {
        float n = (float)(int32_t)i, scale = 1 / (w + n * step_w);
        float place_x = clamp((x + n * step_x) * scale - 0.5F, last_x);
        float place_y = clamp((y + n * step_y) * scale - 0.5F, last_y);
        int32_t left = (int32_t)place_x, top = (int32_t)place_y;
        at_x[i] = left < end_x ? left : end_x;
        at_y[i] = top < end_y ? top : end_y;
        part_x[i] = (int32_t)((place_x - (float)at_x[i]) * (1 << WEIGHT_BITS) + 0.5F);
        part_y[i] = (int32_t)((place_y - (float)at_y[i]) * (1 << WEIGHT_BITS) + 0.5F);
    }
}

/* Adds a bilinear sample at each place to sum, channels values a place. */
__attribute__((always_inline)) static inline void sample_row(const struct image *image, const struct places *places,
                                                             uint32_t count, uint32_t channels, uint32_t *sum) {
    size_t next = image->width > 1 ? channels : 0, below = image->height > 1 ? image->stride : 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *p = image->pixels + (size_t)places->y[i] * image->stride + (size_t)places->x[i] * channels;
        uint32_t right = (uint32_t)places->part_x[i], lower = (uint32_t)places->part_y[i];
        for (uint32_t c = 0; c < channels; c++, p++, sum++) {
            uint32_t above = (p[0] << WEIGHT_BITS) + (uint32_t)(p[next] - p[0]) * right;
            uint32_t beneath = (p[below] << WEIGHT_BITS) + (uint32_t)(p[below + next] - p[below]) * right;
            *sum += (above << WEIGHT_BITS) + (beneath - above) * lower;
        }
    }
}

/* Adds across samples for each pixel of a row of width pixels, all at v. */
static void add_samples(const struct image *image, const struct projection *projection, double v, uint32_t across,
                        uint32_t width, const struct places *places, uint32_t *sum) {
    for (uint32_t k = 0; k < across; k++) {
        place_row(projection, v, (k + 0.5) / across / width, 1.0 / width, width, image->width, image->height, places);
        if (image->channels == 1) {
            sample_row(image, places, width, 1, sum);
        } else {
            sample_row(image, places, width, 3, sum);
        }
    }
}

/* Sums of samples to pixels, and the sums back to 0. */
VECTOR_CLONES
static void round_row(uint32_t *restrict sum, size_t length, uint32_t samples, uint8_t *restrict ret) {
    float scale = 1.0F / ((float)samples * (1 << 2 * WEIGHT_BITS));
    for (size_t i = 0; i < length; i++) {
        ret[i] = (uint8_t)(int32_t)((float)(int32_t)(sum[i] >> 1) * (2 * scale) + 0.5F);
        sum[i] = 0;
    }
}

static double distance(struct point a, struct point b) { return hypot((double)(a.x - b.x), (double)(a.y - b.y)); }

static int warp_freely(const struct image *image, const struct quad *quad, uint32_t width, uint32_t height,
                       struct image *ret) {
    const struct point *p = quad->corner;
    struct projection projection = project_square(quad);
    uint32_t across = sample_count(fmax(distance(p[0], p[1]), distance(p[3], p[2])) / width);
    uint32_t down = sample_count(fmax(distance(p[0], p[3]), distance(p[1], p[2])) / height);
    size_t length = (size_t)width * image->channels;
    cleanup(image_done) struct image warped = {0};
    cleanup(drop_memory) void *sums = NULL, *numbers = NULL;
    int code = image_new(width, height, image->channels, &warped);
    if (code < 0 || (code = try_alloc(length, sizeof(uint32_t), &sums)) < 0 ||
        (code = try_alloc(width, 4 * sizeof(int32_t), &numbers)) < 0) {
        return code;
    }
    int32_t *n = numbers;
    struct places places = {n, n + width, n + 2 * (size_t)width, n + 3 * (size_t)width};
    uint32_t *sum = memset(sums, 0, length * sizeof *sum);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t k = 0; k < down; k++) {
            add_samples(image, &projection, (y + (k + 0.5) / down) / height, across, width, &places, sum);
        }
        round_row(sum, length, across * down, warped.owned + y * warped.stride);
    }
    *ret = warped;
    warped = (struct image){0};
    return 0;
}

/* Upright, within the 256ths in which samples are placed. */
static int is_upright(const struct quad *quad) {
    const struct point *p = quad->corner;
    const float nothing = 1.0F / (1 << WEIGHT_BITS);
    return fabsf(p[0].y - p[1].y) < nothing && fabsf(p[3].y - p[2].y) < nothing && fabsf(p[0].x - p[3].x) < nothing &&
           fabsf(p[1].x - p[2].x) < nothing && p[1].x - p[0].x > nothing && p[3].y - p[0].y > nothing;
}

int image_warp(const struct image *image, const struct quad *quad, uint32_t width, uint32_t height, struct image *ret) {
    if (!is_upright(quad)) {
        return warp_freely(image, quad, width, height, ret);
    }
    const struct point *first = &quad->corner[0], *last = &quad->corner[2];
    struct span x = {(double)first->x, (double)last->x}, y = {(double)first->y, (double)last->y};
    return image_resample(image, x, y, width, height, FILTER_POINTS, ret);
}
