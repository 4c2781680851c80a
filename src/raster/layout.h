/* At which resolution a PDF page is drawn. Pure functions. Any thread. */
#ifndef OCTAVO_RASTER_LAYOUT_H
#define OCTAVO_RASTER_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of a page before it is drawn. */
struct layout {
    float width, height; /* in points, as it is seen */
    float own_dpi;       /* of the finest picture that covers the page; 0: there is none */
    bool more;           /* something else is drawn on it: text, lines, small pictures */
};

/*
 * The resolution for a page whose asker leaves it to us. Points tell little of a page that is a picture: where they
 * make it smaller than A4 it gets as many pixels as A4; with nothing else on it, never more than the picture has.
 */
float layout_dpi(const struct layout *layout);

/* The highest resolution up to dpi at which the page keeps the limits, and its size in pixels there, at least 1 x 1. */
float layout_fit(const struct layout *layout, float dpi, uint64_t max_pixels, uint32_t *ret_width,
                 uint32_t *ret_height);

#endif
