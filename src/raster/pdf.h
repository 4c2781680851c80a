/* What pdf.c, the only home of MuPDF, lends to others beside the kind "pdf". One thread. */
#ifndef OCTAVO_RASTER_PDF_H
#define OCTAVO_RASTER_PDF_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "document/bitmap.h"

/*
 * Decodes the first picture of a file that is no PDF by MuPDF's own decoders, on white, into a sealed memfd, which the
 * caller closes. The size is checked before anything is decoded. ERR_TOO_LARGE, ERR_CORRUPT, ERR_NO_MEMORY.
 */
int pdf_decode_picture(const unsigned char *bytes, size_t length, uint64_t max_pixels, struct bitmap *ret_bitmap,
                       int *ret_fd);

/* Adds bits, in rows of whole bytes, as a fax of group 4 (PDF: /K -1, else as usual). ERR_NO_MEMORY. */
int pdf_compress_fax(const unsigned char *bits, uint32_t width, uint32_t height, struct buffer *to);

#endif
