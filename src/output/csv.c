#include "output/csv.h"

#include <string.h>

#include "base/memory.h"
#include "output/cells.h"

struct csv {
    bool begun; /* a table was written */
};

static void *open_csv(void) { return alloc(1, sizeof(struct csv)); }

/*
 * What separates cells in some countries or programs. Quotes do not help there: those of a cell that a comma precedes
 * stand amid another for who does not take commas for separators, and mean nothing.
 */
#define SEPARATORS ";\t\r\n"

/* Spreadsheets take what begins so for a formula, which could send other cells away; the last are of full width. */
static bool is_sign(const char *text) {
    static const char *const signs[] = {"=", "+", "-", "@", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
    for (size_t i = 0; i < array_length(signs); i++) {
        if (strncmp(text, signs[i], strlen(signs[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether text is a number up to its end or the next separator. */
static bool is_number(const char *text) {
    char *part cleanup(drop_memory) = format("%.*s", (int)strcspn(text, SEPARATORS), text);
    unsigned decimals;
    return cell_is_number(part, &decimals);
}

/* A formula has an apostrophe before it, also what would be one if the cell were taken apart. */
static void add_cell(const char *text, struct buffer *to) {
    bool quoted = text[strcspn(text, ",\"" SEPARATORS)] != '\0', begins = true;
    unsigned decimals;
    buffer_add_string(to, quoted ? "\"" : "");
    buffer_add_string(to, *text == '\t' || *text == '\r' ? "'" : "");
    for (const char *at = text; *at; at++) {
        bool sign = begins && is_sign(at);
        bool formula = sign && !(at == text ? cell_is_number(text, &decimals) : is_number(at));
        buffer_add_string(to, formula ? "'" : "");
        buffer_add(to, at, 1);
        buffer_add_string(to, *at == '"' ? "\"" : "");
        begins = strchr(SEPARATORS, *at) || (begins && strchr(" \"", *at));
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
