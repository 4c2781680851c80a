#include "pipeline/orient.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

/* Below this a wrong turn would cost more than a right one gains; docs/performance.md. */
#define SURE 0.9F

/* The middle of the page, scaled so that its short side would be short_side. */
static int middle(const struct image *page, const struct model_spec *spec, struct image *ret) {
    uint32_t side = page->width < page->height ? page->width : page->height;
    uint32_t part = (uint32_t)lroundf((float)side * (float)spec->crop / (float)spec->short_side);
    part = part > 0 ? part : 1;
    struct image view = image_part(page, (page->width - part) / 2, (page->height - part) / 2, part, part);
    return image_scale(&view, spec->crop, spec->crop, ret);
}

int orient_page(const struct hand *hand, const struct image *page, struct stages *stages, int *ret) {
    const struct model_spec *spec = hand_spec(hand, ROLE_ORIENT);
    if (!spec) {
        *ret = 0;
        return 0;
    }
    struct image input cleanup(image_done) = {0};
    struct hand_run run cleanup(hand_run_end) = {0};
    int64_t start = clock_now();
    int result = middle(page, spec, &input);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result == 0) {
        result = hand_run(hand, ROLE_ORIENT, STAGE_ORIENT, &input, input.width, input.height, stages, &run);
    }
    if (result != 0) {
        return result;
    }
    const struct model *model = model_of(&run.handle);
    const struct tensor *output = &run.run.output.tensor[0];
    size_t count = (size_t)output->shape[output->rank - 1], best = 0;
    if (output->rank < 1 || count != model->character_count) {
        return fail(ERR_BAD_MODEL, "model %s gives %zu classes for %zu labels", spec->id, count,
                    model->character_count);
    }
    for (size_t i = 1; i < count; i++) {
        best = output->data[i] > output->data[best] ? i : best;
    }
    int angle = (int)strtol(model->characters[best], NULL, 10);
    *ret = output->data[best] >= SURE && angle % 90 == 0 && angle > 0 && angle < 360 ? angle : 0;
    return 0;
}
