/*
 * What one thread needs to run models: a runner for each and scratch memory that is kept from run to run. A hand
 * belongs to one thread at a time.
 */
#ifndef OCTAVO_PIPELINE_HAND_H
#define OCTAVO_PIPELINE_HAND_H

#include <stdbool.h>
#include <stddef.h>

#include "document/page.h"
#include "image/image.h"
#include "model/model.h"

/* The models of a reader; a role that is not installed has no network. Constant once loaded; shared by all hands. */
struct models {
    struct model role[ROLE_COUNT];
};

struct hand {
    const struct models *models;
    struct runner *runner[ROLE_COUNT];
    float *planes; /* three planes of the largest input so far */
    size_t plane_capacity;
};

/* An empty hand; models must outlive it. The caller calls hand_done(). */
void hand_begin(struct hand *hand, const struct models *models);
void hand_done(struct hand *hand);

bool models_have(const struct models *models, enum role role);
void models_unload(struct models *models);

/*
 * Runs role's model on an image normalised as its description says, in the upper left corner of planes of width x
 * height. *ret is borrowed until this hand's next run of the role. Time is charged to PREPARE and to stage.
 * ERR_NO_MEMORY, ERR_ENGINE.
 */
int hand_run(struct hand *hand, enum role role, enum stage stage, const struct image *image, uint32_t width,
             uint32_t height, struct stages *stages, struct tensor *ret);

#endif
