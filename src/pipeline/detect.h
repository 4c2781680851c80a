/* Text detection (DB; design/ppocr-algorithms 2). One hand, one thread. */
#ifndef OCTAVO_PIPELINE_DETECT_H
#define OCTAVO_PIPELINE_DETECT_H

#include "image/contour.h"
#include "pipeline/hand.h"

enum { DETECT_OVERLAP = 64 /* pixels of the network's input that two tiles share; docs/performance.md */ };

/*
 * Finds the lines of an upright page, in hand->tiles pieces that are run one after the other and whose maps are joined
 * (pipeline/tiles.h), so that no line is cut. Boxes are in pixels of the page, in the order of their first cells; the
 * caller frees *ret. Errors as hand_run().
 */
int detect_lines(const struct hand *hand, const struct image *page, struct stages *stages, struct text_box **ret,
                 size_t *ret_count);

#endif
