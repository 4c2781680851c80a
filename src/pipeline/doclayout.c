/* What PP-DocLayout gives (pipeline/layout.h). */
#include <stdlib.h>

#include "base/memory.h"
#include "pipeline/area.h"
#include "pipeline/boxes.h"
#include "pipeline/layout.h"

#define SAME 0.6F       /* boxes of one class that share more of their union are one */
#define SAME_AREA 0.98F /* and of two classes */
#define WITHIN 0.9F     /* the part of a box that lies in another one, of which it is then a part */
/* A picture that takes more of the page is the page, as it lies on its side or stands. */
#define WHOLE_LYING 0.82F
#define WHOLE_STANDING 0.93F

static int by_order(const void *left, const void *right) {
    const struct box *a = left, *b = right;
    int first = (a->before > b->before) - (a->before < b->before);
    return first != 0 ? first : (a->after < b->after) - (a->after > b->after);
}

/* Pictures of the whole page are dropped, unless there is nothing else. */
static size_t drop_whole(struct box *boxes, size_t count, const struct layout_options *options) {
    float width = (float)options->width * options->scale_x, height = (float)options->height * options->scale_y;
    float most = (width > height ? WHOLE_LYING : WHOLE_STANDING) * width * height;
    size_t dropped = 0;
    for (size_t i = 0; i < count; i++) {
        boxes[i].dropped = options->classes[boxes[i].class].type == REGION_FIGURE && area_size(&boxes[i].area) > most;
        dropped += boxes[i].dropped;
    }
    return dropped < count ? boxes_sweep(boxes, count) : count;
}

/* Whether box is a part of the other one: that is of a large class, or of the same type, and it lies within. */
static bool is_part(const struct box *box, const struct box *other, const struct layout_options *options) {
    const struct layout_class *class = &options->classes[box->class], *around = &options->classes[other->class];
    float size = area_size(&box->area);
    return (around->large || around->type == class->type) && area_size(&other->area) > size &&
           area_part(&box->area, &other->area) >= WITHIN;
}

static size_t drop_parts(struct box *boxes, size_t count, const struct layout_options *options) {
    for (size_t i = 0; i < count; i++) {
        boxes[i].dropped = options->classes[boxes[i].class].type < 0;
        for (size_t k = 0; k < count && !boxes[i].dropped; k++) {
            boxes[i].dropped = k != i && is_part(&boxes[i], &boxes[k], options);
        }
    }
    return boxes_sweep(boxes, count);
}

static struct layout_box *boxes_to_layout(struct box *boxes, size_t count, bool ordered,
                                          const struct layout_options *options) {
    struct layout_box *list = alloc(count, sizeof(*list));
    if (ordered) {
        qsort(boxes, count, sizeof(*boxes), by_order);
    }
    float height = (float)options->height * options->scale_y;
    for (size_t i = 0; i < count; i++) {
        int type = options->classes[boxes[i].class].type;
        bool high = boxes[i].area.top + boxes[i].area.bottom < height; /* where page numbers stand no class says */
        list[i] = (struct layout_box){.type = type == REGION_FOOTER && high ? REGION_HEADER : (enum region_type)type,
                                      .score = boxes[i].score,
                                      .area = boxes[i].area,
                                      .order = ordered ? (uint32_t)i + 1 : 0};
    }
    return list;
}

int layout_decode_boxes(const struct outputs *outputs, const struct layout_options *options, struct layout_box **ret,
                        size_t *ret_count) {
    float *threshold cleanup(drop_memory) = alloc(options->class_count + 1, sizeof(*threshold));
    for (size_t i = 0; i < options->class_count; i++) {
        threshold[i] = options->classes[i].threshold;
    }
    const struct boxes_options wanted = {.width = options->width,
                                         .height = options->height,
                                         .scale_x = options->scale_x,
                                         .scale_y = options->scale_y,
                                         .threshold = threshold,
                                         .class_count = options->class_count};
    struct box *boxes cleanup(drop_memory) = NULL;
    size_t count;
    bool ordered;
    int result = boxes_read(outputs, &wanted, &boxes, &count, &ordered);
    if (result != 0) {
        return result;
    }
    count = boxes_drop_alike(boxes, count, SAME, SAME_AREA);
    count = drop_whole(boxes, count, options);
    count = drop_parts(boxes, count, options);
    *ret = boxes_to_layout(boxes, count, ordered, options);
    *ret_count = count;
    return 0;
}
