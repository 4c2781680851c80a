/* PNG files (ISO/IEC 15948), written row by row: 8 bits, red, green, blue. One thread per file. */
#ifndef OCTAVO_RASTER_PNG_H
#define OCTAVO_RASTER_PNG_H

#include <stdint.h>

#include "raster/flate.h"

struct png;

/* Begins a file of rows of width pixels, which goes to the sink. The caller drops *ret. ERR_NO_MEMORY, and what the
 * sink fails with; so the others. */
int png_new(uint32_t width, uint32_t height, flate_sink *sink, void *context, struct png **ret);
void png_drop(struct png **png);

/* The next row, of width * 3 bytes; the end, after height of them. */
int png_row(struct png *png, const uint8_t *row);
int png_end(struct png *png);

#endif
