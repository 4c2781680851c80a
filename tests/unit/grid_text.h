/* The grid of a table as text, for tests; whether it is one. */
#ifndef OCTAVO_UNIT_GRID_TEXT_H
#define OCTAVO_UNIT_GRID_TEXT_H

#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "pipeline/table/grid.h"

/* Rows and columns, then for each cell row,column and its spans; * for one that only fills a gap. The caller frees it.
 */
static inline char *grid_text(const struct table_grid *grid) {
    char *text = format("%ux%u", grid->rows, grid->columns);
    for (size_t i = 0; i < grid->count; i++) {
        const struct table_cell *cell = &grid->cells[i];
        char *longer =
            format("%s %u,%u:%ux%u%s", text, cell->row, cell->column, cell->rows, cell->columns, cell->seen ? "" : "*");
        free(text);
        text = longer;
    }
    return text;
}

/* Whether all cells lie within it, and are as large as it together. */
static inline bool grid_is_covered(const struct table_grid *grid) {
    size_t covered = 0;
    for (size_t i = 0; i < grid->count; i++) {
        const struct table_cell *cell = &grid->cells[i];
        if (cell->rows < 1 || cell->row + cell->rows > grid->rows || cell->columns < 1 ||
            cell->column + cell->columns > grid->columns) {
            return false;
        }
        covered += (size_t)cell->rows * cell->columns;
    }
    return covered == (size_t)grid->rows * grid->columns;
}

#endif
