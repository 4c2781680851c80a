/*
 * Markdown as GitHub reads it: headings, paragraphs, tables with pipes where no cell spans others, else as HTML.
 * Captions are emphasised; what the layout calls header and footer is left out, as readers of running text expect.
 * Regions with a picture show it, before what was read of them.
 */
#ifndef OCTAVO_OUTPUT_MARKDOWN_H
#define OCTAVO_OUTPUT_MARKDOWN_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/result.h"

void output_markdown_page(const struct page *page, bool first, struct buffer *to);

#endif
