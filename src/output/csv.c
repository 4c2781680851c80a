#include "output/csv.h"

#include <string.h>

#include "base/memory.h"
#include "output/cells.h"

struct csv {
    bool begun; /* a table was written */
};

static void *open_csv(void) { return alloc(1, sizeof(struct csv)); }

/* Spreadsheets take what begins so for a formula, which could send other cells away. */
static bool is_formula(const char *text) {
    unsigned decimals;
    return *text && strchr("=+-@\t\r", *text) && !cell_is_number(text, &decimals);
}

static void add_cell(const char *text, struct buffer *to) {
    bool formula = is_formula(text), quoted = text[strcspn(text, ",\"\r\n")] != '\0';
    buffer_add_string(to, quoted ? "\"" : "");
    buffer_add_string(to, formula ? "'" : "");
    for (const char *at = text; *at; at++) {
        buffer_add(to, at, 1);
        buffer_add_string(to, *at == '"' ? "\"" : "");
    }
    buffer_add_string(to, quoted ? "\"" : "");
}

/* Places that a span covers stay empty. */
static void add_table(const struct region *table, struct buffer *to) {
    size_t next = 0;
    for (uint32_t row = 0; row < table->rows; row++) {
        for (uint32_t column = 0; column < table->columns; column++) {
            const struct cell *cell = next < table->cell_count ? &table->cells[next] : NULL;
            buffer_add_string(to, column > 0 ? "," : "");
            if (cell && cell->row == row && cell->column == column) {
                add_cell(cell->text, to);
                next++;
            }
        }
        buffer_add_string(to, "\r\n");
    }
}

static int add_page(void *state, const struct page *page, struct buffer *to) {
    struct csv *csv = state;
    for (size_t i = 0; i < page->region_count; i++) {
        if (page->regions[i].cell_count > 0 && !page->regions[i].continued) {
            buffer_add_string(to, csv->begun ? "\r\n" : "");
            add_table(&page->regions[i], to);
            csv->begun = true;
        }
    }
    return 0;
}

static int close_csv(void *state, struct buffer *to) {
    (void)state;
    buffer_add_string(to, "");
    return 0;
}

const struct output_state output_csv = {.open = open_csv, .page = add_page, .close = close_csv, .drop = free};
