#include "pipeline/hand.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

void hand_begin(struct hand *hand, const struct models *models) { *hand = (struct hand){.models = models}; }

void hand_done(struct hand *hand) {
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (hand->runner[role]) {
            hand->models->role[role].kind->runner_free(hand->runner[role]);
        }
    }
    free(hand->planes);
    *hand = (struct hand){0};
}

bool models_have(const struct models *models, enum role role) { return models->role[role].network != NULL; }

void models_unload(struct models *models) {
    for (int role = 0; role < ROLE_COUNT; role++) {
        model_unload(&models->role[role]);
    }
}

static int reserve_planes(struct hand *hand, size_t cells) {
    if (cells <= hand->plane_capacity) {
        return 0;
    }
    free(hand->planes);
    hand->planes = NULL;
    hand->plane_capacity = 0;
    void *planes;
    int result = try_alloc(cells, 3 * sizeof(float), &planes);
    if (result == 0) {
        hand->planes = planes;
        hand->plane_capacity = cells;
    }
    return result;
}

static int runner_of(struct hand *hand, enum role role, struct runner **ret) {
    const struct model *model = &hand->models->role[role];
    if (!hand->runner[role]) {
        int result = model->kind->runner_new(model->network, &hand->runner[role]);
        if (result != 0) {
            return result;
        }
    }
    *ret = hand->runner[role];
    return 0;
}

int hand_run(struct hand *hand, enum role role, enum stage stage, const struct image *image, uint32_t width,
             uint32_t height, struct stages *stages, struct tensor *ret) {
    const struct model_spec *spec = hand->models->role[role].spec;
    struct runner *runner;
    int64_t start = clock_now();
    int result = reserve_planes(hand, (size_t)width * height);
    if (result == 0) {
        result = runner_of(hand, role, &runner);
    }
    if (result != 0) {
        return result;
    }
    image_to_planes(image, spec->mean, spec->scale, spec->blue_first, 0, width, height, hand->planes);
    int64_t filled = clock_now();
    struct tensor input = {.data = hand->planes, .shape = {1, 3, height, width}, .rank = 4};
    result = hand->models->role[role].kind->run(runner, &input, ret);
    stage_add(stages, STAGE_PREPARE, clock_seconds(filled - start), 0);
    stage_add(stages, stage, clock_seconds(clock_now() - filled), 1);
    return result != 0 ? fail(result, "model %s: %s", spec->id, error_detail()) : 0;
}
