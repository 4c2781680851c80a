/*
 * From lines and the layout to the regions of a page: what is a table and how its cells lie, which line belongs where,
 * in what order all is read. Finding: one hand. The rest is pure. All in pixels of the upright page.
 */
#ifndef OCTAVO_PIPELINE_STRUCTURE_H
#define OCTAVO_PIPELINE_STRUCTURE_H

#include "pipeline/hand.h"
#include "pipeline/table.h"

/* A region that the models see. */
struct found {
    enum region_type type;
    float score;
    struct area area;
    struct table_grid grid; /* of a table; else of no cells */
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
 * Cuts boxes that reach over several cells of a row where the white between their words is widest, so that each piece
 * is read by itself. *boxes (from alloc(), *count of them) is replaced.
 */
void structure_split(const struct image *page, const struct findings *findings, struct quad **boxes, size_t *count);

enum { STRUCTURE_CUTS = 64 /* most in one line */ };

/* Where that would cut one box, from left to right; returns how often. */
size_t structure_cuts(const struct image *page, const struct findings *findings, const struct quad *box,
                      float ret[STRUCTURE_CUTS]);

/*
 * Puts the lines of page into reading order, row and block numbered, makes its regions, and fills the cells of tables
 * with the text of their lines. Tables stand in the order as wholes; what the layout calls header or footer, at the
 * edge of the page, comes first and last. Lines that no region claims make text regions of their own; all of a page
 * without findings are one. height: of the upright page.
 */
void structure_arrange(struct page *page, const struct findings *findings, float width, float height);

#endif
