/*
 * Reading order, first classical pass: recursive XY cut over line boxes (Nagy & Seth 1984; Ha, Haralick & Phillips
 * 1995), columns before rows where a gutter runs through, rows put together from pieces side by side.
 * Pure, any thread.
 */
#ifndef OCTAVO_PIPELINE_ORDER_H
#define OCTAVO_PIPELINE_ORDER_H

#include <stddef.h>

#include "document/page.h"

/*
 * Sorts the lines of an upright page (quads in its pixels; the page may be somewhat skewed) into reading order and sets
 * each line's block and row.
 */
void order_lines(struct line *lines, size_t count);

/* Likewise lines that are read across, row by row, whatever white there is between them: those of a table. */
void order_rows(struct line *lines, size_t count);

#endif
