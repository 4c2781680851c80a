/*
 * From lines and the layout to the regions of a page: what is a table and how its cells lie, which line belongs where,
 * in what order all is read. Finding: one hand. The rest is pure. All in pixels of the upright page.
 */
#ifndef OCTAVO_PIPELINE_STRUCTURE_H
#define OCTAVO_PIPELINE_STRUCTURE_H

#include "pipeline/hand.h"
#include "pipeline/table/grid.h"

/* A region that the models see. */
struct found {
    enum region_type type;
    float score;
    struct area area;
    uint32_t order;         /* its place in the model's reading order, from 1; 0: the model has none */
    struct table_grid grid; /* of a table; else of no cells */
    /* What its own model has read in it (pipeline/part/parts.h): lines from top to bottom, of a formula one. */
    struct line *lines;
    size_t line_count;
    bool formula; /* the line is LaTeX */
};

struct findings {
    struct found *list;
    size_t count;
};

void findings_done(struct findings *findings);

/*
 * Finds regions and the structure of tables on a page with count lines in boxes; none where there is no layout model. A
 * table of a single column is text. The caller calls findings_done(). Errors as hand_run(), ERR_BAD_MODEL.
 */
int structure_find(const struct hand *hand, const struct image *page, const struct quad *boxes, size_t count,
                   struct stages *stages, struct findings *ret);

/*
 * Regions that were just found, on a page with count lines in boxes: figures full of lines become text; what lies
 * within a table goes, and of regions that have the same place the less sure ones.
 */
void structure_sift(struct findings *findings, const struct quad *boxes, size_t count);

/*
 * Cuts boxes that reach over several cells of a row where the white between their words is widest, so that each piece
 * is read by itself. *boxes (from alloc(), *count of them) is replaced.
 */
void structure_split(const struct image *page, const struct findings *findings, struct quad **boxes, size_t *count);

/* A sign that needs no reading. */
struct lone {
    struct quad box;
    const char *text; /* borrowed for ever */
};

/*
 * Dashes in cells that have none of the count lines in boxes: the detector takes them for rulings, and the reader for
 * the Chinese one. Caller frees *ret; returns how many.
 */
size_t structure_lone(const struct image *page, const struct findings *findings, const struct quad *boxes, size_t count,
                      struct lone **ret);

enum { STRUCTURE_CUTS = 64 /* most in one line */ };

/* Where that would cut one box, from left to right; returns how often. */
size_t structure_cuts(const struct image *page, const struct findings *findings, const struct quad *box,
                      float ret[STRUCTURE_CUTS]);

/*
 * Puts the lines of page into reading order, row and block numbered, makes its regions, and fills the cells of tables
 * with the text of their lines. Where the model has an order, the regions follow that. Tables, and what was read by
 * models of its own, stand in the order as wholes; what the layout calls header or footer, at the edge of the page,
 * comes first and last. A region of text that another one lies within is two, before it and behind it. Lines that no
 * region claims make text regions of their own; all of a page without findings are one. What findings have of lines
 * becomes the page's. height: of the upright page.
 */
void structure_arrange(struct page *page, struct findings *findings, float width, float height);

#endif
