#include "pipeline/layout.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pipeline/area.h"
#include "pipeline/boxes.h"

#define FIRST_STRIDE 8
#define SAME 0.5F   /* boxes of one type that share more of their union are one (PicoDet's nms_threshold) */
#define INSIDE 0.9F /* a box that lies so far within a surer one is a part of it */

/* The type of a label; -1: none of ours. */
static int type_of(const char *label) {
    static const struct {
        const char *label;
        enum region_type type;
    } others[] = {
#define LABEL(label, type) {label, REGION_##type},
#include "table/labels.def"
#undef LABEL
    };
    for (int type = 0; type < REGION_TYPE_COUNT; type++) {
        if (strcmp(label, region_word((enum region_type)type)) == 0) {
            return type;
        }
    }
    for (size_t i = 0; i < array_length(others); i++) {
        if (strcmp(label, others[i].label) == 0) {
            return (int)others[i].type;
        }
    }
    return -1;
}

/* The expected distance of a side, in strides: the mean of a softmax over bins. */
static float distance_of(const float *bins, size_t count) {
    float most = bins[0], sum = 0, mean = 0;
    for (size_t i = 1; i < count; i++) {
        most = fmaxf(most, bins[i]);
    }
    for (size_t i = 0; i < count; i++) {
        float weight = expf(bins[i] - most);
        sum += weight;
        mean += weight * (float)i;
    }
    return mean / sum;
}

/* The boxes found so far; the surest BOXES_MOST are kept, by insertion. */
struct candidates {
    struct layout_box *boxes;
    size_t count;
};

static void keep(struct candidates *candidates, const struct layout_box *box) {
    size_t at = candidates->count;
    if (at == BOXES_MOST) {
        if (candidates->boxes[--at].score >= box->score) {
            return;
        }
    } else {
        candidates->count++;
    }
    for (; at > 0 && candidates->boxes[at - 1].score < box->score; at--) {
        candidates->boxes[at] = candidates->boxes[at - 1];
    }
    candidates->boxes[at] = *box;
}

/* One head: a grid of cells of stride pixels. */
struct head {
    const float *scores, *sides;
    size_t cells, across, classes, bins;
    float stride;
};

static struct area area_of(const struct head *head, size_t cell, const struct layout_options *options) {
    const float *sides = head->sides + cell * 4 * head->bins;
    size_t row = cell / head->across, column = cell % head->across;
    float x = ((float)column + 0.5F) * head->stride, most_x = (float)options->width;
    float y = ((float)row + 0.5F) * head->stride, most_y = (float)options->height;
    float side[4];
    for (size_t i = 0; i < 4; i++) {
        side[i] = distance_of(sides + i * head->bins, head->bins) * head->stride;
    }
    return (struct area){.left = fmaxf(x - side[0], 0) * options->scale_x,
                         .top = fmaxf(y - side[1], 0) * options->scale_y,
                         .right = fminf(x + side[2], most_x) * options->scale_x,
                         .bottom = fminf(y + side[3], most_y) * options->scale_y};
}

static void read_head(const struct head *head, const struct layout_options *options, struct candidates *candidates) {
    for (size_t cell = 0; cell < head->cells; cell++) {
        for (size_t class = 0; class < head->classes; class ++) {
            float score = head->scores[cell * head->classes + class];
            const struct layout_class *known = &options->classes[class];
            if (score > known->threshold && score <= 1 && known->type >= 0) {
                struct layout_box box = {
                    .type = (enum region_type)known->type, .score = score, .area = area_of(head, cell, options)};
                keep(candidates, &box);
            }
        }
    }
}

/* The head of stride, from its two outputs; false if their shapes do not fit. */
static bool head_of(const struct tensor *scores, const struct tensor *sides, uint32_t stride,
                    const struct layout_options *options, struct head *ret) {
    size_t across = (options->width + stride - 1) / stride, down = (options->height + stride - 1) / stride;
    if (scores->rank != 3 || sides->rank != 3 || (size_t)scores->shape[1] != across * down ||
        sides->shape[1] != scores->shape[1] || (size_t)scores->shape[2] != options->class_count ||
        sides->shape[2] % 4 != 0 || sides->shape[2] < 8) {
        return false;
    }
    *ret = (struct head){.scores = scores->data,
                         .sides = sides->data,
                         .cells = across * down,
                         .across = across,
                         .classes = options->class_count,
                         .bins = (size_t)sides->shape[2] / 4,
                         .stride = (float)stride};
    return true;
}

/* Whether a surer box says what box says. */
static bool is_known(const struct layout_box *surer, size_t count, const struct layout_box *box) {
    for (size_t i = 0; i < count; i++) {
        struct area shared = area_shared(&surer[i].area, &box->area);
        float both = area_size(&shared), own = area_size(&box->area);
        if (surer[i].type == box->type &&
            (both > SAME * (area_size(&surer[i].area) + own - both) || both > INSIDE * own)) {
            return true;
        }
    }
    return false;
}

static size_t suppress(struct layout_box *boxes, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (area_size(&boxes[i].area) > 0 && !is_known(boxes, kept, &boxes[i])) {
            boxes[kept++] = boxes[i];
        }
    }
    return kept;
}

int layout_decode(const struct outputs *outputs, const struct layout_options *options, struct layout_box **ret,
                  size_t *ret_count) {
    struct layout_box *boxes cleanup(drop_memory) = alloc(BOXES_MOST, sizeof(*boxes));
    struct candidates candidates = {.boxes = boxes};
    int heads = outputs->count / 2;
    if (heads < 1 || outputs->count % 2 != 0) {
        return fail(ERR_BAD_MODEL, "%d outputs, scores and sides of each stride are expected", outputs->count);
    }
    for (int i = 0; i < heads; i++) {
        struct head head;
        if (!head_of(&outputs->tensor[i], &outputs->tensor[heads + i], FIRST_STRIDE << i, options, &head)) {
            return fail(ERR_BAD_MODEL, "its outputs %d and %d are no scores and sides of a grid of %d pixels", i,
                        heads + i, FIRST_STRIDE << i);
        }
        read_head(&head, options, &candidates);
    }
    *ret_count = suppress(boxes, candidates.count);
    *ret = take(boxes);
    return 0;
}

/* Of the catalog, where the network gives boxes; else those that the file names. The caller frees them. */
static struct layout_class *classes_of(const struct model *model, size_t *ret_count) {
    const struct model_spec *spec = model->spec;
    size_t count = spec->labels ? spec->label_count : model->character_count;
    struct layout_class *classes = alloc(count, sizeof(*classes));
    for (size_t i = 0; i < count; i++) {
        const struct label *label = spec->labels ? &spec->labels[i] : NULL;
        classes[i] = (struct layout_class){.type = type_of(label ? label->word : model->characters[i]),
                                           .threshold = label ? label->threshold : spec->threshold,
                                           .large = label && label->large};
    }
    *ret_count = count;
    return classes;
}

static int decode_run(const struct hand_run *run, const struct image *page, struct layout_box **ret,
                      size_t *ret_count) {
    const struct model *model = model_of(&run->handle);
    const struct model_spec *spec = model->spec;
    size_t class_count;
    struct layout_class *classes cleanup(drop_memory) = classes_of(model, &class_count);
    const struct layout_options options = {.width = spec->width,
                                           .height = spec->height,
                                           .classes = classes,
                                           .class_count = class_count,
                                           .scale_x = (float)page->width / (float)spec->width,
                                           .scale_y = (float)page->height / (float)spec->height};
    int result = (spec->labels ? layout_decode_boxes : layout_decode)(&run->run.output, &options, ret, ret_count);
    return result == 0 ? 0 : fail(result, "model %s: %s", spec->id, error_detail());
}

int layout_find(const struct hand *hand, const struct image *page, struct stages *stages, struct layout_box **ret,
                size_t *ret_count) {
    const struct model_spec *spec = hand_spec(hand, ROLE_LAYOUT);
    if (!spec) {
        *ret = NULL;
        *ret_count = 0;
        return 0;
    }
    struct hand_run run cleanup(hand_run_end) = {0};
    int result = hand_run_scaled(hand, ROLE_LAYOUT, STAGE_LAYOUT, page, stages, &run);
    if (result != 0) {
        return result;
    }
    int64_t start = clock_now();
    result = decode_run(&run, page, ret, ret_count);
    stage_add(stages, STAGE_REGIONS, clock_seconds(clock_now() - start), 1);
    return result;
}
