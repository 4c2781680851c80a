#include "cli/columns.h"

#include <stdlib.h>

#include "base/memory.h"
#include "cli/terminal.h"

void columns_add(struct columns *columns, const char *const cells[]) {
    columns->rows = resize(columns->rows, columns->count + 1, sizeof(*columns->rows));
    char **row = columns->rows[columns->count++];
    size_t i = 0;
    for (; i < COLUMNS_MOST && cells[i]; i++) {
        row[i] = terminal_safe(cells[i]);
    }
    for (; i < COLUMNS_MOST; i++) {
        row[i] = NULL;
    }
}

/* Characters, that is bytes that do not continue one. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

/* Blanks are written before the next cell with text, so that no line ends in any. */
static void write_row(char *const row[COLUMNS_MOST], const size_t widths[COLUMNS_MOST], struct buffer *text) {
    size_t due = 0;
    for (size_t k = 0; k < COLUMNS_MOST && row[k]; k++) {
        due += 2;
        if (*row[k]) {
            buffer_add_format(text, "%*s%s", (int)due, "", row[k]);
            due = 0;
        }
        due += widths[k] - (*row[k] ? width_of(row[k]) : 0);
    }
    buffer_add_string(text, "\n");
}

void columns_write(const struct columns *columns, struct buffer *text) {
    size_t widths[COLUMNS_MOST] = {0};
    for (size_t i = 0; i < columns->count; i++) {
        for (size_t k = 0; k < COLUMNS_MOST && columns->rows[i][k]; k++) {
            size_t width = width_of(columns->rows[i][k]);
            widths[k] = width > widths[k] ? width : widths[k];
        }
    }
    for (size_t i = 0; i < columns->count; i++) {
        write_row(columns->rows[i], widths, text);
    }
}

void columns_done(struct columns *columns) {
    for (size_t i = 0; i < columns->count; i++) {
        for (size_t k = 0; k < COLUMNS_MOST; k++) {
            free(columns->rows[i][k]);
        }
    }
    free(columns->rows);
    *columns = (struct columns){0};
}
