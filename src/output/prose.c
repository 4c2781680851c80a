#include "output/prose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "document/join.h"

#define LARGE 1.8F  /* times the usual height of a line: a title of the document */
#define MIDDLE 1.3F /* a title of a part */

size_t prose_block(const struct page *page, size_t first, struct buffer *text) {
    const struct line *lines = page->lines;
    size_t at = first;
    while (at < page->line_count && lines[at].block == lines[first].block && lines[at].region == lines[first].region) {
        struct buffer row cleanup(buffer_done) = {0};
        uint32_t number = lines[at].row;
        for (; at < page->line_count && lines[at].row == number && lines[at].region == lines[first].region; at++) {
            buffer_add_string(&row, row.length > 0 ? " " : "");
            buffer_add_string(&row, lines[at].text);
        }
        join_line(text, row.data);
    }
    return at;
}

static float height_of(const struct line *line) {
    const struct point *corner = line->quad.corner;
    return hypotf(corner[3].x - corner[0].x, corner[3].y - corner[0].y);
}

static int by_size(const void *a, const void *b) {
    const float *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

int prose_level(const struct page *page, size_t first_line) {
    float *heights cleanup(drop_memory) = alloc(page->line_count, sizeof(*heights));
    for (size_t i = 0; i < page->line_count; i++) {
        heights[i] = height_of(&page->lines[i]);
    }
    qsort(heights, page->line_count, sizeof(*heights), by_size);
    float ratio = height_of(&page->lines[first_line]) / fmaxf(heights[page->line_count / 2], 1);
    return ratio >= LARGE ? 1 : ratio >= MIDDLE ? 2 : 3;
}

size_t prose_first_line(const struct page *page, uint32_t region) {
    size_t i = 0;
    while (i < page->line_count && page->lines[i].region != region) {
        i++;
    }
    return i;
}

void prose_escape_html(const char *text, struct buffer *to) {
    for (const char *at = text; *at; at++) {
        switch (*at) {
        case '&':
            buffer_add_string(to, "&amp;");
            break;
        case '<':
            buffer_add_string(to, "&lt;");
            break;
        case '>':
            buffer_add_string(to, "&gt;");
            break;
        case '"':
            buffer_add_string(to, "&quot;");
            break;
        default:
            buffer_add(to, (unsigned char)*at < 0x20 || *at == 0x7F ? " " : at, 1);
        }
    }
}

/* Begins rows up to count: also one in which no cell begins, since the cells that span it count it. */
static void begin_rows(uint32_t *begun, uint32_t count, struct buffer *to) {
    for (; *begun < count; ++*begun) {
        buffer_add_string(to, *begun > 0 ? "</tr>\n<tr>" : "<tr>");
    }
}

void prose_table(const struct region *table, struct buffer *to) {
    uint32_t begun = 0;
    buffer_add_string(to, "<table>\n");
    for (size_t i = 0; i < table->cell_count; i++) {
        const struct cell *cell = &table->cells[i];
        begin_rows(&begun, cell->row + 1, to);
        buffer_add_string(to, "<td");
        if (cell->rows > 1) {
            buffer_add_format(to, " rowspan=\"%u\"", cell->rows);
        }
        if (cell->columns > 1) {
            buffer_add_format(to, " colspan=\"%u\"", cell->columns);
        }
        buffer_add_string(to, ">");
        prose_escape_html(cell->text, to);
        buffer_add_string(to, "</td>");
    }
    begin_rows(&begun, table->cell_count > 0 ? table->rows : 0, to);
    buffer_add_string(to, begun > 0 ? "</tr>\n</table>\n" : "</table>\n");
}
