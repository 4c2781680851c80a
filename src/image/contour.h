/*
 * From a probability map to rotated rectangles: the geometry of DB text detection (Liao et al. 2020, "Real-time Scene
 * Text Detection with Differentiable Binarization", and PaddleOCR's post-processing; design/ppocr-algorithms 2.2).
 * Pure functions on floats, any thread.
 */
#ifndef OCTAVO_IMAGE_CONTOUR_H
#define OCTAVO_IMAGE_CONTOUR_H

#include <stddef.h>
#include <stdint.h>

#include "document/geometry.h"

/* A rotated rectangle on the map. */
struct text_box {
    struct quad quad; /* top left, top right, bottom right, bottom left of the rectangle as it lies on the map */
    float score;      /* mean probability inside */
};

struct contour_options {
    float threshold;     /* a map cell belongs to text above this, e.g. 0.3 */
    float box_threshold; /* boxes with a lower mean are dropped, e.g. 0.6 */
    float unclip;        /* how far boxes grow: distance = area * unclip / perimeter */
    float min_side;      /* smallest short side of a box before growing, in map cells, e.g. 3 */
    uint32_t max_boxes;  /* at most so many components are looked at, e.g. 3000 */
    int dilate;          /* 1: 2 x 2 dilation of the thresholded map before the search */
};

/*
 * Finds the boxes of map (height rows of width floats, row stride in floats) in the order of the components' first
 * cells (rows, then columns); holes are not components. *ret has *ret_count entries; caller frees. ERR_NO_MEMORY.
 *
 * Coordinates are those of PaddleOCR (OpenCV's minAreaRect): the centre of the map's first cell is (0, 0), and what
 * unclip adds may reach beyond the map. Corners are told apart as there: of the two furthest left the upper one is the
 * top left, of the other two the upper one is the top right. Time grows with the cells of the map and of the boxes;
 * memory is at most 20 bytes for every two cells, on any map.
 */
int contour_boxes(const float *map, uint32_t width, uint32_t height, size_t stride,
                  const struct contour_options *options, struct text_box **ret, size_t *ret_count);

/* Cells of a component side by side in a row, from left to before right. */
struct cell_run {
    uint32_t row, left, right;
};

/* A component as it is, for text that is bent. */
struct text_shape {
    struct quad quad; /* its smallest rectangle, which was not grown */
    float score;      /* mean probability of its cells */
    struct cell_run *runs;
    size_t run_count, cells;
};

void text_shapes_done(struct text_shape *shapes, size_t count);

/*
 * Likewise the shapes of the components, of which those below min_side and box_threshold are left out; nothing grows.
 * The caller calls text_shapes_done(). ERR_NO_MEMORY.
 */
int contour_shapes(const float *map, uint32_t width, uint32_t height, size_t stride,
                   const struct contour_options *options, struct text_shape **ret, size_t *ret_count);

/* Smallest rectangle around points, by rotating calipers over their convex hull; points is sorted. count > 0. */
struct quad contour_min_rectangle(struct point *points, size_t count);

#endif
