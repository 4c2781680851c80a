#include "pipeline/recognise.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pipeline/classify.h"
#include "pipeline/ctc.h"
#include "pipeline/words.h"

#define TALL 1.5F /* height over width from which a box is read downwards (PP-OCR) */
#define POOR 0.8F /* readings below are tried the other way round; docs/performance.md */

static float distance(struct point a, struct point b) { return hypotf(a.x - b.x, a.y - b.y); }

static float quad_width(const struct quad *quad) {
    return fmaxf(distance(quad->corner[0], quad->corner[1]), distance(quad->corner[3], quad->corner[2]));
}

static float quad_height(const struct quad *quad) {
    return fmaxf(distance(quad->corner[0], quad->corner[3]), distance(quad->corner[1], quad->corner[2]));
}

/* The same box read in a direction turned clockwise by quarters of a circle. */
static struct quad turned(const struct quad *quad, int quarters) {
    struct quad turned;
    for (int i = 0; i < 4; i++) {
        turned.corner[i] = quad->corner[(i + quarters) % 4];
    }
    return turned;
}

static bool is_tall(const struct quad *box) { return quad_height(box) >= TALL * quad_width(box); }

/* Width of the line at the network's height, before rounding. */
static uint32_t line_width(const struct model_spec *spec, const struct quad *quad) {
    float width = quad_width(quad), height = quad_height(quad);
    float scaled = ceilf((float)spec->height * width / fmaxf(height, 1));
    return (uint32_t)fminf(fmaxf(scaled, 1), (float)spec->max_width);
}

/*
 * Rounded up in steps that grow with the width (at most an eighth of it), so that few shapes are seen: each costs an
 * engine kernels to compile and to keep.
 */
static uint32_t input_width(const struct model_spec *spec, uint32_t width) {
    uint32_t step = spec->bucket;
    while (width > 8 * step) {
        step *= 2;
    }
    return (width + step - 1) / step * step;
}

uint32_t recognise_width(const struct hand *hand, const struct quad *box) {
    const struct model_spec *spec = hand_spec(hand, ROLE_RECOGNISE);
    struct quad downwards = turned(box, 1);
    return input_width(spec, line_width(spec, is_tall(box) ? &downwards : box));
}

void reading_done(struct reading *reading) {
    free(reading->text);
    free(reading->words);
    *reading = (struct reading){0};
}

/* What the network's output for a line of width pixels says. */
static void decode(const struct model *model, const struct tensor *output, float width, const struct quad *quad,
                   struct reading *ret) {
    struct glyphs glyphs cleanup(glyphs_done) = {0};
    size_t steps = (size_t)output->shape[1];
    *ret = (struct reading){.quad = *quad};
    ctc_decode(output->data, steps, (size_t)output->shape[2], model->characters, model->character_count, &ret->text,
               &ret->score, &glyphs);
    ret->word_count = words_of_glyphs(ret->text, &glyphs, (float)steps * width, quad, &ret->words);
}

/* Reads the line along the direction of quad. */
static int read_quad(const struct hand *hand, const struct image *page, const struct quad *quad, struct stages *stages,
                     struct reading *ret) {
    const struct model_spec *spec = hand_spec(hand, ROLE_RECOGNISE);
    struct image line cleanup(image_done) = {0};
    struct hand_run run cleanup(hand_run_end) = {0};
    uint32_t width = line_width(spec, quad);
    uint32_t padded = input_width(spec, width);
    int64_t start = clock_now();
    int result = image_warp(page, quad, width, spec->height, &line);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result == 0) {
        result = hand_run(hand, ROLE_RECOGNISE, STAGE_RECOGNISE, &line, padded, line.height, stages, &run);
    }
    if (result != 0) {
        return result;
    }
    const struct model *model = model_of(&run.handle);
    const struct tensor *output = &run.run.output.tensor[0];
    size_t classes = (size_t)output->shape[2];
    if (output->rank != 3 || classes != model->character_count + 2) {
        return fail(ERR_BAD_MODEL, "model %s gives %zu classes for %zu characters", spec->id, classes,
                    model->character_count);
    }
    start = clock_now();
    decode(model, output, (float)width / (float)padded, quad, ret);
    stage_add(stages, STAGE_DECODE, clock_seconds(clock_now() - start), 1);
    return 0;
}

/* Reads along quad too and keeps the better of the two readings in *best. */
static int read_also(const struct hand *hand, const struct image *page, const struct quad *quad, struct stages *stages,
                     struct reading *best) {
    struct reading other = {0};
    int result = read_quad(hand, page, quad, stages, &other);
    if (result != 0) {
        return result;
    }
    if (other.score > best->score) {
        reading_done(best);
        *best = other;
    } else {
        reading_done(&other);
    }
    return 0;
}

int recognise_line(const struct hand *hand, const struct image *page, const struct quad *box, struct stages *stages,
                   struct reading *ret) {
    bool tall = is_tall(box), reversed = false;
    struct quad first = tall ? turned(box, 1) : *box;
    struct reading best = {0};
    int result = read_quad(hand, page, &first, stages, &best);
    if (result == 0 && best.score < POOR && tall) {
        /* One character stands upright in its box; a word may also run upwards. */
        result = read_also(hand, page, box, stages, &best);
        if (result == 0 && best.score < POOR) {
            struct quad upwards = turned(box, 3);
            result = read_also(hand, page, &upwards, stages, &best);
        }
    } else if (result == 0 && best.score < POOR) {
        result = classify_reversed(hand, page, box, stages, &reversed);
        if (result == 0 && reversed) {
            struct quad backwards = turned(box, 2);
            result = read_also(hand, page, &backwards, stages, &best);
        }
    }
    if (result != 0) {
        reading_done(&best);
        return result;
    }
    *ret = best;
    return 0;
}
