/* Plain text: a line for each row, an empty line between blocks, a form feed between pages. */
#ifndef OCTAVO_OUTPUT_TEXT_H
#define OCTAVO_OUTPUT_TEXT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/result.h"

void output_text_page(const struct page *page, bool first, struct buffer *to);

#endif
