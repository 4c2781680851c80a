/* Layout (design/ppocr-algorithms 5): what the parts of a page are. One hand; decoding is pure. */
#ifndef OCTAVO_PIPELINE_LAYOUT_H
#define OCTAVO_PIPELINE_LAYOUT_H

#include "pipeline/hand.h"

/* A part of the upright page, in its pixels. */
struct layout_box {
    enum region_type type;
    float score;
    struct area area;
    uint32_t order; /* its place in the model's reading order, from 1; 0: the model has none */
};

/* A class of the network. */
struct layout_class {
    int type;        /* enum region_type, -1: none of ours */
    float threshold; /* least score */
    bool large;      /* what lies within one is a part of it */
};

/* What the network is asked for. */
struct layout_options {
    uint32_t width, height; /* of its input */
    const struct layout_class *classes;
    size_t class_count;
    float scale_x, scale_y; /* from pixels of its input to those of the page */
};

/*
 * Decodes PicoDet's heads without suppression in the graph: for each of its strides (8, doubling) scores [1, cells,
 * classes], then for each the distances of the four sides as distributions [1, cells, 4 * bins]. Of boxes of one type
 * that overlap the surest is kept. *ret has *ret_count boxes, the surest first; caller frees. ERR_BAD_MODEL if the
 * shapes do not belong together.
 */
int layout_decode(const struct outputs *outputs, const struct layout_options *options, struct layout_box **ret,
                  size_t *ret_count);

/*
 * Decodes what PP-DocLayout gives (pipeline/boxes.h), then does what PaddleX does
 * (paddlex/inference/models/layout_analysis/processors.py): of boxes that are alike the surest is kept, pictures of the
 * whole page are dropped, large classes take in what lies within them. And as regions have fewer types than there are
 * classes: so does a box of one type. *ret as of layout_decode(). Errors as boxes_read().
 */
int layout_decode_boxes(const struct outputs *outputs, const struct layout_options *options, struct layout_box **ret,
                        size_t *ret_count);

/* The boxes of a page; none where the model is not installed. Caller frees *ret. Errors as hand_run(), ERR_BAD_MODEL.
 */
int layout_find(const struct hand *hand, const struct image *page, struct stages *stages, struct layout_box **ret,
                size_t *ret_count);

#endif
