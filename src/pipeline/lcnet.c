#include "pipeline/lcnet.h"

#include <math.h>

#include "base/clock.h"
#include "base/memory.h"

/* The middle of the picture, scaled so that its short side would be short_side. */
static int middle(const struct image *picture, const struct model_spec *spec, struct image *ret) {
    uint32_t side = picture->width < picture->height ? picture->width : picture->height;
    uint32_t part = (uint32_t)lroundf((float)side * (float)spec->crop / (float)spec->short_side);
    part = part > 0 ? part : 1;
    struct image view = image_part(picture, (picture->width - part) / 2, (picture->height - part) / 2, part, part);
    return image_scale(&view, spec->crop, spec->crop, ret);
}

int lcnet_run(const struct hand *hand, enum role role, enum stage stage, const struct image *picture,
              struct stages *stages, struct hand_run *ret, size_t *ret_best, size_t *ret_count) {
    struct image input cleanup(image_done) = {0};
    int64_t start = clock_now();
    int result = middle(picture, hand_spec(hand, role), &input);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    result = result ? result : hand_run(hand, role, stage, &input, input.width, input.height, stages, ret);
    if (result != 0) {
        return result;
    }
    const struct tensor *output = &ret->run.output.tensor[0];
    size_t count = output->rank > 0 ? (size_t)output->shape[output->rank - 1] : 0, best = 0;
    for (size_t i = 1; i < count; i++) {
        best = output->data[i] > output->data[best] ? i : best;
    }
    *ret_best = best;
    *ret_count = count;
    return 0;
}
