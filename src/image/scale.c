#include "image/scale.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/clones.h"

/*
 * Rows are blended first, with weights that add up to 2^8, into 16 bits; then columns, with weights that add up to
 * 2^14, in 32 bits. So the first pass, which sees all source pixels, is a plain vector loop.
 */
#define ROW_BITS 8
#define COLUMN_BITS 14
#define MAX_SAMPLES 16

/* How an axis is resampled: target pixel i is the sum of weights[i * taps + t] * source[first[i] + t], t < taps. */
struct axis {
    uint32_t taps;
    uint32_t *first;
    uint16_t *weights;
};

static void axis_done(struct axis *axis) {
    free(axis->first);
    free(axis->weights);
}

uint32_t sample_count(double step) { return step > 2 ? (uint32_t)fmin(ceil(step / 2), MAX_SAMPLES) : 1; }

static double clamp(double value, double low, double high) { return value > low ? (value < high ? value : high) : low; }

/* Where sample k of the target pixel from start to start + step lies, counted from the centre of source pixel 0. */
static double sample_place(double start, double step, uint32_t k) {
    return start + (k + 0.5) * step / sample_count(step) - 0.5;
}

/* The source pixels that target pixel i draws from, first and last, before edges are repeated. */
static struct span support(struct span span, double step, uint32_t i, enum filter filter) {
    double start = span.from + i * step;
    if (filter == FILTER_AREA) {
        return (struct span){floor(start), ceil(start + step) - 1};
    }
    return (struct span){floor(sample_place(start, step, 0)), ceil(sample_place(start, step, sample_count(step) - 1))};
}

/* Adds share to the weight of a source pixel, or to the edge's where it lies outside. */
static void add_weight(double *weights, double pixel, double share, uint32_t size, uint32_t first) {
    weights[(uint32_t)clamp(pixel, 0, size - 1) - first] += share;
}

/* weights: zeroed; receives the weights of target pixel i, whose sum is 1. */
static void weigh(struct span span, double step, uint32_t i, enum filter filter, uint32_t size, uint32_t first,
                  double *weights) {
    double start = span.from + i * step, end = start + step;
    if (filter == FILTER_AREA) {
        for (uint32_t pixel = (uint32_t)start; pixel < end; pixel++) {
            double share = fmin(pixel + 1.0, end) - fmax(pixel, start);
            add_weight(weights, pixel, share / step, size, first);
        }
        return;
    }
    uint32_t samples = sample_count(step);
    for (uint32_t k = 0; k < samples; k++) {
        double place = sample_place(start, step, k), pixel = floor(place), rest = place - pixel;
        add_weight(weights, pixel, (1 - rest) / samples, size, first);
        if (rest > 0) {
            add_weight(weights, pixel + 1, rest / samples, size, first);
        }
    }
}

/* Rounds the running sum rather than each weight, so that the whole adds up to 2^bits. */
static void round_weights(const double *weights, uint32_t taps, int bits, uint16_t *ret) {
    double sum = 0;
    long before = 0;
    for (uint32_t t = 0; t < taps; t++) {
        sum += weights[t];
        long now = t + 1 < taps ? lround(sum * (1 << bits)) : 1 << bits;
        ret[t] = (uint16_t)(now - before);
        before = now;
    }
}

/* Makes the axis that draws count target pixels from span of size source pixels. ERR_NO_MEMORY. */
static int axis_new(struct span span, uint32_t size, uint32_t count, enum filter filter, int bits, struct axis *ret) {
    double step = (span.to - span.from) / count;
    if (step <= 1) {
        filter = FILTER_POINTS;
    }
    uint32_t taps = 1;
    for (uint32_t i = 0; i < count; i++) {
        struct span reach = support(span, step, i, filter);
        double pixels = clamp(reach.to, 0, size - 1) - clamp(reach.from, 0, size - 1) + 1;
        taps = pixels > taps ? (uint32_t)pixels : taps;
    }
    cleanup(axis_done) struct axis axis = {.taps = taps};
    cleanup(drop_memory) double *weights = alloc(taps, sizeof *weights);
    void *first, *rounded;
    int code = try_alloc(count, sizeof *axis.first, &first);
    if (code < 0) {
        return code;
    }
    axis.first = first;
    code = try_alloc((size_t)count * taps, sizeof *axis.weights, &rounded);
    if (code < 0) {
        return code;
    }
    axis.weights = rounded;
    for (uint32_t i = 0; i < count; i++) {
        struct span reach = support(span, step, i, filter);
        axis.first[i] = (uint32_t)clamp(reach.from, 0, size - taps);
        for (uint32_t t = 0; t < taps; t++) {
            weights[t] = 0;
        }
        weigh(span, step, i, filter, size, axis.first[i], weights);
        round_weights(weights, taps, bits, axis.weights + (size_t)i * taps);
    }
    *ret = (struct axis){.taps = taps, .first = take(axis.first), .weights = take(axis.weights)};
    return 0;
}

/* sum = row * weight, or sum += row * weight. */
VECTOR_CLONES
static void blend_row(const uint8_t *restrict row, size_t length, uint16_t weight, int add, uint16_t *restrict sum) {
    if (add) {
        for (size_t i = 0; i < length; i++) {
            sum[i] = (uint16_t)(sum[i] + (uint16_t)(row[i] * weight));
        }
    } else {
        for (size_t i = 0; i < length; i++) {
            sum[i] = (uint16_t)(row[i] * weight);
        }
    }
}

static void blend_rows(const struct image *image, const struct axis *axis, uint32_t y, uint16_t *sum) {
    const uint16_t *weights = axis->weights + (size_t)y * axis->taps;
    size_t length = (size_t)image->width * image->channels;
    int add = 0;
    for (uint32_t t = 0; t < axis->taps; t++) {
        if (weights[t]) {
            blend_row(image->pixels + (axis->first[y] + t) * image->stride, length, weights[t], add, sum);
            add = 1;
        }
    }
}

/* With taps and channels known when compiling, the loops over them unroll. */
__attribute__((always_inline)) static inline void draw_columns(const uint16_t *row, const struct axis *axis,
                                                               uint32_t taps, uint32_t channels, uint32_t width,
                                                               uint8_t *ret) {
    const uint16_t *weights = axis->weights;
    for (uint32_t x = 0; x < width; x++, weights += taps, ret += channels) {
        const uint16_t *source = row + (size_t)axis->first[x] * channels;
        for (uint32_t c = 0; c < channels; c++) {
            uint32_t sum = 1U << (ROW_BITS + COLUMN_BITS - 1);
            for (uint32_t t = 0; t < taps; t++) {
                sum += (uint32_t)source[t * channels + c] * weights[t];
            }
            ret[c] = (uint8_t)(sum >> (ROW_BITS + COLUMN_BITS));
        }
    }
}

__attribute__((always_inline)) static inline void draw_channels(const uint16_t *row, const struct axis *axis,
                                                                uint32_t channels, uint32_t width, uint8_t *ret) {
    switch (axis->taps) {
    case 2:
        draw_columns(row, axis, 2, channels, width, ret);
        break;
    case 3:
        draw_columns(row, axis, 3, channels, width, ret);
        break;
    case 4:
        draw_columns(row, axis, 4, channels, width, ret);
        break;
    default:
        draw_columns(row, axis, axis->taps, channels, width, ret);
    }
}

static void draw_row(const uint16_t *row, const struct axis *axis, uint32_t channels, uint32_t width, uint8_t *ret) {
    if (channels == 1) {
        draw_channels(row, axis, 1, width, ret);
    } else {
        draw_channels(row, axis, 3, width, ret);
    }
}

/* The columns of image that x draws from, and x seen from the first of them: the rest need not be blended. */
static struct image cut_columns(const struct image *image, struct span *x) {
    double left = clamp(floor(x->from) - 1, 0, image->width - 1);
    double right = clamp(ceil(x->to) + 1, left + 1, image->width);
    x->from -= left;
    x->to -= left;
    return image_part(image, (uint32_t)left, 0, (uint32_t)(right - left), image->height);
}

int image_resample(const struct image *image, struct span x, struct span y, uint32_t width, uint32_t height,
                   enum filter filter, struct image *ret) {
    struct image part = cut_columns(image, &x);
    cleanup(axis_done) struct axis columns = {0}, rows = {0};
    cleanup(image_done) struct image scaled = {0};
    cleanup(drop_memory) void *sum = NULL;
    int code = axis_new(x, part.width, width, filter, COLUMN_BITS, &columns);
    if (code < 0 || (code = axis_new(y, part.height, height, filter, ROW_BITS, &rows)) < 0 ||
        (code = try_alloc((size_t)part.width * part.channels, sizeof(uint16_t), &sum)) < 0 ||
        (code = image_new(width, height, part.channels, &scaled)) < 0) {
        return code;
    }
    for (uint32_t i = 0; i < height; i++) {
        blend_rows(&part, &rows, i, sum);
        draw_row(sum, &columns, part.channels, width, scaled.owned + i * scaled.stride);
    }
    *ret = scaled;
    scaled = (struct image){0};
    return 0;
}

int image_scale(const struct image *image, uint32_t width, uint32_t height, struct image *ret) {
    return image_resample(image, (struct span){0, image->width}, (struct span){0, image->height}, width, height,
                          FILTER_AREA, ret);
}
