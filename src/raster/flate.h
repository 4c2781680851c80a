/* Flate streams of PDF and PNG files (RFC 1950), by zlib, whose only home flate.c is. One thread per stream. */
#ifndef OCTAVO_RASTER_FLATE_H
#define OCTAVO_RASTER_FLATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* A stream that is compressed piece by piece. */
struct flate;

/* Takes what was compressed: 0, or an error that ends it. */
typedef int flate_sink(void *context, const void *bytes, size_t length);

enum flate_effort { FLATE_QUICK = 3, FLATE_BEST = 9 };

/* ERR_NO_MEMORY. The caller drops *ret. */
int flate_new(enum flate_effort effort, flate_sink *sink, void *context, struct flate **ret);
void flate_drop(struct flate **flate);

/* Compresses more; the end, after which nothing follows. What the sink fails with. */
int flate_add(struct flate *flate, const void *bytes, size_t length);
int flate_end(struct flate *flate);

/* All of it at once, added to a buffer. ERR_NO_MEMORY. */
int flate_all(const void *bytes, size_t length, struct buffer *to);

/* The check sum of PNG (CRC-32) of bytes that follow those of the sum so far, which is 0 at first. */
uint32_t flate_sum(uint32_t sum, const void *bytes, size_t length);

#endif
