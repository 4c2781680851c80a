/*
 * The cells of a table as a detector sees them (RT-DETR-L_wired_table_cell_det and _wireless_; design/ppocr-algorithms
 * 7.3, 7.5). All but finding is pure. In pixels of the upright page.
 */
#ifndef OCTAVO_PIPELINE_TABLE_CELLS_H
#define OCTAVO_PIPELINE_TABLE_CELLS_H

#include "pipeline/boxes.h"
#include "pipeline/hand.h"
#include "pipeline/table/grid.h"

/* The surest first; none lies over most of another. */
struct cells {
    struct box *list;
    size_t count;
};

void cells_done(struct cells *cells);

/*
 * Those of the table in area of the page by role's model (ROLE_CELLS, ROLE_CELLS_OPEN); none where it is not installed.
 * The caller calls cells_done(). Errors as hand_run_scaled(), boxes_read().
 */
int cells_find(const struct hand *hand, enum role role, const struct image *page, const struct area *area,
               struct stages *stages, struct cells *ret);

/*
 * The table that they tile: where their sides stand one above the other there is the border of a column, likewise of
 * rows. Single places that no cell covers are cells too. Of no cells where two cover one place, where too much is not
 * covered, and where there are no two columns. The caller calls table_grid_done().
 */
void cells_grid(const struct cells *cells, struct table_grid *ret);

/*
 * Gives the cells of grid that the network has seen the places of these, row by row, where each row has as many of
 * both; else false, and grid is as it was. A cell counts for the row that it begins in.
 */
bool cells_place(const struct cells *cells, struct table_grid *grid);

#endif
