/* Figures: what a region of a page looks like, as one holds the page to read it. Any thread. */
#ifndef OCTAVO_RASTER_CUT_H
#define OCTAVO_RASTER_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "document/bitmap.h"
#include "document/page.h"

/* A rectangle of a bitmap: from left to right - 1, from top to bottom - 1. */
struct cut {
    uint32_t left, top, right, bottom;
    int angle;              /* clockwise turn that the page has suffered, as in struct page */
    uint32_t width, height; /* pixels of the figure: of the rectangle when that turn is undone */
};

/* The upright rectangle around a region of the page, within its bitmap, which may have another size than the page that
 * was read. False: there is nothing of it in the bitmap. */
bool cut_of(const struct page *page, const struct region *region, const struct bitmap *bitmap, struct cut *ret);

/* Row y of a figure in red, green, blue. */
void cut_row(const struct cut *cut, const struct bitmap *bitmap, const uint8_t *pixels, uint32_t y, uint8_t *row);

#endif
