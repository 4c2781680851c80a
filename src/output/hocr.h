/* hOCR 1.2 as XHTML: pages, blocks as areas, lines with their baselines, words. */
#ifndef OCTAVO_OUTPUT_HOCR_H
#define OCTAVO_OUTPUT_HOCR_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/result.h"

void output_hocr_head(const struct result *result, const struct stages *sum, struct buffer *to);
void output_hocr_page(const struct page *page, bool first, struct buffer *to);
void output_hocr_tail(struct buffer *to);

#endif
