#include "output/markdown.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "output/prose.h"

/* Whether text would begin a list, a heading or a rule: a sign, or digits and a sign. Returns where the sign is. */
static const char *opening(const char *text) {
    const char *sign = text + strspn(text, "0123456789");
    if (sign > text) {
        return (*sign == '.' || *sign == ')') && (sign[1] == ' ' || sign[1] == '\0') ? sign : NULL;
    }
    return *text && strchr("#+-=", *text) ? text : NULL;
}

/* Nothing of the text may be read as Markdown or HTML; begins: it stands at the beginning of a block. */
static void escape(const char *text, bool begins, struct buffer *to) {
    const char *sign = begins ? opening(text) : NULL;
    for (const char *at = text; *at; at++) {
        if (*at == '&') {
            buffer_add_string(to, "&amp;");
        } else if (*at == '<') {
            buffer_add_string(to, "&lt;");
        } else if (iscntrl((unsigned char)*at)) {
            buffer_add_string(to, " ");
        } else {
            buffer_add_string(to, at == sign || strchr("\\`*_[]>|~$", *at) ? "\\" : "");
            buffer_add(to, at, 1);
        }
    }
}

/* Nothing of LaTeX may be read as HTML, where formulas are not known. */
static void add_formula(const char *latex, struct buffer *to) {
    buffer_add_string(to, "$$");
    for (const char *at = latex; *at; at++) {
        if (*at == '<' || *at == '>') {
            buffer_add_string(to, *at == '<' ? "\\lt " : "\\gt ");
        } else {
            buffer_add(to, at, 1);
        }
    }
    buffer_add_string(to, "$$\n");
}

static bool is_plain(const struct region *table) {
    for (size_t i = 0; i < table->cell_count; i++) {
        if (table->cells[i].rows > 1 || table->cells[i].columns > 1) {
            return false;
        }
    }
    return (size_t)table->rows * table->columns == table->cell_count;
}

/* The first row is the head, which GitHub wants. */
static void add_pipes(const struct region *table, struct buffer *to) {
    for (size_t i = 0; i < table->cell_count; i++) {
        const struct cell *cell = &table->cells[i];
        buffer_add_string(to, "| ");
        escape(cell->text, false, to);
        buffer_add_string(to, " ");
        if (cell->column + 1 == table->columns) {
            buffer_add_string(to, "|\n");
            for (uint32_t k = 0; cell->row == 0 && k < table->columns; k++) {
                buffer_add_string(to, k + 1 == table->columns ? "| --- |\n" : "| --- ");
            }
        }
    }
}

static size_t add_block(const struct page *page, size_t first, struct buffer *to) {
    enum region_type type = page->regions[page->lines[first].region].type;
    struct buffer text cleanup(buffer_done) = {0};
    size_t next = prose_block(page, first, &text);
    bool caption = type == REGION_FIGURE_CAPTION || type == REGION_TABLE_CAPTION;
    if (type == REGION_TITLE) {
        buffer_add_format(to, "%.*s ", prose_level(page, first), "###");
    }
    buffer_add_string(to, caption ? "*" : "");
    escape(text.data, !caption, to);
    buffer_add_string(to, caption ? "*\n" : "\n");
    return next;
}

static void part_from_before(struct buffer *to) {
    if (to->length > 0) {
        buffer_add_string(to, "\n");
    }
}

/* What it shows in a word, and where. Nothing of an URL needs to be escaped. */
static void add_picture(const struct region *region, struct buffer *to) {
    part_from_before(to);
    buffer_add_format(to, "![%s](%s)\n", region_word(region->type), region->picture);
}

void output_markdown_page(const struct page *page, bool first, struct buffer *to) {
    buffer_add_string(to, first || to->length > 0 ? "" : "\n");
    for (uint32_t i = 0; i < page->region_count; i++) {
        const struct region *region = &page->regions[i];
        if (region->type == REGION_HEADER || region->type == REGION_FOOTER || region->continued) {
            continue;
        }
        if (region->picture) {
            add_picture(region, to);
        }
        if (region->cell_count > 0) {
            part_from_before(to);
            if (is_plain(region)) {
                add_pipes(region, to);
            } else {
                prose_table(region, to);
            }
            continue;
        }
        if (region->latex) {
            part_from_before(to);
            add_formula(region->latex, to);
            continue;
        }
        for (size_t at = prose_first_line(page, i); at < page->line_count && page->lines[at].region == i;) {
            part_from_before(to);
            at = add_block(page, at, to);
        }
    }
}
