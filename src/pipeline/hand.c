#include "pipeline/hand.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

const struct model_spec *hand_spec(const struct hand *hand, enum role role) {
    return hand->without & (1U << role) ? NULL : manager_spec(hand->manager, role);
}

/* An image on its way into a model's input. */
struct filling {
    const struct model_spec *spec;
    const struct image *image;
    uint32_t width, height;
    int64_t begun, ended;
};

static void fill(void *context, float *input) {
    struct filling *filling = context;
    filling->begun = clock_now();
    if (filling->spec->grey) {
        image_to_plane(filling->image, filling->spec->mean[0], filling->spec->scale[0], input);
    } else {
        image_to_planes(filling->image, filling->spec->mean, filling->spec->scale, filling->spec->blue_first, 0,
                        filling->width, filling->height, input);
    }
    filling->ended = clock_now();
}

int hand_run(const struct hand *hand, enum role role, enum stage stage, const struct image *image, uint32_t width,
             uint32_t height, struct stages *stages, struct hand_run *ret) {
    struct filling filling = {
        .spec = manager_spec(hand->manager, role), .image = image, .width = width, .height = height};
    const float shape[] = {(float)height, (float)width},
                scale[] = {1, 1}; /* so that boxes are in pixels of the input */
    const struct input beside[] = {
        {.name = "im_shape", .tensor = {.data = shape, .shape = {1, 2, 1, 1}, .rank = 2}},
        {.name = "scale_factor", .tensor = {.data = scale, .shape = {1, 2, 1, 1}, .rank = 2}},
    };
    struct run_wish wish = {.shape = {1, filling.spec->grey ? 1 : 3, height, width},
                            .beside = beside,
                            .beside_count = (int)array_length(beside),
                            .fill = fill,
                            .context = &filling,
                            .seat = hand->seat,
                            .priority = hand->priority,
                            .deadline = clock_now() + hand->patience,
                            .cancel = hand->cancel};
    *ret = (struct hand_run){0};
    int result = model_acquire_on(hand->manager, role, hand->kind, wish.deadline, hand->cancel, &ret->handle);
    if (result == 0) {
        ret->handle.unnoticed = hand->unnoticed;
        result = run_begin(&ret->handle, &wish, &ret->run);
    }
    if (result != 0) {
        model_release(&ret->handle);
        return result;
    }
    stage_add(stages, STAGE_PREPARE, clock_seconds(filling.ended - filling.begun), 0);
    stage_add(stages, stage, clock_seconds(clock_now() - filling.ended), 1);
    return 0;
}

int hand_run_scaled(const struct hand *hand, enum role role, enum stage stage, const struct image *image,
                    struct stages *stages, struct hand_run *ret) {
    const struct model_spec *spec = manager_spec(hand->manager, role);
    struct image scaled cleanup(image_done) = {0};
    int64_t start = clock_now();
    int result = image_scale(image, spec->width, spec->height, &scaled);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    return result ? result : hand_run(hand, role, stage, &scaled, spec->width, spec->height, stages, ret);
}

void hand_run_end(struct hand_run *run) {
    run_end(&run->run);
    model_release(&run->handle);
}

/* Lays a picture before the role's model, which is one of Tesseract's. The caller ends the run, also after a failure.
 */
static int run_on_picture(const struct hand *hand, enum role role, enum stage stage, const struct image *picture,
                          float dpi, struct stages *stages, struct hand_run *ret) {
    struct run_wish wish = {.shape = {1, picture->channels, picture->height, picture->width},
                            .picture = picture,
                            .dpi = dpi,
                            .seat = hand->seat,
                            .priority = hand->priority,
                            .deadline = clock_now() + hand->patience,
                            .cancel = hand->cancel};
    int result = model_acquire(hand->manager, role, wish.deadline, hand->cancel, &ret->handle);
    int64_t start = clock_now();
    result = result ? result : run_begin(&ret->handle, &wish, &ret->run);
    if (result == 0) {
        stage_add(stages, stage, clock_seconds(clock_now() - start), 1);
    }
    return result;
}

int hand_read(const struct hand *hand, const struct image *picture, float dpi, struct stages *stages, struct line **ret,
              size_t *ret_count) {
    struct hand_run run cleanup(hand_run_end) = {0};
    int result = run_on_picture(hand, ROLE_READ, STAGE_READ, picture, dpi, stages, &run);
    if (result == 0) {
        *ret = run.run.lines;
        *ret_count = run.run.line_count;
    }
    return result;
}

int hand_orient(const struct hand *hand, const struct image *picture, float dpi, struct stages *stages,
                struct orientation *ret) {
    struct hand_run run cleanup(hand_run_end) = {0};
    int result = run_on_picture(hand, ROLE_ORIENT, STAGE_ORIENT, picture, dpi, stages, &run);
    *ret = run.run.orientation;
    return result;
}
