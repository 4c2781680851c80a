/*
 * Gutters: the white between two columns of running text, told from the white between the columns of a table.
 * Internal to order.c; pure, any thread.
 */
#ifndef OCTAVO_PIPELINE_GUTTER_H
#define OCTAVO_PIPELINE_GUTTER_H

#include <stdbool.h>
#include <stddef.h>

/* A line on a straightened page. */
struct box {
    float left, right, top, bottom;
    size_t line; /* whose it is */
    /* Of the boxes level with it the least right end to its left and the greatest left end to its right; gutter_find().
     */
    float before, after;
};

static inline float box_width(const struct box *box) { return box->right - box->left; }
static inline float box_height(const struct box *box) { return box->bottom - box->top; }
static inline float box_middle(const struct box *box) { return (box->top + box->bottom) / 2; }

/* Boxes from first to before end, sorted by box_middle(). */
struct stretch {
    size_t first, end;
};

/* The strip of white from left to right beside the boxes of region. */
struct gutter {
    struct stretch region;
    float left, right;
};

enum place { PLACE_LEFT, PLACE_RIGHT, PLACE_INSET };

/* Where a box of the gutter's region lies; an inset (a caption, a quotation) stands in a bay of both columns. */
enum place gutter_place(const struct gutter *gutter, const struct box *box);

/*
 * Finds the gutter within region that parts most boxes; em is the usual height of a line, the unit of all that is
 * measured here. False if there is none. Takes time proportional to the square of the number of boxes.
 */
bool gutter_find(struct box *boxes, struct stretch region, float em, struct gutter *ret);

#endif
