#include "output/html.h"

#include <string.h>

#include "base/memory.h"
#include "output/prose.h"

static const char style[] =
    "body{max-width:50em;margin:auto;padding:1em;font-family:serif;line-height:1.4}"
    "section{border-bottom:1px solid #ccc}img{max-width:100%}table{border-collapse:collapse;margin:1em 0}"
    "td{border:1px solid #999;padding:.1em .4em;vertical-align:top}header,footer,.caption{color:#555;font-size:.9em}";

void output_html_head(const struct result *result, const struct stages *sum, struct buffer *to) {
    (void)sum;
    buffer_add_string(to, "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>");
    prose_escape_html(result->name, to);
    buffer_add_format(to, "</title>\n<style>%s</style>\n</head>\n<body>\n", style);
}

/* The element that a block of the region's text is put into, attributes included. */
static const char *element_of(const struct page *page, size_t first, enum region_type type) {
    static const char *const headings[] = {"h1", "h2", "h3"};
    switch (type) {
    case REGION_TITLE:
        return headings[prose_level(page, first) - 1];
    case REGION_HEADER:
        return "header";
    case REGION_FOOTER:
        return "footer";
    case REGION_FIGURE_CAPTION:
    case REGION_TABLE_CAPTION:
        return "p class=\"caption\"";
    case REGION_TEXT:
    case REGION_FIGURE:
    case REGION_TABLE:
    case REGION_REFERENCE:
    case REGION_EQUATION:
    case REGION_SEAL:
    case REGION_CHART:
    case REGION_TYPE_COUNT:
        break;
    }
    return "p";
}

static size_t add_block(const struct page *page, size_t first, struct buffer *to) {
    struct buffer text cleanup(buffer_done) = {0};
    const char *element = element_of(page, first, page->regions[page->lines[first].region].type);
    size_t next = prose_block(page, first, &text);
    buffer_add_format(to, "<%s>", element);
    prose_escape_html(text.data, to);
    buffer_add_format(to, "</%.*s>\n", (int)strcspn(element, " "), element);
    return next;
}

/* What it shows in a word, and where. Nothing of an URL needs to be escaped. */
static void add_picture(const struct region *region, struct buffer *to) {
    buffer_add_format(to, "<p><img alt=\"%s\" src=\"", region_word(region->type));
    buffer_add_string(to, region->picture);
    buffer_add_string(to, "\"></p>\n");
}

static void add_region(const struct page *page, uint32_t place, struct buffer *to) {
    const struct region *region = &page->regions[place];
    if (region->picture) {
        add_picture(region, to);
    }
    if (region->cell_count > 0) {
        if (!region->continued) {
            prose_table(region, to);
        }
        return;
    }
    if (region->latex) {
        buffer_add_string(to, "<p><span class=\"math\">");
        prose_escape_html(region->latex, to);
        buffer_add_string(to, "</span></p>\n");
        return;
    }
    for (size_t at = prose_first_line(page, place); at < page->line_count && page->lines[at].region == place;) {
        at = add_block(page, at, to);
    }
}

void output_html_regions(const struct page *page, uint32_t from, uint32_t end, struct buffer *to) {
    if (from == 0) {
        buffer_add_format(to, "<section id=\"page-%u\">\n", page->number);
    }
    for (uint32_t i = from; i < end; i++) {
        add_region(page, i, to);
    }
    if (end == page->region_count) {
        buffer_add_string(to, "</section>\n");
    }
}

void output_html_page(const struct page *page, bool first, struct buffer *to) {
    (void)first;
    output_html_regions(page, 0, (uint32_t)page->region_count, to);
}

void output_html_tail(struct buffer *to) { buffer_add_string(to, "</body>\n</html>\n"); }
