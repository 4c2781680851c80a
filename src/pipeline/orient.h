/*
 * Page orientation: PP-LCNet doc_ori (design/ppocr-algorithms 1), or where that is not installed what Tesseract sees of
 * letters (its osd). One hand, one thread.
 */
#ifndef OCTAVO_PIPELINE_ORIENT_H
#define OCTAVO_PIPELINE_ORIENT_H

#include "pipeline/hand.h"

/*
 * *ret is the clockwise turn that the page has suffered: 0, 90, 180 or 270; 0 where the model is not sure enough or is
 * not installed. dpi: 0 if unknown. Errors as hand_run().
 */
int orient_page(const struct hand *hand, const struct image *page, float dpi, struct stages *stages, int *ret);

#endif
