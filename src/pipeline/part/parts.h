/*
 * Regions of a page that models of their own read instead of line by line: each is a step beside the lines. Where there
 * is no model for them they stay what the lines say, and the page says so.
 */
#ifndef OCTAVO_PIPELINE_PART_PARTS_H
#define OCTAVO_PIPELINE_PART_PARTS_H

#include "pipeline/structure.h"

struct part_kind;

struct part {
    const struct part_kind *kind;
    size_t found; /* index of findings */
    struct stages stages;
};

struct parts {
    struct part *list;
    size_t count;
    uint32_t left[SWITCH_COUNT]; /* regions that the stage would have read, had it a model */
};

void parts_done(struct parts *parts);

/* Which of the findings are read by themselves. One hand; the caller calls parts_done(). */
void parts_choose(const struct hand *hand, const struct findings *findings, struct parts *ret);

/* Takes the boxes that lie in such regions out of the *count. */
void parts_claim(const struct parts *parts, const struct findings *findings, struct quad *boxes, size_t *count);

/* Reads part index into its finding. Any hands at the same time, each part once. Errors as hand_run(), ERR_BAD_MODEL.
 */
int parts_read(const struct hand *hand, const struct image *page, struct parts *parts, size_t index,
               struct findings *findings);

/* Adds what the parts took to the page's stages, and a warning for each stage whose regions were left as they are. */
void parts_tell(const struct parts *parts, struct page *page);

#endif
