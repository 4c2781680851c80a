/*
 * The one gate in front of every engine run: a seat and the bytes of its predicted peak are taken in one step, the run
 * is measured, and what it took is learned. Any thread that holds a handle.
 *
 * How a run is measured: the allocator is counted thread by thread (engine/heap.h). Where an engine runs in the calling
 * thread every run is measured. Where it runs in threads of its own, the first runs of a model, and those clearly
 * larger than any before, are taken alone (all seats) and measured over the engine's threads.
 */
#ifndef OCTAVO_MODEL_RUN_H
#define OCTAVO_MODEL_RUN_H

#include "model/manager.h"

struct model_run {
    struct outputs output; /* borrowed until run_end() */
    struct line *lines;    /* read on a picture: the caller's */
    size_t line_count;
    struct orientation orientation; /* of a picture */
    struct model_handle handle;     /* a copy: the caller's stays the one that is released */
    int seat;
    uint64_t charged, instance; /* of it for a runner with weights of its own, which stays */
    bool alone, open;
};

/* What runs, and for whom. */
struct run_wish {
    int64_t shape[TENSOR_RANK];                /* of the input, which has four dimensions */
    void (*fill)(void *context, float *input); /* writes the input, once there is room for it */
    void *context;
    const struct input *beside; /* further inputs, for networks that ask for them */
    int beside_count;
    const struct image *picture; /* for an engine that reads: its pixels, of the shape, are the input; no fill */
    float dpi;                   /* of the picture; 0: unknown */
    int seat;                    /* which of the model's runners: one thread at a time each */
    int priority;                /* as in memory/ledger.h */
    int64_t deadline;            /* of the wait */
    const atomic_bool *cancel;   /* of the wait; may be NULL */
};

/*
 * Runs the model. ERR_ENGINE, ERR_NO_MEMORY (could never fit; needed and available bytes), ERR_TIMEOUT (of the
 * wait), ERR_INTERRUPTED. After success the caller calls run_end() when it is through with the output.
 */
int run_begin(struct model_handle *handle, const struct run_wish *wish, struct model_run *ret);

/* Gives output, bytes and seat back; for cleanup(): {0} is left alone. */
void run_end(struct model_run *run);

/*
 * Bytes to charge for a run of spec on kind with so many input elements (floats; of a picture: bytes), and for having
 * it loaded. further: on one more runner than the first, where the engine keeps what runs took; false elsewhere.
 */
uint64_t run_predict(struct predictor *predictor, const struct model_spec *spec, const struct engine_kind *kind,
                     bool further, uint64_t elements);
uint64_t weights_predict(struct predictor *predictor, const struct model_spec *spec, const struct engine_kind *kind);
uint64_t loading_predict(struct predictor *predictor, const struct model_spec *spec, const struct engine_kind *kind);

#endif
