/* What one thread needs to run models: its place among their runners, and for whom it works. One thread at a time. */
#ifndef OCTAVO_PIPELINE_HAND_H
#define OCTAVO_PIPELINE_HAND_H

#include <stdatomic.h>
#include <stdbool.h>

#include "conf/switches.h"
#include "document/page.h"
#include "image/image.h"
#include "model/run.h"

struct hand {
    struct manager *manager;
    const struct engine_kind *kind; /* that models run on; NULL: the usual one of each */
    unsigned without;               /* bits 1 << role: models that are not to be used */
    unsigned off;                   /* bits 1 << switch: stages that nobody wants */
    int seat;                       /* its runner of every model */
    int tiles;                      /* pieces that a page is cut into for detection */
    int priority;                   /* of the work in hand */
    int64_t patience;               /* nanoseconds to wait for memory, or for a model that is being loaded */
    bool unnoticed;                 /* as of struct model_handle */
    const atomic_bool *cancel;      /* when true the work in hand is to end; may be NULL */
};

/* The model of role, NULL if there is none, or it is not to be used. */
const struct model_spec *hand_spec(const struct hand *hand, enum role role);

/* A run and the model that it holds. */
struct hand_run {
    struct model_handle handle;
    struct model_run run;
};

/*
 * Runs role's model on an image normalised as its description says, in the upper left corner of planes of width x
 * height (one plane, which it fills, for a model of grey images). Networks of PaddleDetection that ask for its shape
 * and scale are told that shape, and 1. Output and model are borrowed until hand_run_end(), which the caller calls
 * after success. Time is charged to PREPARE (waiting for memory and loading excepted) and to stage. Errors as
 * model_acquire() and run_begin().
 */
int hand_run(const struct hand *hand, enum role role, enum stage stage, const struct image *image, uint32_t width,
             uint32_t height, struct stages *stages, struct hand_run *ret);

/* The same on all of an image, scaled to the size that the model's description says. Also ERR_NO_MEMORY. */
int hand_run_scaled(const struct hand *hand, enum role role, enum stage stage, const struct image *image,
                    struct stages *stages, struct hand_run *ret);

/*
 * Reads a picture with Tesseract: its lines, with words, in pixels of the picture; the caller frees them
 * (pipeline/reading.c). Errors as model_acquire() and run_begin().
 */
int hand_read(const struct hand *hand, const struct image *picture, float dpi, struct stages *stages, struct line **ret,
              size_t *ret_count);

/* How a picture lies, as Tesseract sees it. Errors likewise. */
int hand_orient(const struct hand *hand, const struct image *picture, float dpi, struct stages *stages,
                struct orientation *ret);

/* For cleanup(): {0} is left alone. */
void hand_run_end(struct hand_run *run);

#endif
