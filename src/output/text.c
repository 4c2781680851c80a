#include "output/text.h"

static void add_page(const struct page *page, struct buffer *to) {
    for (size_t i = 0; i < page->line_count; i++) {
        const struct line *line = &page->lines[i], *before = i > 0 ? line - 1 : NULL;
        if (before && before->block != line->block) {
            buffer_add_string(to, "\n\n");
        } else if (before) {
            buffer_add_string(to, before->row == line->row ? " " : "\n");
        }
        buffer_add_string(to, line->text);
    }
    if (page->line_count > 0) {
        buffer_add_string(to, "\n");
    }
}

void output_text(const struct result *result, struct buffer *to) {
    for (size_t i = 0; i < result->page_count; i++) {
        if (i > 0) {
            buffer_add_string(to, "\f");
        }
        add_page(&result->pages[i], to);
    }
}
