/*
 * Boxes as networks of PaddleDetection give them, whose graph has the last step of PicoDet or RT-DETR: layout, cells of
 * tables. Pure, any thread.
 */
#ifndef OCTAVO_PIPELINE_BOXES_H
#define OCTAVO_PIPELINE_BOXES_H

#include <stdbool.h>
#include <stddef.h>

#include "document/geometry.h"
#include "engine/engine.h"

struct box {
    struct area area; /* in pixels of the page */
    float score;
    size_t class;
    float before, after; /* read by the first, rising, then by the second, falling; 0: the network has none */
    bool dropped;        /* boxes_sweep() takes it away */
};

/* What is believed, and where it lies. */
struct boxes_options {
    uint32_t width, height; /* of the network's input, to which boxes are clipped */
    float scale_x, scale_y; /* from pixels of its input to those of the page */
    struct point origin;    /* of the input on the page */
    const float *threshold; /* least score of each class */
    size_t class_count;
};

enum { BOXES_MOST = 400 /* that are looked at: a page has some 20 regions, RT-DETR gives 300 boxes */ };

/*
 * The first output, one box a row, [boxes, 6]: class, score, left, top, right, bottom in pixels of the input; 7: also a
 * number by which they are read; 8: two. *ret has the *ret_count surest that are believed, the surest first; caller
 * frees. *ret_ordered: there are such numbers. ERR_BAD_MODEL if the shape is another.
 */
int boxes_read(const struct outputs *outputs, const struct boxes_options *options, struct box **ret, size_t *ret_count,
               bool *ret_ordered);

/*
 * Of boxes that share so much of their union the surest stays: same of those of one class, same_area of two. They stand
 * by their scores. Returns how many are left.
 */
size_t boxes_drop_alike(struct box *boxes, size_t count, float same, float same_area);

/* Takes those away that are dropped; returns how many are left. */
size_t boxes_sweep(struct box *boxes, size_t count);

#endif
