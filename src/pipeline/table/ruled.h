/* A table whose cells are ruled off. Pure. In pixels of the upright page. */
#ifndef OCTAVO_PIPELINE_TABLE_RULED_H
#define OCTAVO_PIPELINE_TABLE_RULED_H

#include "image/rulings.h"
#include "pipeline/table/grid.h"

/*
 * The cells between the rulings, and the area that these enclose with the text that hangs over a little; sides that are
 * left open end where the rulings across do. A ruling that touches none of the other way is an underline. Of no cells
 * where there are no two columns, where what is ruled off is no rectangle, or where the rulings are of two tables. em:
 * usual height of lines of text. The caller calls table_grid_done().
 */
void ruled_grid(const struct rulings *rulings, float em, struct table_grid *ret, struct area *ret_area);

#endif
