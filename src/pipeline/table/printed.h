/*
 * A table as it is printed: which lines of text stand side by side, which one above the other, what white there is
 * between columns. Pure. All in pixels of the upright page.
 */
#ifndef OCTAVO_PIPELINE_TABLE_PRINTED_H
#define OCTAVO_PIPELINE_TABLE_PRINTED_H

#include "image/rulings.h"
#include "pipeline/table/grid.h"

/* A line of text: its row, its first column and how many it reaches over. */
struct piece {
    struct area area;
    float left, right; /* as if the page lay straight */
    uint32_t row, column, columns;
    bool wide; /* it reaches over several pieces of another row */
};

struct printed {
    struct piece *pieces; /* row by row */
    size_t count;
    uint32_t rows, columns;
    struct span {
        float left, right;
    } * column;  /* as if the page lay straight */
    float em;    /* usual height of the lines */
    float slope; /* y to x of the lines */
};

void printed_done(struct printed *printed);

/* Those of the boxes whose middle is in area. The caller calls printed_done(). */
void printed_find(const struct quad *boxes, size_t count, const struct area *area, struct printed *ret);

/*
 * The part of area between the first and the last ruling that go through it, where most of the lines are between them
 * and what is above or below are titles and notes, not rows (tables as in books have such rulings).
 */
struct area printed_bounds(const struct printed *printed, const struct rulings *rulings, const struct area *area);

/*
 * The table that these rows and columns are; of no cells unless there are two of each and most of their places are
 * taken. Rows between the first two rulings that go through are one, if no line of them is wide: a head of several
 * lines.
 */
void printed_grid(const struct printed *printed, const struct rulings *rulings, struct table_grid *ret);

/*
 * Puts the areas of cells where the rows and columns are printed, as far as grid has as many of them in about the same
 * places. The network counts better than it measures.
 */
void printed_align(const struct printed *printed, struct table_grid *grid);

/* The same of a grid that knows no places, if it has as many rows and columns as are printed; else false. */
bool printed_place(const struct printed *printed, struct table_grid *grid);

/*
 * Whether the table is surely as it is printed and not as grid says: almost every place is taken by one line, rows are
 * evenly spaced, and grid has them differently, with unlike numbers of lines in the cells of a row.
 */
bool printed_is_surer(const struct printed *printed, const struct table_grid *own, const struct table_grid *grid);

/*
 * Whether it is no table but running text, a list or a program: few rows have lines side by side, and grid has not a
 * row for each either, as it has where the lines of a table reach over its columns.
 */
bool printed_is_text(const struct printed *printed, const struct table_grid *grid);

#endif
