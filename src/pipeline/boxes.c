#include "pipeline/boxes.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "pipeline/area.h"

enum { COLUMNS_PLAIN = 6, COLUMNS_ORDER = 7, COLUMNS_TWO = 8 };

static float finite_or_none(float number) { return isfinite(number) ? number : 0; }

static float clip(float side, float scale, uint32_t most) { return fminf(fmaxf(side, 0), (float)most) * scale; }

/* A row as a box; false if it is none that is believed. */
static bool read_row(const float *row, size_t columns, const struct boxes_options *options, struct box *ret) {
    float class = row[0], score = row[1];
    if (!(class >= 0 && class < (float)options->class_count) ||
        !(score > options->threshold[(size_t) class] && score <= 1)) {
        return false;
    }
    struct box box = {.class = (size_t) class, .score = score};
    box.area = (struct area){.left = options->origin.x + clip(row[2], options->scale_x, options->width),
                             .top = options->origin.y + clip(row[3], options->scale_y, options->height),
                             .right = options->origin.x + clip(row[4], options->scale_x, options->width),
                             .bottom = options->origin.y + clip(row[5], options->scale_y, options->height)};
    box.before = columns >= COLUMNS_ORDER ? finite_or_none(row[6]) : 0;
    box.after = columns >= COLUMNS_TWO ? finite_or_none(row[7]) : 0;
    *ret = box;
    return area_size(&box.area) > 0;
}

static int by_score(const void *left, const void *right) {
    const struct box *a = left, *b = right;
    return (a->score < b->score) - (a->score > b->score);
}

int boxes_read(const struct outputs *outputs, const struct boxes_options *options, struct box **ret, size_t *ret_count,
               bool *ret_ordered) {
    const struct tensor *rows = &outputs->tensor[0];
    if (rows->rank != 2 || rows->shape[1] < COLUMNS_PLAIN || rows->shape[1] > COLUMNS_TWO) {
        return fail(ERR_BAD_MODEL, "its first output is no table of boxes with %d to %d columns", COLUMNS_PLAIN,
                    COLUMNS_TWO);
    }
    size_t columns = (size_t)rows->shape[1], count = 0;
    struct box *boxes = alloc((size_t)rows->shape[0] + 1, sizeof(*boxes));
    for (size_t i = 0; i < (size_t)rows->shape[0]; i++) {
        count += read_row(rows->data + i * columns, columns, options, &boxes[count]);
    }
    qsort(boxes, count, sizeof(*boxes), by_score);
    *ret_count = count < BOXES_MOST ? count : BOXES_MOST;
    *ret_ordered = columns >= COLUMNS_ORDER;
    *ret = boxes;
    return 0;
}

size_t boxes_sweep(struct box *boxes, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!boxes[i].dropped) {
            boxes[kept++] = boxes[i];
        }
    }
    return kept;
}

size_t boxes_drop_alike(struct box *boxes, size_t count, float same, float same_area) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i && !boxes[i].dropped; k++) {
            struct area shared = area_shared(&boxes[k].area, &boxes[i].area);
            float both = area_size(&shared);
            float all = area_size(&boxes[k].area) + area_size(&boxes[i].area) - both;
            float most = boxes[k].class == boxes[i].class ? same : same_area;
            boxes[i].dropped = !boxes[k].dropped && both >= most * all;
        }
    }
    return boxes_sweep(boxes, count);
}
