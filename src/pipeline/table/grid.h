/* The grid of a table: its cells, and which of them a line is in. Pure, any thread. */
#ifndef OCTAVO_PIPELINE_TABLE_GRID_H
#define OCTAVO_PIPELINE_TABLE_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "document/geometry.h"

/* A cell: first row and column, how many it spans, and where its contents are, in pixels of the upright page. */
struct table_cell {
    uint32_t row, column, rows, columns;
    struct area area;
    bool seen; /* false: it fills a gap in a row that the network left short, and has no area */
};

struct table_grid {
    struct table_cell *cells; /* row by row; together they cover rows x columns once */
    size_t count;
    uint32_t rows, columns;
    float score;   /* mean probability of the tokens, or of the cells; 1 of a grid that no network gave */
    bool ruled;    /* its cells end at ruling lines */
    bool unplaced; /* the network does not say where its cells are: their areas mean nothing */
};

void table_grid_done(struct table_grid *grid);

/* One column is a list. */
bool table_grid_is_table(const struct table_grid *grid);

/* Puts the cells row by row. */
void table_grid_sort(struct table_grid *grid);

/* The cell that has most of the line, of those that have none the nearest. The grid has cells. */
size_t table_nearest_cell(const struct table_grid *grid, const struct area *line);

#endif
