/*
 * What is drawn over a page to show how it was read: the outlines of its lines and regions, and numbers of the regions
 * in reading order. All of it is made of strokes, so that it can be drawn row by row. One thread.
 */
#ifndef OCTAVO_RASTER_MARKS_H
#define OCTAVO_RASTER_MARKS_H

#include <stddef.h>
#include <stdint.h>

#include "document/bitmap.h"
#include "document/page.h"

/* A straight stroke with square ends; one without length is a square. In pixels. */
struct stroke {
    struct point from, to;
    float half;      /* of its width */
    uint32_t colour; /* as region_colour() */
};

struct marks {
    struct stroke *strokes; /* the later ones hide the earlier */
    size_t count, room;
};

/* The marks of a page over its bitmap, which may be larger or smaller than what was read. Frees them. */
void marks_of(const struct page *page, const struct bitmap *bitmap, struct marks *ret);
void marks_done(struct marks *marks);

/* Draws what lies in row y: width pixels of red, green, blue. */
void marks_draw(const struct marks *marks, uint32_t y, uint32_t width, uint8_t *row);

#endif
