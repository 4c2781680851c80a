#include "pipeline/orient.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pipeline/lcnet.h"

/* Below this a wrong turn would cost more than a right one gains; docs/performance.md. */
#define SURE 0.9F
#define SURE_OF_LETTERS 3.0F

#define LETTERS_SIDE 2400.0F /* pixels: A4 at 200 dpi */
#define LETTERS_ENLARGED 2.0F

static int orient_by_model(const struct hand *hand, const struct model_spec *spec, const struct image *page,
                           struct stages *stages, int *ret) {
    struct hand_run run cleanup(hand_run_end) = {0};
    size_t best, count;
    int result = lcnet_run(hand, ROLE_ORIENT, STAGE_ORIENT, page, stages, &run, &best, &count);
    if (result != 0) {
        return result;
    }
    const struct model *model = model_of(&run.handle);
    if (count == 0 || count != model->character_count) {
        return fail(ERR_BAD_MODEL, "model %s gives %zu classes for %zu labels", spec->id, count,
                    model->character_count);
    }
    int angle = (int)strtol(model->characters[best], NULL, 10);
    *ret = run.run.output.tensor[0].data[best] >= SURE && angle % 90 == 0 && angle > 0 && angle < 360 ? angle : 0;
    return 0;
}

/* Letters are looked at on a copy of one size: small ones are hard to tell, large ones take time. */
static int orient_by_letters(const struct hand *hand, const struct image *page, float dpi, struct stages *stages,
                             int *ret) {
    struct orientation seen = {0};
    struct image scaled cleanup(image_done) = {0};
    float scale = fminf(LETTERS_SIDE / fmaxf((float)page->width, (float)page->height), LETTERS_ENLARGED);
    uint32_t width = (uint32_t)fmaxf(scale * (float)page->width, 1);
    uint32_t height = (uint32_t)fmaxf(scale * (float)page->height, 1);
    uint64_t bytes = (uint64_t)width * height * page->channels;
    int result = manager_charge(hand->manager, CHARGE_BITMAP, bytes, hand->priority, clock_now() + MODEL_LONGEST_WAIT,
                                hand->cancel);
    if (result != 0) {
        return result;
    }
    int64_t start = clock_now();
    result = image_scale(page, width, height, &scaled);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    result = result ? result : hand_orient(hand, &scaled, scale * dpi, stages, &seen);
    image_done(&scaled);
    manager_credit(hand->manager, CHARGE_BITMAP, bytes);
    *ret = seen.sureness >= SURE_OF_LETTERS ? seen.angle : 0;
    return result;
}

int orient_page(const struct hand *hand, const struct image *page, float dpi, struct stages *stages, int *ret) {
    const struct model_spec *spec = hand_spec(hand, ROLE_ORIENT);
    *ret = 0;
    return !spec                  ? 0
           : spec->only_tesseract ? orient_by_letters(hand, page, dpi, stages, ret)
                                  : orient_by_model(hand, spec, page, stages, ret);
}
