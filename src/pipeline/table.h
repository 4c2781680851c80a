/* Structure of tables (SLANet; design/ppocr-algorithms 7). One hand; decoding is pure. */
#ifndef OCTAVO_PIPELINE_TABLE_H
#define OCTAVO_PIPELINE_TABLE_H

#include "pipeline/hand.h"

/* A cell: first row and column, how many it spans, and where its contents are, in pixels of the upright page. */
struct table_cell {
    uint32_t row, column, rows, columns;
    struct area area;
    bool seen; /* false: it fills a gap in a row that the network left short, and has no area */
};

struct table_grid {
    struct table_cell *cells; /* row by row; together they cover rows x columns once */
    size_t count;
    uint32_t rows, columns;
    float score; /* mean probability of the tokens */
};

void table_grid_done(struct table_grid *grid);

/*
 * Decodes SLANet's outputs: areas [1, steps, 8] (four corners, 0 to 1 of a square of side pixels) and tokens [1, steps,
 * words + 2], whose first class begins and whose last ends a table. words: the model's tokens of HTML. Areas are moved
 * and scaled to page pixels: origin + scale * pixel. What the tokens leave open is closed, spans that reach beyond the
 * table or over another cell are cut. *ret may be of no cells; caller calls table_grid_done(). ERR_BAD_MODEL.
 */
int table_decode(const struct outputs *outputs, const char *const *words, size_t word_count, float side,
                 struct point origin, float scale, struct table_grid *ret);

/*
 * The structure of the table in area of the page; of no cells where the model is not installed or sees no table. Errors
 * as hand_run(), ERR_BAD_MODEL.
 */
int table_find(const struct hand *hand, const struct image *page, const struct area *area, struct stages *stages,
               struct table_grid *ret);

#endif
