/*
 * A page bitmap as an image of a PDF, without loss: one bit a pixel as a fax or by Flate, whichever is smaller; few
 * colours as numbers; all else by Flate with the predictors of PNG. One thread.
 */
#ifndef OCTAVO_RASTER_PACK_H
#define OCTAVO_RASTER_PACK_H

#include <stdint.h>

#include "document/bitmap.h"
#include "raster/book.h"

/* Writes it as object number. ERR_NO_MEMORY, ERR_OUTPUT. */
int pack_bitmap(struct book *book, int number, const struct bitmap *bitmap, const uint8_t *pixels);

#endif
