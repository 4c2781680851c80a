/* A table taken apart: by networks, by its ruling lines, by the white between its columns. One hand. */
#ifndef OCTAVO_PIPELINE_TABLE_CHOICE_H
#define OCTAVO_PIPELINE_TABLE_CHOICE_H

#include "pipeline/hand.h"
#include "pipeline/table/grid.h"

/*
 * The grid of the table in *area of a page with lines of text in boxes, the surest that there is (the choice is in
 * choice.c); of no cells where nothing sees a table. *area becomes smaller where rulings show that the table is. Errors
 * as network_find(), cells_find() and kind_find().
 */
int table_choose(const struct hand *hand, const struct image *page, const struct quad *boxes, size_t count,
                 struct area *area, struct stages *stages, struct table_grid *ret);

#endif
