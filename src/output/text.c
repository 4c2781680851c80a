#include "output/text.h"

void output_text_page(const struct page *page, bool first, struct buffer *to) {
    if (!first) {
        buffer_add_string(to, "\f");
    }
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
