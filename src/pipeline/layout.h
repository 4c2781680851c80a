/* Layout (PicoDet; design/ppocr-algorithms 5): what the parts of a page are. One hand; decoding is pure. */
#ifndef OCTAVO_PIPELINE_LAYOUT_H
#define OCTAVO_PIPELINE_LAYOUT_H

#include "pipeline/hand.h"

/* A part of the upright page, in its pixels. */
struct layout_box {
    enum region_type type;
    float score;
    struct area area;
};

/* What the network is asked for. */
struct layout_options {
    uint32_t width, height; /* of its input */
    float threshold;        /* least score */
    const int *types;       /* enum region_type of each class, -1: none of ours */
    size_t classes;
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

/* The boxes of a page; none where the model is not installed. Caller frees *ret. Errors as hand_run(), ERR_BAD_MODEL.
 */
int layout_find(const struct hand *hand, const struct image *page, struct stages *stages, struct layout_box **ret,
                size_t *ret_count);

#endif
