#include "image/contour.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/clones.h"
#include "image/hull.h"

/* Cells of text side by side in a row, from start to before end; those of a component form a tree, then a list. */
struct run {
    uint32_t row, start, end;
    uint32_t parent; /* a run above or before it of the same component; itself for the component's first */
    uint32_t next;   /* of the same component, by rows; 0 for none */
};

/* The runs of a map by rows. There is at most one for every two cells. */
struct runs {
    struct run *items;
    size_t count, capacity;
};

static void runs_done(struct runs *runs) { free(runs->items); }

/* Makes room for more runs. ERR_NO_MEMORY. */
static int runs_reserve(struct runs *runs, size_t more) {
    if (runs->capacity - runs->count >= more) {
        return 0;
    }
    size_t capacity = 2 * runs->capacity + more;
    void *items;
    int code = try_alloc(capacity, sizeof *runs->items, &items);
    if (code < 0) {
        return code;
    }
    if (runs->count) {
        memcpy(items, runs->items, runs->count * sizeof *runs->items);
    }
    free(runs->items);
    runs->items = items;
    runs->capacity = capacity;
    return 0;
}

static uint32_t find_root(struct run *runs, uint32_t i) {
    while (runs[i].parent != i) {
        runs[i].parent = runs[runs[i].parent].parent;
        i = runs[i].parent;
    }
    return i;
}

/* Joins two trees; the earlier root stays, so that a component's root is its first run. */
static void join(struct run *runs, uint32_t a, uint32_t b) {
    a = find_root(runs, a);
    b = find_root(runs, b);
    runs[a < b ? b : a].parent = a < b ? a : b;
}

/* Joins the runs from second to before end with those of the row above, from first to before second: 8 neighbours. */
static void join_rows(struct run *runs, uint32_t first, uint32_t second, uint32_t end) {
    uint32_t above = first, here = second;
    while (above < second && here < end) {
        if (runs[above].start <= runs[here].end && runs[here].start <= runs[above].end) {
            join(runs, above, here);
        }
        if (runs[above].end < runs[here].end) {
            above++;
        } else {
            here++;
        }
    }
}

VECTOR_CLONES
static void threshold_row(const float *restrict row, uint32_t width, float threshold, uint8_t *restrict mask) {
    for (uint32_t x = 0; x < width; x++) {
        mask[x] = row[x] > threshold;
    }
}

/* A cell is set if it, its left neighbour or one of the two above these is; index -1 of the rows is 0. */
VECTOR_CLONES
static void dilate_row(const uint8_t *above, const uint8_t *here, uint32_t width, uint8_t *restrict mask) {
    for (uint32_t x = 0; x < width; x++) {
        mask[x] = here[x] | here[(ptrdiff_t)x - 1] | above[x] | above[(ptrdiff_t)x - 1];
    }
}

/* Appends the runs of a row; mask has a 0 after its width cells. */
static void append_runs(struct runs *runs, const uint8_t *mask, uint32_t row, uint32_t width) {
    const uint8_t *end = mask + width, *start = memchr(mask, 1, width);
    while (start) {
        const uint8_t *stop = memchr(start, 0, (size_t)(end - start) + 1);
        runs->items[runs->count] = (struct run){.row = row,
                                                .start = (uint32_t)(start - mask),
                                                .end = (uint32_t)(stop - mask),
                                                .parent = (uint32_t)runs->count};
        runs->count++;
        start = memchr(stop, 1, (size_t)(end - stop));
    }
}

/* Finds the runs of the thresholded map, in trees by component. ERR_NO_MEMORY. */
static int find_runs(const float *map, uint32_t width, uint32_t height, size_t stride,
                     const struct contour_options *options, struct runs *runs) {
    size_t room = (size_t)width + 2;
    cleanup(drop_memory) uint8_t *masks = alloc(3, room);
    uint8_t *above = masks + 1, *here = above + room, *dilated = here + room;
    uint32_t first = 0, second = 0;
    for (uint32_t y = 0; y < height; y++) {
        int code = runs_reserve(runs, room / 2);
        if (code < 0) {
            return code;
        }
        threshold_row(map + y * stride, width, options->threshold, here);
        if (options->dilate) {
            dilate_row(above, here, width, dilated);
        }
        append_runs(runs, options->dilate ? dilated : here, y, width);
        join_rows(runs->items, first, second, (uint32_t)runs->count);
        first = second;
        second = (uint32_t)runs->count;
        uint8_t *swap = above;
        above = here;
        here = swap;
    }
    return 0;
}

/* Turns the trees into lists that begin with the component's first run. */
static void list_components(struct runs *runs) {
    struct run *items = runs->items;
    for (size_t i = runs->count; i-- > 0;) {
        uint32_t root = find_root(items, (uint32_t)i);
        if (root != i) {
            items[i].next = items[root].next;
            items[root].next = (uint32_t)i;
        }
    }
}

/* Errors as find_runs(); the caller frees the runs in either case. */
static int find_components(const float *map, uint32_t width, uint32_t height, size_t stride,
                           const struct contour_options *options, struct runs *runs) {
    int code = find_runs(map, width, height, stride, options, runs);
    if (code == 0) {
        list_components(runs);
    }
    return code;
}

/* The leftmost and rightmost cell of each row of a component: its hull needs no others. Sorted by y, then x. */
static size_t list_ends(const struct run *runs, uint32_t first, struct point *ret) {
    size_t count = 0;
    uint32_t i = first;
    do {
        uint32_t row = runs[i].row, start = runs[i].start, end;
        do {
            end = runs[i].end;
            i = runs[i].next;
        } while (i && runs[i].row == row);
        ret[count++] = (struct point){(float)start, (float)row};
        if (end - start > 1) {
            ret[count++] = (struct point){(float)(end - 1), (float)row};
        }
    } while (i);
    return count;
}

static float distance(struct point a, struct point b) { return hypotf(a.x - b.x, a.y - b.y); }
static float quad_width(const struct quad *quad) { return distance(quad->corner[0], quad->corner[1]); }
static float quad_height(const struct quad *quad) { return distance(quad->corner[0], quad->corner[3]); }
static float short_side(const struct quad *quad) { return fminf(quad_width(quad), quad_height(quad)); }

/* Where the row at y crosses the quad; *left > *right if it does not. */
static void cross_quad(const struct quad *quad, float y, float *left, float *right) {
    *left = INFINITY;
    *right = -INFINITY;
    for (int i = 0; i < 4; i++) {
        struct point a = quad->corner[i], b = quad->corner[(i + 1) % 4];
        if (y < fminf(a.y, b.y) || y > fmaxf(a.y, b.y)) {
            continue;
        }
        float part = a.y == b.y ? 0 : (y - a.y) / (b.y - a.y), x = a.x + part * (b.x - a.x);
        *left = fminf(*left, a.y == b.y ? fminf(a.x, b.x) : x);
        *right = fmaxf(*right, a.y == b.y ? fmaxf(a.x, b.x) : x);
    }
}

/* Eight sums side by side, so that the additions need not wait for each other. */
static float sum_cells(const float *cells, size_t count) {
    float sums[8] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            sums[k] += cells[i + k];
        }
    }
    for (; i < count; i++) {
        sum += cells[i];
    }
    for (size_t k = 0; k < 8; k++) {
        sum += sums[k];
    }
    return sum;
}

/* The mean of the cells whose centres lie in the quad or, by rounding, on its edge; 0 if there are none. */
static float mean_inside(const float *map, uint32_t width, uint32_t height, size_t stride, const struct quad *quad) {
    const float edge = 1.0F / 64;
    float top = INFINITY, bottom = -INFINITY;
    for (int i = 0; i < 4; i++) {
        top = fminf(top, quad->corner[i].y);
        bottom = fmaxf(bottom, quad->corner[i].y);
    }
    double sum = 0, count = 0;
    uint32_t last_row = (uint32_t)fminf(floorf(bottom + edge), (float)(height - 1));
    for (uint32_t y = (uint32_t)fmaxf(ceilf(top - edge), 0); y <= last_row; y++) {
        float left, right;
        cross_quad(quad, fminf(fmaxf((float)y, top), bottom), &left, &right);
        left = fmaxf(ceilf(left - edge), 0);
        right = fminf(floorf(right + edge), (float)(width - 1));
        if (left <= right) {
            size_t cells = (size_t)(right - left) + 1;
            sum += (double)sum_cells(map + y * stride + (size_t)left, cells);
            count += (double)cells;
        }
    }
    return count > 0 ? (float)(sum / count) : 0;
}

/*
 * Grows a rectangle by d = area * ratio / perimeter on all sides. PaddleOCR offsets the polygon with round joins and
 * takes the smallest rectangle around that; around a rounded rectangle it is the same one as this.
 */
static struct quad unclip(const struct quad *quad, float ratio) {
    float width = quad_width(quad), height = quad_height(quad), grow = width * height * ratio / (2 * (width + height));
    const struct point *p = quad->corner;
    struct point u = {(p[1].x - p[0].x) / width * grow, (p[1].y - p[0].y) / width * grow};
    struct point v = {(p[3].x - p[0].x) / height * grow, (p[3].y - p[0].y) / height * grow};
    return (struct quad){{{p[0].x - u.x - v.x, p[0].y - u.y - v.y},
                          {p[1].x + u.x - v.x, p[1].y + u.y - v.y},
                          {p[2].x + u.x + v.x, p[2].y + u.y + v.y},
                          {p[3].x - u.x + v.x, p[3].y - u.y + v.y}}};
}

int contour_boxes(const float *map, uint32_t width, uint32_t height, size_t stride,
                  const struct contour_options *options, struct text_box **ret, size_t *ret_count) {
    cleanup(runs_done) struct runs runs = {0};
    int code = find_components(map, width, height, stride, options, &runs);
    if (code < 0) {
        return code;
    }
    /* A row of a component has two ends. */
    cleanup(drop_memory) struct point *ends = alloc(2 * (size_t)height, sizeof *ends);
    cleanup(drop_memory) struct point *hull = alloc(2 * (size_t)height + 1, sizeof *hull);
    cleanup(drop_memory) struct text_box *boxes = NULL;
    size_t count = 0, capacity = 0, components = 0;
    for (size_t i = 0; i < runs.count && components < options->max_boxes; i++) {
        if (runs.items[i].parent != i) {
            continue;
        }
        components++;
        struct quad quad = hull_rectangle(ends, list_ends(runs.items, (uint32_t)i, ends), hull);
        /* A rectangle without a side cannot be grown: it has no direction. */
        if (short_side(&quad) < fmaxf(options->min_side, 1)) {
            continue;
        }
        float score = mean_inside(map, width, height, stride, &quad);
        struct quad grown = unclip(&quad, options->unclip);
        if (score < options->box_threshold || short_side(&grown) < options->min_side + 2) {
            continue;
        }
        if (count == capacity) {
            capacity = 2 * capacity + 64;
            boxes = resize(boxes, capacity, sizeof *boxes);
        }
        boxes[count++] = (struct text_box){.quad = grown, .score = score};
    }
    *ret = take(boxes);
    *ret_count = count;
    return 0;
}

void text_shapes_done(struct text_shape *shapes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(shapes[i].runs);
    }
    free(shapes);
}

/* The runs of a component, and what they are together. */
static struct text_shape shape_of(const float *map, size_t stride, const struct run *runs, uint32_t first) {
    struct text_shape shape = {0};
    double sum = 0;
    size_t capacity = 0;
    uint32_t i = first;
    do {
        if (shape.run_count == capacity) {
            capacity = 2 * capacity + 64;
            shape.runs = resize(shape.runs, capacity, sizeof *shape.runs);
        }
        const struct run *run = &runs[i];
        shape.runs[shape.run_count++] = (struct cell_run){.row = run->row, .left = run->start, .right = run->end};
        shape.cells += run->end - run->start;
        sum += (double)sum_cells(map + run->row * stride + run->start, run->end - run->start);
        i = run->next;
    } while (i);
    shape.score = (float)(sum / (double)shape.cells);
    return shape;
}

int contour_shapes(const float *map, uint32_t width, uint32_t height, size_t stride,
                   const struct contour_options *options, struct text_shape **ret, size_t *ret_count) {
    cleanup(runs_done) struct runs runs = {0};
    int code = find_components(map, width, height, stride, options, &runs);
    if (code < 0) {
        return code;
    }
    cleanup(drop_memory) struct point *ends = alloc(2 * (size_t)height, sizeof *ends);
    cleanup(drop_memory) struct point *hull = alloc(2 * (size_t)height + 1, sizeof *hull);
    struct text_shape *shapes = NULL;
    size_t count = 0;
    for (size_t i = 0; i < runs.count && count < options->max_boxes; i++) {
        if (runs.items[i].parent != i) {
            continue;
        }
        struct quad quad = hull_rectangle(ends, list_ends(runs.items, (uint32_t)i, ends), hull);
        if (short_side(&quad) < fmaxf(options->min_side, 1)) {
            continue;
        }
        struct text_shape shape = shape_of(map, stride, runs.items, (uint32_t)i);
        shape.quad = quad;
        if (shape.score < options->box_threshold) {
            free(shape.runs);
            continue;
        }
        shapes = resize(shapes, count + 1, sizeof *shapes);
        shapes[count++] = shape;
    }
    *ret = shapes;
    *ret_count = count;
    return 0;
}
