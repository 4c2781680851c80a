/*
 * A page bitmap (document/bitmap.h) while it is filled, in the shared memory in which it will travel, and turned
 * upright on the way. One thread.
 */
#ifndef OCTAVO_RASTER_CANVAS_H
#define OCTAVO_RASTER_CANVAS_H

#include <stddef.h>
#include <stdint.h>

#include "document/bitmap.h"

struct canvas {
    struct bitmap bitmap; /* as it will be seen: sides swapped by orientations 5 to 8 */
    uint32_t row_width;   /* of the rows as stored */
    int fd;
    uint8_t *pixels; /* all zero at first */
    size_t bytes;
    ptrdiff_t origin, step_x, step_y; /* where stored pixel (x, y) goes: origin + x * step_x + y * step_y, in pixels */
};

/*
 * Memory for a picture stored in width x height pixels and to be shown in an EXIF orientation (1 to 8; 1: as stored).
 * It counts as heap (raster/heap.h) until it is finished or dropped. The caller drops it. ERR_TOO_LARGE, ERR_NO_MEMORY.
 */
int canvas_new(uint32_t width, uint32_t height, uint32_t channels, int orientation, struct canvas *ret);

/* Places row y as stored: width pixels of channels bytes. */
void canvas_row(struct canvas *canvas, uint32_t y, const uint8_t *row);

/* Seals the bitmap and hands over its descriptor; the canvas is empty then. ERR_INTERNAL. */
int canvas_finish(struct canvas *canvas, struct bitmap *ret_bitmap, int *ret_fd);

/* For cleanup(): an empty canvas, {.fd = -1}, is left alone. */
void canvas_drop(struct canvas *canvas);

#endif
