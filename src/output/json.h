/* JSON as docs/result.schema.json describes it; each page on a line of its own. */
#ifndef OCTAVO_OUTPUT_JSON_H
#define OCTAVO_OUTPUT_JSON_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/result.h"

void output_json_head(const struct result *result, const struct stages *sum, struct buffer *to);
void output_json_page_with_words(const struct page *page, bool first, struct buffer *to);
void output_json_page(const struct page *page, bool first, struct buffer *to);
void output_json_tail(struct buffer *to);

#endif
