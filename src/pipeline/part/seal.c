#include "pipeline/part/seal.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pipeline/area.h"
#include "pipeline/recognise.h"

#define MIN_SIDE 3.0F /* cells; smaller components are specks (PP-OCR's min_size) */
#define MOST_LINES 64 /* of a seal, which has some five */

/* The shapes of one seal. */
struct shapes {
    struct text_shape *list;
    size_t count;
};

static void shapes_done(struct shapes *shapes) { text_shapes_done(shapes->list, shapes->count); }

static uint32_t rounded(float side, float ratio, uint32_t multiple) {
    return (uint32_t)fmaxf(roundf(side * ratio / (float)multiple), 1) * multiple;
}

/* Enlarged so that the short side is as long as the network wants, in whole multiples of its step. */
static int scale(const struct image *seal, const struct model_spec *spec, struct image *ret) {
    float width = (float)seal->width, height = (float)seal->height;
    float ratio = fmaxf((float)spec->short_side / fminf(width, height), 1);
    ratio = fminf(ratio, (float)spec->long_side / fmaxf(width, height));
    return image_scale(seal, rounded(width, ratio, spec->multiple), rounded(height, ratio, spec->multiple), ret);
}

static int find_shapes(const struct hand *hand, const struct image *scaled, struct stages *stages, struct shapes *ret) {
    const struct model_spec *spec = hand_spec(hand, ROLE_SEAL);
    const struct contour_options options = {.threshold = spec->threshold,
                                            .box_threshold = spec->box_threshold,
                                            .min_side = MIN_SIDE,
                                            .max_boxes = MOST_LINES,
                                            .dilate = spec->dilate};
    struct hand_run run cleanup(hand_run_end) = {0};
    int result = hand_run(hand, ROLE_SEAL, STAGE_SEAL, scaled, scaled->width, scaled->height, stages, &run);
    if (result != 0) {
        return result;
    }
    const struct tensor *map = &run.run.output.tensor[0];
    if (map->rank != 4 || map->shape[2] < scaled->height || map->shape[3] < scaled->width) {
        return fail(ERR_BAD_MODEL, "model %s gives a map smaller than its input", spec->id);
    }
    int64_t start = clock_now();
    result = contour_shapes(map->data, scaled->width, scaled->height, (size_t)map->shape[3], &options, &ret->list,
                            &ret->count);
    stage_add(stages, STAGE_BOXES, clock_seconds(clock_now() - start), 0);
    return result;
}

/* Reads what is bent from a picture of its own, whose words would have no place on the page. */
static int read_text(const struct hand *hand, const struct image *seal, const struct seal_text *text,
                     struct stages *stages, struct reading *ret) {
    if (!text->bent) {
        return recognise_line(hand, seal, &text->box, stages, ret);
    }
    struct image straight cleanup(image_done) = {0};
    int64_t start = clock_now();
    int result = seal_unroll(seal, text, &straight);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result != 0) {
        return result;
    }
    float width = (float)straight.width, height = (float)straight.height;
    const struct quad whole = {{{0, 0}, {width, 0}, {width, height}, {0, height}}};
    result = recognise_line(hand, &straight, &whole, stages, ret);
    if (result == 0) {
        free(ret->words);
        ret->words = NULL;
        ret->word_count = 0;
        ret->quad = text->box;
    }
    return result;
}

static void move(struct quad *quad, struct point by) {
    for (int i = 0; i < 4; i++) {
        quad->corner[i].x += by.x;
        quad->corner[i].y += by.y;
    }
}

static float top_of(const struct quad *quad) {
    const struct point *p = quad->corner;
    return fminf(fminf(p[0].y, p[1].y), fminf(p[2].y, p[3].y));
}

static int by_top(const void *left, const void *right) {
    const struct line *a = left, *b = right;
    float p = top_of(&a->quad), q = top_of(&b->quad);
    return (p > q) - (p < q);
}

static void take_reading(struct reading *reading, struct point corner, struct line *lines, size_t *count) {
    if (reading->text[0] == '\0' || reading->score < RECOGNISE_SURE) {
        return;
    }
    struct line line = {.score = reading->score, .quad = reading->quad, .word_count = reading->word_count};
    line.text = take(reading->text);
    line.words = take(reading->words);
    move(&line.quad, corner);
    for (size_t i = 0; i < line.word_count; i++) {
        move(&line.words[i].quad, corner);
    }
    lines[(*count)++] = line;
}

static void drop_lines(struct line *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(lines[i].text);
        free(lines[i].words);
    }
    free(lines);
}

int seal_read(const struct hand *hand, const struct image *page, const struct area *area, struct stages *stages,
              struct line **ret, size_t *ret_count) {
    struct point corner;
    struct image seal = area_view(page, area, &corner);
    struct image scaled cleanup(image_done) = {0};
    struct shapes shapes cleanup(shapes_done) = {0};
    int64_t start = clock_now();
    int result = scale(&seal, hand_spec(hand, ROLE_SEAL), &scaled);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    result = result ? result : find_shapes(hand, &scaled, stages, &shapes);
    struct line *lines = alloc(shapes.count + 1, sizeof(*lines));
    size_t count = 0;
    for (size_t i = 0; i < shapes.count && result == 0; i++) {
        struct seal_text text;
        struct reading reading cleanup(reading_done) = {0};
        seal_trace(&shapes.list[i], (float)seal.width / (float)scaled.width, (float)seal.height / (float)scaled.height,
                   hand_spec(hand, ROLE_SEAL)->unclip, &text);
        result = read_text(hand, &seal, &text, stages, &reading);
        if (result == 0) {
            take_reading(&reading, corner, lines, &count);
        }
    }
    if (result != 0) {
        drop_lines(lines, count);
        return result;
    }
    qsort(lines, count, sizeof(*lines), by_top);
    *ret = lines;
    *ret_count = count;
    return 0;
}
