/*
 * Formulas to LaTeX (PP-FormulaNet; design/ppocr-algorithms 8). The network writes token by token by itself: one run
 * gives all of them. One hand; making the picture and decoding are pure.
 */
#ifndef OCTAVO_PIPELINE_PART_FORMULA_H
#define OCTAVO_PIPELINE_PART_FORMULA_H

#include "pipeline/hand.h"

/*
 * The area of the page as the network wants it: margins cut off, as large as fits into width x height, in the middle of
 * black, grey by the weights that it was trained with. The caller calls image_done(). ERR_NO_MEMORY.
 */
int formula_picture(const struct image *page, const struct area *area, uint32_t width, uint32_t height,
                    struct image *ret);

/*
 * What token ids say, up to the first end: words[id] are a token's bytes; ids that there are not say nothing. Cleaned
 * (pipeline/part/latex.h), "" for nothing. Caller frees.
 */
char *formula_text(const float *ids, size_t count, char *const *words, size_t word_count);

/* The LaTeX of the formula in area of the page; the model must be installed. Caller frees *ret. Errors as hand_run(),
 * ERR_BAD_MODEL. */
int formula_read(const struct hand *hand, const struct image *page, const struct area *area, struct stages *stages,
                 char **ret);

#endif
