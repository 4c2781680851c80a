#include "pipeline/gutter.h"

#include <math.h>

/* Boxes of lines reach beyond the print by a quarter of their height: of a gutter of 1 em little is left. */
#define GUTTER 0.1F
/* With fewer full rows it is a title block, an address or a form's field, which people read across. */
#define COLUMN_ROWS 4
/* A narrower column holds line numbers, list marks or amounts, which belong to what stands beside them. */
#define COLUMN_WIDTH 6.0F
/*
 * A row of running text fills this part of its column; cells of a table do not, nor do several columns of cells. The
 * column is as wide as the widest of so many rows: it may change its width around a picture.
 */
#define FULL_ROW 0.7F
#define BRIM_ROW 0.8F
#define STRETCH 12
/* Rows of running text, with paragraphs and headings, follow each other faster than this; of tables often not. */
#define PITCH 1.4F
/* Beside so long and wide a column anything that is not level with it (a sidebar, a chart) is a column too. */
#define MAIN_ROWS 8
#define MAIN_WIDTH 15.0F
/* Boxes are level if their middles are this near; by chance some 40 % are, in a table nearly all. */
#define LEVEL 0.2F
#define LEVEL_SHARE 0.6F
/* Head and foot lines stand off from the columns by more than this and are so many rows at most. */
#define MARGIN_GAP 1.5F
#define MARGIN_ROWS 5
/* An inset reaches so far into both columns; what reaches less far is a line that sticks out of one. */
#define BAY 1.0F
/* Boxes whose middles are nearer than this are in one row. */
#define ROW 0.4F
/* Boxes before and after one in which its neighbours are looked for: more than a row of a table has. */
#define NEIGHBOURS 32

/* A row of boxes on one side of a gutter: where it is, and how much of its width they cover. */
struct row {
    float left, right, middle, covered;
};

/* What stands on one side of a gutter. */
struct side {
    size_t rows, full_rows, brim_rows; /* full_rows cover FULL_ROW of the column, brim_rows BRIM_ROW */
    float left, right, first, last;    /* its extent; the middles of its first and last row */
};

enum place gutter_place(const struct gutter *gutter, const struct box *box) {
    return box->right <= gutter->left ? PLACE_LEFT : box->left >= gutter->right ? PLACE_RIGHT : PLACE_INSET;
}

/* Reads the next row at place, from box *next of the gutter's region on. False if there is none. */
static bool read_row(const struct box *boxes, const struct gutter *gutter, float em, enum place place, size_t *next,
                     struct row *ret) {
    struct row row = {.left = INFINITY, .right = -INFINITY, .middle = INFINITY};
    for (; *next < gutter->region.end; ++*next) {
        const struct box *box = &boxes[*next];
        if (gutter_place(gutter, box) != place) {
            continue;
        }
        if (box_middle(box) > row.middle + ROW * em) {
            break;
        }
        row.middle = fminf(row.middle, box_middle(box));
        row.left = fminf(row.left, box->left);
        row.right = fmaxf(row.right, box->right);
        row.covered += box_width(box);
    }
    *ret = row;
    return row.covered > 0;
}

/* Adds a stretch of rows to a side: those are full that cover most of the stretch's width. */
static void add_stretch(struct side *side, const struct row *rows, size_t count) {
    float left = INFINITY, right = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        left = fminf(left, rows[i].left);
        right = fmaxf(right, rows[i].right);
        side->first = fminf(side->first, rows[i].middle);
        side->last = fmaxf(side->last, rows[i].middle);
    }
    for (size_t i = 0; i < count; i++) {
        side->full_rows += rows[i].covered >= FULL_ROW * (right - left);
        side->brim_rows += rows[i].covered >= BRIM_ROW * (right - left);
    }
    side->rows += count;
    side->left = fminf(side->left, left);
    side->right = fmaxf(side->right, right);
}

static struct side measure(const struct box *boxes, const struct gutter *gutter, float em, enum place place) {
    struct side side = {.left = INFINITY, .right = -INFINITY, .first = INFINITY, .last = -INFINITY};
    struct row rows[STRETCH];
    size_t count, next = gutter->region.first;
    do {
        for (count = 0; count < STRETCH && read_row(boxes, gutter, em, place, &next, &rows[count]);) {
            count++;
        }
        add_stretch(&side, rows, count);
    } while (count == STRETCH);
    return side;
}

/* Whether it may be running text. */
static bool is_column(const struct side *side, float em) {
    return side->full_rows >= COLUMN_ROWS && 2 * side->full_rows >= side->rows &&
           side->right - side->left >= COLUMN_WIDTH * em;
}

/* Whether a column is running text even though its rows are level with those across the gutter. */
static bool is_dense(const struct side *side, float em) {
    return 2 * side->brim_rows >= side->rows && side->last - side->first < PITCH * em * (float)(side->rows - 1);
}

static bool is_main_column(const struct side *side, float em) {
    return side->full_rows >= MAIN_ROWS && 3 * side->full_rows >= 2 * side->rows &&
           side->right - side->left >= MAIN_WIDTH * em;
}

/* First and end of the boxes around box i of region that may be level with it. */
static struct stretch neighbours(struct stretch region, size_t i) {
    return (struct stretch){i - region.first > NEIGHBOURS ? i - NEIGHBOURS : region.first,
                            region.end - i > NEIGHBOURS ? i + NEIGHBOURS : region.end};
}

/* Whether most boxes at place are level with one across the gutter, as the cells of a table are. */
static bool is_level(const struct box *boxes, const struct gutter *gutter, float em, enum place place) {
    size_t count = 0, level = 0;
    for (size_t i = gutter->region.first; i < gutter->region.end; i++) {
        if (gutter_place(gutter, &boxes[i]) != place) {
            continue;
        }
        struct stretch near = neighbours(gutter->region, i);
        bool found = false;
        for (size_t k = near.first; k < near.end && !found; k++) {
            found = gutter_place(gutter, &boxes[k]) == (place == PLACE_LEFT ? PLACE_RIGHT : PLACE_LEFT) &&
                    fabsf(box_middle(&boxes[k]) - box_middle(&boxes[i])) < LEVEL * em;
        }
        count++;
        level += found;
    }
    return (float)level > LEVEL_SHARE * (float)count;
}

/* How many boxes at the head (or foot) of region stand off from the rest. */
static size_t margin(const struct box *boxes, struct stretch region, float em, bool foot) {
    size_t count = region.end - region.first, off = 0, rows = 0;
    float edge = -INFINITY, row = -INFINITY;
    for (size_t k = 0; k < count; k++) {
        /* Seen from the edge of the page: at the foot upside down. */
        const struct box *box = &boxes[foot ? region.end - 1 - k : region.first + k];
        float near = foot ? -box->bottom : box->top, far = foot ? -box->top : box->bottom;
        if (near - edge > MARGIN_GAP * em) {
            off = k;
        }
        if ((near + far) / 2 - row > ROW * em) {
            row = (near + far) / 2;
            rows++;
        }
        if (rows > MARGIN_ROWS) {
            break;
        }
        edge = fmaxf(edge, far);
    }
    return off;
}

static size_t size_of(const struct gutter *gutter) { return gutter->region.end - gutter->region.first; }

/* Keeps the gutter instead of *best if it parts columns, and more boxes. */
static void try_gutter(const struct box *boxes, struct gutter gutter, float em, struct gutter *best) {
    gutter.region.first += margin(boxes, gutter.region, em, false);
    gutter.region.end -= margin(boxes, gutter.region, em, true);
    if (size_of(&gutter) <= size_of(best)) {
        return;
    }
    struct side left = measure(boxes, &gutter, em, PLACE_LEFT), right = measure(boxes, &gutter, em, PLACE_RIGHT);
    bool columns = is_column(&left, em) && is_column(&right, em);
    bool main_column = is_main_column(&left, em) || is_main_column(&right, em);
    if (left.rows < COLUMN_ROWS || right.rows < COLUMN_ROWS || !(columns || main_column)) {
        return;
    }
    if (!is_level(boxes, &gutter, em, left.rows < right.rows ? PLACE_LEFT : PLACE_RIGHT) ||
        (columns && is_dense(&left, em) && is_dense(&right, em))) {
        *best = gutter;
    }
}

/* Whether a box reaches well into both sides of the gutter, and has text beside it on both. */
static bool is_inset(const struct gutter *gutter, const struct box *box, float em) {
    return box->left < gutter->left - BAY * em && box->right > gutter->right + BAY * em &&
           box->before <= gutter->left && box->after >= gutter->right;
}

/* Tries each stretch of the strip that is clear but, if they are allowed, for a few insets. */
static void try_strip(const struct box *boxes, struct stretch region, float em, struct gutter strip, bool insets,
                      struct gutter *best) {
    size_t count[] = {[PLACE_LEFT] = 0, [PLACE_RIGHT] = 0, [PLACE_INSET] = 0};
    strip.region.first = region.first;
    for (size_t i = region.first; i <= region.end; i++) {
        enum place place = i < region.end ? gutter_place(&strip, &boxes[i]) : PLACE_INSET;
        if (place != PLACE_INSET || (insets && i < region.end && is_inset(&strip, &boxes[i], em))) {
            count[place]++;
            continue;
        }
        if (count[PLACE_LEFT] >= COLUMN_ROWS && count[PLACE_RIGHT] >= COLUMN_ROWS &&
            count[PLACE_INSET] <= count[PLACE_LEFT] / 3 && count[PLACE_INSET] <= count[PLACE_RIGHT] / 3) {
            strip.region.end = i;
            try_gutter(boxes, strip, em, best);
        }
        strip.region.first = i + 1;
        count[PLACE_LEFT] = count[PLACE_RIGHT] = count[PLACE_INSET] = 0;
    }
}

/* Looks up the level neighbours of each box once, for is_inset(). */
static void find_neighbours(struct box *boxes, struct stretch region) {
    for (size_t i = region.first; i < region.end; i++) {
        struct stretch near = neighbours(region, i);
        struct box *box = &boxes[i];
        box->before = INFINITY;
        box->after = -INFINITY;
        for (size_t k = near.first; k < near.end; k++) {
            if (boxes[k].bottom < box_middle(box) || boxes[k].top > box_middle(box)) {
                continue;
            }
            if (boxes[k].right <= box->left) {
                box->before = fminf(box->before, boxes[k].right);
            } else if (boxes[k].left >= box->right) {
                box->after = fmaxf(box->after, boxes[k].left);
            }
        }
    }
}

bool gutter_find(struct box *boxes, struct stretch region, float em, struct gutter *ret) {
    struct gutter best = {0};
    find_neighbours(boxes, region);
    for (size_t i = region.first; i < region.end; i++) {
        struct gutter strip = {.left = boxes[i].right, .right = boxes[i].right + GUTTER * em};
        try_strip(boxes, region, em, strip, false, &best);
        try_strip(boxes, region, em, strip, true, &best);
    }
    if (size_of(&best) == 0) {
        return false;
    }
    *ret = best;
    return true;
}
