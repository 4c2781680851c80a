#include "pipeline/table/grid.h"

#include <math.h>
#include <stdlib.h>

#include "pipeline/area.h"

void table_grid_done(struct table_grid *grid) {
    free(grid->cells);
    *grid = (struct table_grid){0};
}

bool table_grid_is_table(const struct table_grid *grid) { return grid->columns >= 2 && grid->rows >= 1; }

static int by_place(const void *a, const void *b) {
    const struct table_cell *p = a, *q = b;
    return p->row != q->row ? (p->row > q->row) - (p->row < q->row) : (p->column > q->column) - (p->column < q->column);
}

void table_grid_sort(struct table_grid *grid) { qsort(grid->cells, grid->count, sizeof(*grid->cells), by_place); }

/* How far a line is from a cell, in the terms of design/ppocr-algorithms 7.4: what they do not share, then L1. */
static float distance(const struct area *line, const struct table_cell *cell, float *ret_apart) {
    const struct area *area = &cell->area;
    struct area both = area_shared(line, area);
    float shared = area_size(&both), all = area_size(line) + area_size(area) - shared;
    float x = fabsf(line->left - area->left), y = fabsf(line->top - area->top);
    float right = fabsf(line->right - area->right), bottom = fabsf(line->bottom - area->bottom);
    *ret_apart = x + y + right + bottom + fminf(x + y, right + bottom);
    return 1 - shared / fmaxf(all, 1);
}

size_t table_nearest_cell(const struct table_grid *grid, const struct area *line) {
    size_t best = 0;
    float least = INFINITY, least_apart = INFINITY;
    for (size_t i = 0; i < grid->count; i++) {
        float apart = INFINITY;
        if (!grid->cells[i].seen) {
            continue;
        }
        float unlike = distance(line, &grid->cells[i], &apart);
        if (unlike < least || (!(unlike > least) && apart < least_apart)) {
            best = i;
            least = unlike;
            least_apart = apart;
        }
    }
    return best;
}
