/* What is printed and what is paper. Pure, any thread. */
#ifndef OCTAVO_PIPELINE_INK_H
#define OCTAVO_PIPELINE_INK_H

#include <stdbool.h>

#include "image/image.h"

/* Whole pixels within a page; of none where left is not before right or top not above bottom. */
struct strip {
    uint32_t left, right, top, bottom;
};

struct strip ink_strip(const struct image *page, const struct area *area);

/* The commonest grey of the strip. */
int ink_paper(const struct image *page, const struct strip *strip);

/* Whether a pixel is clearly darker or lighter than paper. */
bool ink_at(const struct image *page, int paper, uint32_t x, uint32_t y);

#endif
