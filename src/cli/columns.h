/* Text in aligned columns. One thread. */
#ifndef OCTAVO_CLI_COLUMNS_H
#define OCTAVO_CLI_COLUMNS_H

#include <stddef.h>

#include "base/buffer.h"

enum { COLUMNS_MOST = 6 };

struct columns {
    char *(*rows)[COLUMNS_MOST];
    size_t count;
};

/* Adds a row of copies; NULL ends cells that are fewer than COLUMNS_MOST. Control characters are written out. */
void columns_add(struct columns *columns, const char *const cells[]);

/* Adds the rows to text, two blanks before and between; widths are counted in characters. */
void columns_write(const struct columns *columns, struct buffer *text);

void columns_done(struct columns *columns);

#endif
