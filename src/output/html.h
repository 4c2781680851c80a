/*
 * HTML that stands alone: a section for each page; headings, paragraphs, tables, captions; what the layout calls header
 * and footer as <header> and <footer>; figures where the regions have pictures. Nothing of a document's text is markup.
 */
#ifndef OCTAVO_OUTPUT_HTML_H
#define OCTAVO_OUTPUT_HTML_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/result.h"

void output_html_head(const struct result *result, const struct stages *sum, struct buffer *to);
void output_html_page(const struct page *page, bool first, struct buffer *to);
void output_html_regions(const struct page *page, uint32_t from, uint32_t end, struct buffer *to);
void output_html_tail(struct buffer *to);

#endif
