/*
 * What drawing a picture takes, told from its header before anything is decoded; the constants and their reasons are in
 * raster/kind.h. Only bytes inside the given length are looked at. Any thread.
 */
#ifndef OCTAVO_RASTER_COST_H
#define OCTAVO_RASTER_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raster/header.h"
#include "raster/tiff.h"

/* Bits for each pixel. */
struct cost {
    uint32_t working; /* of what a decoder holds beside the picture */
    uint32_t decoded; /* of the picture when it is decoded */
    uint32_t drawn;   /* of the bitmap */
};

/* Of a file of one page; of a TIFF, of its page. */
struct cost cost_of(enum format format, const unsigned char *bytes, size_t length);
struct cost cost_of_tiff(const struct tiff_page *page);

/*
 * Bytes for a page of so many pixels, its bitmap included. shrink: it is decoded so many times smaller each way, which
 * spares nothing of what the decoder holds beside it. turned: its rows become columns or run from right to left,
 * so that all of the bitmap is written to before the decoded rows can be given back. SIZE_MAX if they overflow.
 */
size_t cost_bytes(const struct cost *cost, uint64_t pixels, uint32_t shrink, bool turned);

#endif
