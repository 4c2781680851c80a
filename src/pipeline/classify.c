#include "pipeline/classify.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

/*
 * PP-OCR asks for 0.9; but of a long line it sees a squeezed picture and is less sure (0.33 and 0.84 for two lines of
 * rotated-docling-180). A wrong guess costs one more reading, of which the better one is kept.
 */
#define PERHAPS 0.25F

int classify_reversed(const struct hand *hand, const struct image *page, const struct quad *box, struct stages *stages,
                      bool *ret) {
    const struct model_spec *spec = hand_spec(hand, ROLE_CLASSIFY);
    if (!spec) {
        *ret = false;
        return 0;
    }
    const struct point *corner = box->corner;
    float width = hypotf(corner[1].x - corner[0].x, corner[1].y - corner[0].y);
    float height = hypotf(corner[3].x - corner[0].x, corner[3].y - corner[0].y);
    float scaled = ceilf((float)spec->height * width / fmaxf(height, 1));
    struct image line cleanup(image_done) = {0};
    struct hand_run run cleanup(hand_run_end) = {0};
    int64_t start = clock_now();
    int result = image_warp(page, box, (uint32_t)fminf(fmaxf(scaled, 1), (float)spec->width), spec->height, &line);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result == 0) {
        result = hand_run(hand, ROLE_CLASSIFY, STAGE_CLASSIFY, &line, spec->width, spec->height, stages, &run);
    }
    if (result != 0) {
        return result;
    }
    const struct tensor *output = &run.run.output.tensor[0];
    if (output->rank != 2 || output->shape[1] != 2) {
        return fail(ERR_BAD_MODEL, "model %s does not give two classes", spec->id);
    }
    *ret = output->data[1] > PERHAPS;
    return 0;
}
