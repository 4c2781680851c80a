/* Where lines and words stand, in whole pixels of their page, and which of them are one block. Any thread. */
#ifndef OCTAVO_OUTPUT_PLACE_H
#define OCTAVO_OUTPUT_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "document/page.h"

struct box {
    long left, top, right, bottom; /* within the page */
};

/* A coordinate in whole pixels, 0 to high. */
long place_within(float value, uint32_t high);

/* The smallest upright box around a quad. */
struct box box_of_quad(const struct page *page, const struct quad *quad);

/* The box around lines first to end - 1. */
struct box box_of_lines(const struct page *page, size_t first, size_t end);

/* The line after the last one of the block that begins at first. */
size_t block_end(const struct page *page, size_t first);

#endif
