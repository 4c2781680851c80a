#include "raster/png.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { DEPTH = 8, COLOUR = 2, UP = 2 /* the filter: less the row above */ };

struct png {
    flate_sink *sink;
    void *context;
    struct flate *flate;
    size_t stride;
    uint8_t *above, *filtered; /* the row before; what is compressed of a row: filter and bytes */
};

static void put_32(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/* A chunk: length, type, bytes, check sum of the last two. */
static int add_chunk(const struct png *png, const char *type, const void *bytes, size_t length) {
    uint8_t head[8], tail[4];
    put_32(head, (uint32_t)length);
    memcpy(head + 4, type, 4);
    put_32(tail, flate_sum(flate_sum(0, head + 4, 4), bytes, length));
    int result = png->sink(png->context, head, sizeof(head));
    result = result == 0 && length > 0 ? png->sink(png->context, bytes, length) : result;
    return result ? result : png->sink(png->context, tail, sizeof(tail));
}

static int add_pixels(void *context, const void *bytes, size_t length) {
    return add_chunk(context, "IDAT", bytes, length);
}

static int begin(const struct png *png, uint32_t width, uint32_t height) {
    uint8_t header[13] = {[8] = DEPTH, [9] = COLOUR};
    put_32(header, width);
    put_32(header + 4, height);
    int result = png->sink(png->context, "\x89PNG\r\n\x1a\n", 8);
    return result ? result : add_chunk(png, "IHDR", header, sizeof(header));
}

void png_drop(struct png **png) {
    struct png *old = take(*png);
    if (old) {
        flate_drop(&old->flate);
        free(old->above);
        free(old->filtered);
        free(old);
    }
}

int png_new(uint32_t width, uint32_t height, flate_sink *sink, void *context, struct png **ret) {
    struct png *png cleanup(png_drop) = alloc(1, sizeof(*png));
    void *above = NULL, *filtered = NULL;
    *png = (struct png){.sink = sink, .context = context, .stride = (size_t)width * 3};
    int result = try_alloc(png->stride, 1, &above);
    png->above = above;
    result = result ? result : try_alloc(png->stride + 1, 1, &filtered);
    png->filtered = filtered;
    result = result ? result : flate_new(FLATE_QUICK, add_pixels, png, &png->flate);
    result = result ? result : begin(png, width, height);
    if (result == 0) {
        memset(png->above, 0, png->stride);
        *ret = take(png);
    }
    return result;
}

int png_row(struct png *png, const uint8_t *row) {
    png->filtered[0] = UP;
    for (size_t i = 0; i < png->stride; i++) {
        png->filtered[i + 1] = (uint8_t)(row[i] - png->above[i]);
    }
    memcpy(png->above, row, png->stride);
    return flate_add(png->flate, png->filtered, png->stride + 1);
}

int png_end(struct png *png) {
    int result = flate_end(png->flate);
    return result ? result : add_chunk(png, "IEND", NULL, 0);
}
