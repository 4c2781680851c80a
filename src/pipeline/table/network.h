/* The structure of a table as a network sees it: SLANet, SLANeXt (design/ppocr-algorithms 7). One hand; decoding is
 * pure. */
#ifndef OCTAVO_PIPELINE_TABLE_NETWORK_H
#define OCTAVO_PIPELINE_TABLE_NETWORK_H

#include "pipeline/hand.h"
#include "pipeline/table/grid.h"

/*
 * Decodes what both give: areas [1, steps, 8] (four corners, 0 to 1 of a square of side pixels) and tokens [1, steps,
 * words + 2], whose first class begins and whose last ends a table. words: the model's tokens of HTML. Areas are moved
 * and scaled to page pixels: origin + scale * pixel. What the tokens leave open is closed, spans that reach beyond the
 * table or over another cell are cut. *ret may be of no cells; caller calls table_grid_done(). ERR_BAD_MODEL.
 */
int network_decode(const struct outputs *outputs, const char *const *words, size_t word_count, float side,
                   struct point origin, float scale, struct table_grid *ret);

/*
 * The structure of the table in area of the page by role's model (ROLE_TABLE, ROLE_TABLE_RULED); of no cells where it
 * is not installed or sees no table. Errors as hand_run(), ERR_BAD_MODEL.
 */
int network_find(const struct hand *hand, enum role role, const struct image *page, const struct area *area,
                 struct stages *stages, struct table_grid *ret);

#endif
