/* Text detection (DB; design/ppocr-algorithms 2). One hand, one thread. */
#ifndef OCTAVO_PIPELINE_DETECT_H
#define OCTAVO_PIPELINE_DETECT_H

#include "image/contour.h"
#include "pipeline/hand.h"

/*
 * Finds the lines of an upright page. Boxes are in pixels of the page, in the order of their first cells; the caller
 * frees *ret. Errors as hand_run().
 */
int detect_lines(struct hand *hand, const struct image *page, struct stages *stages, struct text_box **ret,
                 size_t *ret_count);

#endif
