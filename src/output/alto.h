/* ALTO 4.4: blocks, lines, words with blanks between them; in pixels. */
#ifndef OCTAVO_OUTPUT_ALTO_H
#define OCTAVO_OUTPUT_ALTO_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/result.h"

void output_alto_head(const struct result *result, const struct stages *sum, struct buffer *to);
void output_alto_page(const struct page *page, bool first, struct buffer *to);
void output_alto_tail(struct buffer *to);

#endif
