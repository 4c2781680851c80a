#include "raster/flate.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"

enum { PIECE_BYTES = 32 << 10 };

struct flate {
    z_stream stream;
    flate_sink *sink;
    void *context;
    unsigned char piece[PIECE_BYTES];
};

int flate_new(enum flate_effort effort, flate_sink *sink, void *context, struct flate **ret) {
    void *memory;
    int result = try_alloc(1, sizeof(struct flate), &memory);
    if (result != 0) {
        return result;
    }
    struct flate *flate = memory;
    *flate = (struct flate){.sink = sink, .context = context};
    if (deflateInit(&flate->stream, (int)effort) != Z_OK) {
        free(flate);
        return fail(ERR_NO_MEMORY, "starting zlib");
    }
    *ret = flate;
    return 0;
}

void flate_drop(struct flate **flate) {
    if (*flate) {
        deflateEnd(&(*flate)->stream);
        free(*flate);
    }
    *flate = NULL;
}

/* Hands on what comes out until there is no more. */
static int pump(struct flate *flate, int flush) {
    z_stream *stream = &flate->stream;
    int result = 0;
    do {
        stream->next_out = flate->piece;
        stream->avail_out = PIECE_BYTES;
        deflate(stream, flush);
        size_t length = PIECE_BYTES - stream->avail_out;
        result = length > 0 ? flate->sink(flate->context, flate->piece, length) : 0;
    } while (result == 0 && stream->avail_out == 0);
    return result;
}

int flate_add(struct flate *flate, const void *bytes, size_t length) {
    const unsigned char *rest = bytes;
    int result = 0;
    while (length > 0 && result == 0) {
        size_t step = length < UINT_MAX ? length : UINT_MAX;
        flate->stream.next_in = (unsigned char *)(uintptr_t)rest;
        flate->stream.avail_in = (unsigned int)step;
        result = pump(flate, Z_NO_FLUSH);
        rest += step;
        length -= step;
    }
    return result;
}

int flate_end(struct flate *flate) {
    flate->stream.avail_in = 0;
    return pump(flate, Z_FINISH);
}

static int add_to_buffer(void *context, const void *bytes, size_t length) {
    buffer_add(context, bytes, length);
    return 0;
}

int flate_all(const void *bytes, size_t length, struct buffer *to) {
    struct flate *flate cleanup(flate_drop) = NULL;
    int result = flate_new(FLATE_BEST, add_to_buffer, to, &flate);
    if (result != 0 || !flate) {
        return result;
    }
    result = flate_add(flate, bytes, length);
    return result ? result : flate_end(flate);
}

uint32_t flate_sum(uint32_t sum, const void *bytes, size_t length) { return (uint32_t)crc32_z(sum, bytes, length); }
