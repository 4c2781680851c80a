/* What pdf.c, the only home of MuPDF, lends to others beside the kind "pdf". One thread. */
#ifndef OCTAVO_RASTER_PDF_H
#define OCTAVO_RASTER_PDF_H

#include <stddef.h>
#include <stdint.h>

#include "document/bitmap.h"

/*
 * Decodes the first picture of a file that is no PDF by MuPDF's own decoders, on white, into a sealed memfd, which the
 * caller closes. The size is checked before anything is decoded. ERR_TOO_LARGE, ERR_CORRUPT, ERR_NO_MEMORY.
 */
int pdf_decode_picture(const unsigned char *bytes, size_t length, uint64_t max_pixels, struct bitmap *ret_bitmap,
                       int *ret_fd);

#endif
