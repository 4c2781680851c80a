/* What Markdown and HTML share: regions as paragraphs and headings, tables as HTML. */
#ifndef OCTAVO_OUTPUT_PROSE_H
#define OCTAVO_OUTPUT_PROSE_H

#include "base/buffer.h"
#include "document/page.h"

/*
 * The text of the lines from first on that are one block of one region, rows joined as join_line() does it, added to
 * text; returns the index after them.
 */
size_t prose_block(const struct page *page, size_t first, struct buffer *text);

/* The level of a heading, 1 to 3, by the height of its first line against the page's usual one. */
int prose_level(const struct page *page, size_t first_line);

/* The first line of a region; line_count if it has none. */
size_t prose_first_line(const struct page *page, uint32_t region);

/* Text for HTML: what could be markup becomes entities, control characters blanks. */
void prose_escape_html(const char *text, struct buffer *to);

/* The table as <table>, a line for each row. */
void prose_table(const struct region *table, struct buffer *to);

#endif
