/* Cutting line boxes at the borders of cells (pipeline/structure.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pipeline/ink.h"
#include "pipeline/structure.h"

#define LEVEL 0.5F  /* part of the lower one's height that a line and a cell share */
#define REACH 0.25F /* part of a cell's width that a line must cover to reach over it */
#define WHITE 0.5F  /* of a line's height: least width of the white that parts two cells; blanks have a third */
#define TRIM 0.15F  /* of a line's height: above and below are rulings and neighbours */
#define SLOPE 0.03F /* lines that rise more are left whole */

static struct strip strip_of(const struct image *page, const struct area *line) {
    float trim = TRIM * (line->bottom - line->top);
    struct area middle = {line->left, line->top + trim, line->right, line->bottom - trim};
    return ink_strip(page, &middle);
}

static bool has_ink(const struct image *page, const struct strip *strip, int paper, uint32_t x) {
    for (uint32_t y = strip->top; y < strip->bottom; y++) {
        if (ink_at(page, paper, x, y)) {
            return true;
        }
    }
    return false;
}

/* The middle of the widest white between from and to, if it is as wide as least. */
static bool widest_white(const struct image *page, const struct strip *strip, float from, float to, float least,
                         float *ret) {
    int paper = ink_paper(page, strip);
    uint32_t begun = (uint32_t)fmaxf((float)strip->left, from),
             end = (uint32_t)fminf((float)strip->right, fmaxf(to, 0));
    float widest = 0;
    for (uint32_t x = begun; x <= end; x++) {
        if (x < end && !has_ink(page, strip, paper, x)) {
            continue;
        }
        if ((float)(x - begun) > widest) {
            widest = (float)(x - begun);
            *ret = (float)begun + widest / 2;
        }
        begun = x + 1;
    }
    return widest >= least;
}

/* Whether the line is level with the cell and reaches over it. */
static bool reaches(const struct area *line, const struct table_cell *cell) {
    const struct area *area = &cell->area;
    float level = fminf(line->bottom, area->bottom) - fmaxf(line->top, area->top);
    float over = fminf(line->right, area->right) - fmaxf(line->left, area->left);
    return cell->seen && level > LEVEL * fminf(line->bottom - line->top, area->bottom - area->top) &&
           over > REACH * (area->right - area->left);
}

/* Where to cut the line, from left to right. */
static size_t cuts_of(const struct image *page, const struct table_grid *grid, const struct area *line,
                      float cuts[STRUCTURE_CUTS]) {
    struct strip strip = strip_of(page, line);
    const struct table_cell *before = NULL;
    size_t count = 0;
    if (strip.left >= strip.right || strip.top >= strip.bottom) {
        return 0;
    }
    for (size_t i = 0; i < grid->count && count < STRUCTURE_CUTS; i++) {
        const struct table_cell *cell = &grid->cells[i];
        if (!reaches(line, cell)) {
            continue;
        }
        bool beside = before && before->row <= cell->row && cell->row < before->row + before->rows &&
                      before->column + before->columns <= cell->column;
        if (beside) {
            float from = (before->area.left + before->area.right) / 2, to = (cell->area.left + cell->area.right) / 2;
            float cut = 0;
            from = count > 0 ? fmaxf(from, cuts[count - 1]) : from;
            if (grid->ruled) {
                cuts[count++] = (before->area.right + cell->area.left) / 2;
            } else if (widest_white(page, &strip, from, to, WHITE * (line->bottom - line->top), &cut)) {
                cuts[count++] = cut;
            }
        }
        before = cell;
    }
    return count;
}

/* The point at x of the line from a to b. */
static struct point point_at(struct point a, struct point b, float x) {
    float part = b.x > a.x ? (x - a.x) / (b.x - a.x) : 0;
    return (struct point){x, a.y + part * (b.y - a.y)};
}

static struct quad piece_of(const struct quad *box, float from, float to) {
    const struct point *corner = box->corner;
    return (struct quad){{point_at(corner[0], corner[1], from), point_at(corner[0], corner[1], to),
                          point_at(corner[3], corner[2], to), point_at(corner[3], corner[2], from)}};
}

static struct area upright(const struct quad *box) {
    const struct point *corner = box->corner;
    return (struct area){fminf(corner[0].x, corner[3].x), fminf(corner[0].y, corner[1].y),
                         fmaxf(corner[1].x, corner[2].x), fmaxf(corner[2].y, corner[3].y)};
}

/* The table that has the middle of the line; NULL. Lines that stand or slope have none. */
static const struct table_grid *table_at(const struct findings *findings, const struct quad *box,
                                         const struct area *line) {
    float x = (line->left + line->right) / 2, y = (line->top + line->bottom) / 2, width = line->right - line->left;
    if (fabsf(box->corner[1].y - box->corner[0].y) > SLOPE * width || width < line->bottom - line->top) {
        return NULL;
    }
    for (size_t i = 0; i < findings->count; i++) {
        const struct found *found = &findings->list[i];
        if (found->grid.count > 0 && x > found->area.left && x < found->area.right && y > found->area.top &&
            y < found->area.bottom) {
            return &found->grid;
        }
    }
    return NULL;
}

size_t structure_cuts(const struct image *page, const struct findings *findings, const struct quad *box,
                      float ret[STRUCTURE_CUTS]) {
    struct area line = upright(box);
    const struct table_grid *grid = table_at(findings, box, &line);
    return grid ? cuts_of(page, grid, &line, ret) : 0;
}

void structure_split(const struct image *page, const struct findings *findings, struct quad **boxes, size_t *count) {
    struct quad *pieces = NULL;
    size_t piece_count = 0;
    for (size_t i = 0; i < *count; i++) {
        const struct quad *box = &(*boxes)[i];
        struct area line = upright(box);
        float cuts[STRUCTURE_CUTS], from = line.left;
        size_t cut_count = structure_cuts(page, findings, box, cuts);
        pieces = resize(pieces, piece_count + cut_count + 1, sizeof(*pieces));
        for (size_t k = 0; k < cut_count; k++) {
            pieces[piece_count++] = piece_of(box, from, cuts[k]);
            from = cuts[k];
        }
        pieces[piece_count++] = cut_count > 0 ? piece_of(box, from, line.right) : *box;
    }
    free(*boxes);
    *boxes = pieces;
    *count = piece_count;
}
