/* Dashes that are alone in their cells (pipeline/structure.h). */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "pipeline/area.h"
#include "pipeline/ink.h"
#include "pipeline/structure.h"

#define MARGIN 0.2F  /* of the usual height of lines: at the edge of a cell are rulings and lines of other rows */
#define BESIDE 0.3F  /* of that height: white beside a column that is not ruled off */
#define FLAT 0.12F   /* of that height: how high a dash is at most; 3 pixels always are flat */
#define HYPHEN 0.15F /* of that height: least width of a hyphen, which is a quarter of a letter's size */
#define EN 0.25F     /* of an en dash, half as wide as an em, which a line with its margins is 1.7 of */
#define EM 0.44F     /* of an em dash: between the two */
#define OVERLAP 0.3F /* of a cell: less of it is in lines of close rows above and below */

static int by_size(const void *a, const void *b) {
    const float *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* The usual height of the lines of a table. */
static float usual_height(const struct quad *boxes, size_t count, const struct area *table) {
    float *heights cleanup(drop_memory) = alloc(count + 1, sizeof(*heights));
    size_t inside = 0;
    for (size_t i = 0; i < count; i++) {
        struct area area = area_around(&boxes[i]);
        if (area_part(&area, table) > 0.5F) {
            heights[inside++] = area.bottom - area.top;
        }
    }
    qsort(heights, inside, sizeof(*heights), by_size);
    return heights[inside / 2];
}

static bool is_empty(const struct table_cell *cell, const struct quad *boxes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct area line = area_around(&boxes[i]);
        if (area_part(&cell->area, &line) > OVERLAP || area_part(&line, &cell->area) > OVERLAP) {
            return false;
        }
    }
    return true;
}

/* Around what is printed in the strip; false if there is nothing, or if it goes on beyond it. */
static bool ink_in(const struct image *page, const struct strip *strip, struct area *ret) {
    int paper = ink_paper(page, strip);
    uint32_t left = strip->right, right = strip->left, top = strip->bottom, bottom = strip->top;
    for (uint32_t y = strip->top; y < strip->bottom; y++) {
        for (uint32_t x = strip->left; x < strip->right; x++) {
            if (ink_at(page, paper, x, y)) {
                left = x < left ? x : left;
                right = x + 1 > right ? x + 1 : right;
                top = y < top ? y : top;
                bottom = y + 1 > bottom ? y + 1 : bottom;
            }
        }
    }
    *ret = (struct area){(float)left, (float)top, (float)right, (float)bottom};
    return right > left && left > strip->left && right < strip->right && top > strip->top && bottom < strip->bottom;
}

/* The dash that ink is among lines of that height; NULL. */
static const char *dash_of(const struct area *ink, float height) {
    float width = ink->right - ink->left, thick = ink->bottom - ink->top;
    if (thick > fmaxf(FLAT * height, 3) || width < HYPHEN * height || width < 2 * thick) {
        return NULL;
    }
    return width < EN * height ? "-" : width < EM * height ? "\u2013" : "\u2014";
}

/* A dash in the cell, as a line as high as others. */
static bool lone_dash(const struct image *page, const struct area *cell, bool ruled, float height, struct lone *ret) {
    float margin = MARGIN * height, missing = fmaxf(height - (cell->bottom - cell->top), 0) / 2;
    float beside = ruled ? -margin : BESIDE * height;
    struct area inner = {cell->left - beside, cell->top + margin - missing, cell->right + beside,
                         cell->bottom - margin + missing};
    struct strip strip = ink_strip(page, &inner);
    struct area ink;
    if (strip.left >= strip.right || strip.top >= strip.bottom || !ink_in(page, &strip, &ink)) {
        return false;
    }
    float middle = (ink.top + ink.bottom) / 2;
    struct area line = {ink.left, fmaxf(middle - height / 2, 0), ink.right,
                        fminf(middle + height / 2, (float)page->height)};
    *ret = (struct lone){.box = area_quad(&line), .text = dash_of(&ink, height)};
    return ret->text != NULL;
}

size_t structure_lone(const struct image *page, const struct findings *findings, const struct quad *boxes, size_t count,
                      struct lone **ret) {
    struct lone *list = NULL;
    size_t found = 0;
    for (size_t i = 0; i < findings->count; i++) {
        const struct table_grid *grid = &findings->list[i].grid;
        float height = grid->count > 0 ? usual_height(boxes, count, &findings->list[i].area) : 0;
        for (size_t k = 0; height > 0 && k < grid->count; k++) {
            const struct table_cell *cell = &grid->cells[k];
            struct lone lone;
            if (cell->seen && is_empty(cell, boxes, count) &&
                lone_dash(page, &cell->area, grid->ruled, height, &lone)) {
                list = resize(list, found + 1, sizeof(*list));
                list[found++] = lone;
            }
        }
    }
    *ret = list;
    return found;
}
