/* Line orientation: is a line upside down? (PP-OCR's 0/180 classifier; design/ppocr-algorithms 3.) One hand. */
#ifndef OCTAVO_PIPELINE_CLASSIFY_H
#define OCTAVO_PIPELINE_CLASSIFY_H

#include <stdbool.h>

#include "pipeline/hand.h"

/* *ret tells whether the text in box may be upside down; false where the model is missing. Errors as hand_run(). */
int classify_reversed(const struct hand *hand, const struct image *page, const struct quad *box, struct stages *stages,
                      bool *ret);

#endif
