/* What a picture is as a whole, by PP-LCNet (design/ppocr-algorithms 1): how a page lies, whether a table is ruled. */
#ifndef OCTAVO_PIPELINE_LCNET_H
#define OCTAVO_PIPELINE_LCNET_H

#include "pipeline/hand.h"

/*
 * Runs role's model on the middle of the picture, in the size that its description says. *ret_best: the likeliest of
 * *ret_count classes (the caller knows how many there should be), whose probabilities are the first output of *ret,
 * borrowed until the caller's hand_run_end(). Errors as hand_run(), ERR_NO_MEMORY.
 */
int lcnet_run(const struct hand *hand, enum role role, enum stage stage, const struct image *picture,
              struct stages *stages, struct hand_run *ret, size_t *ret_best, size_t *ret_count);

#endif
