#include "pipeline/layout.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#define FIRST_STRIDE 8
#define MOST_BOXES 400 /* candidates that are looked at: a page has some 20 regions */
#define SAME 0.5F      /* boxes of one type that share more of their union are one (PicoDet's nms_threshold) */
#define INSIDE 0.9F    /* a box that lies so far within a surer one is a part of it */

/* Labels of CDLA, as its models write them. */
static int type_of(const char *label) {
    for (int type = 0; type < REGION_TYPE_COUNT; type++) {
        if (strcmp(label, region_word((enum region_type)type)) == 0) {
            return type;
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

/* The boxes found so far; the surest MOST_BOXES are kept, by insertion. */
struct candidates {
    struct layout_box *boxes;
    size_t count;
};

static void keep(struct candidates *candidates, const struct layout_box *box) {
    size_t at = candidates->count;
    if (at == MOST_BOXES) {
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
            if (score > options->threshold && score <= 1 && options->types[class] >= 0) {
                struct layout_box box = {.type = (enum region_type)options->types[class],
                                         .score = score,
                                         .area = area_of(head, cell, options)};
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
        sides->shape[1] != scores->shape[1] || (size_t)scores->shape[2] != options->classes ||
        sides->shape[2] % 4 != 0 || sides->shape[2] < 8) {
        return false;
    }
    *ret = (struct head){.scores = scores->data,
                         .sides = sides->data,
                         .cells = across * down,
                         .across = across,
                         .classes = options->classes,
                         .bins = (size_t)sides->shape[2] / 4,
                         .stride = (float)stride};
    return true;
}

static float size_of(const struct area *area) {
    return fmaxf(area->right - area->left, 0) * fmaxf(area->bottom - area->top, 0);
}

static float shared(const struct area *a, const struct area *b) {
    struct area both = {fmaxf(a->left, b->left), fmaxf(a->top, b->top), fminf(a->right, b->right),
                        fminf(a->bottom, b->bottom)};
    return size_of(&both);
}

/* Whether a surer box says what box says. */
static bool is_known(const struct layout_box *surer, size_t count, const struct layout_box *box) {
    for (size_t i = 0; i < count; i++) {
        float both = shared(&surer[i].area, &box->area), own = size_of(&box->area);
        if (surer[i].type == box->type &&
            (both > SAME * (size_of(&surer[i].area) + own - both) || both > INSIDE * own)) {
            return true;
        }
    }
    return false;
}

static size_t suppress(struct layout_box *boxes, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (size_of(&boxes[i].area) > 0 && !is_known(boxes, kept, &boxes[i])) {
            boxes[kept++] = boxes[i];
        }
    }
    return kept;
}

int layout_decode(const struct outputs *outputs, const struct layout_options *options, struct layout_box **ret,
                  size_t *ret_count) {
    struct layout_box *boxes cleanup(drop_memory) = alloc(MOST_BOXES, sizeof(*boxes));
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

static int decode_run(const struct hand_run *run, const struct image *page, struct layout_box **ret,
                      size_t *ret_count) {
    const struct model *model = model_of(&run->handle);
    const struct model_spec *spec = model->spec;
    int *types cleanup(drop_memory) = alloc(model->character_count, sizeof(*types));
    for (size_t i = 0; i < model->character_count; i++) {
        types[i] = type_of(model->characters[i]);
    }
    const struct layout_options options = {.width = spec->width,
                                           .height = spec->height,
                                           .threshold = spec->threshold,
                                           .types = types,
                                           .classes = model->character_count,
                                           .scale_x = (float)page->width / (float)spec->width,
                                           .scale_y = (float)page->height / (float)spec->height};
    int result = layout_decode(&run->run.output, &options, ret, ret_count);
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
    struct image scaled cleanup(image_done) = {0};
    struct hand_run run cleanup(hand_run_end) = {0};
    int64_t start = clock_now();
    int result = image_scale(page, spec->width, spec->height, &scaled);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result == 0) {
        result = hand_run(hand, ROLE_LAYOUT, STAGE_LAYOUT, &scaled, spec->width, spec->height, stages, &run);
    }
    if (result != 0) {
        return result;
    }
    start = clock_now();
    result = decode_run(&run, page, ret, ret_count);
    stage_add(stages, STAGE_REGIONS, clock_seconds(clock_now() - start), 1);
    return result;
}
