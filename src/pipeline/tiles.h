/*
 * Cutting a page along its longer side into pieces of one size that overlap, and joining the maps that a network makes
 * of them. Pure functions on sizes in pixels (cells of a map); any thread.
 */
#ifndef OCTAVO_PIPELINE_TILES_H
#define OCTAVO_PIPELINE_TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tiles {
    uint32_t count;         /* pieces, at least 1 */
    uint32_t width, height; /* of each piece, both of a multiple */
    bool beside;            /* the pieces lie side by side, not one below the other */
    uint32_t last;          /* where the last piece begins */
    uint32_t multiple;
};

/* Where a piece begins along the cut side, and which part of the page its map is the best for: from, before to. */
struct tile {
    uint32_t start, from, to;
};

/*
 * Cuts a page of width x height, both rounded up to multiple, into at most `wanted` pieces that share at least overlap
 * (a multiple, too) with the next. They are fewer where fewer of the same size are enough. Sizes > 0.
 */
struct tiles tiles_cut(uint32_t width, uint32_t height, uint32_t multiple, uint32_t wanted, uint32_t overlap);

/* Piece index < count. All begin at a multiple, so that a network with strides sees the same grid as on the whole page.
 */
struct tile tiles_at(const struct tiles *tiles, uint32_t index);

/*
 * Copies what piece index knows best from its map (rows of stride cells) into the page's map of width x height cells
 * (rows tight), which may end before the last piece does. All pieces together fill it.
 */
void tiles_stitch(const struct tiles *tiles, uint32_t index, const float *piece, size_t stride, uint32_t width,
                  uint32_t height, float *map);

#endif
