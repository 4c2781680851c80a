/*
 * Inference engines behind one table of functions. An engine library is loaded at run time (dlopen), each by the one
 * source file that includes its header; a missing library is a clear message, not a failure to start.
 *
 * Life of the objects: an engine outlives its networks, a network outlives its runners. A network (a compiled model) is
 * shared by any number of threads; a runner belongs to one thread at a time. Every run uses one core: two runs side by
 * side get more out of two cores than one run on both (docs/performance.md), so parallelism is the callers'.
 */
#ifndef OCTAVO_ENGINE_ENGINE_H
#define OCTAVO_ENGINE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "document/page.h"
#include "image/image.h"

enum { TENSOR_RANK = 4, ENGINE_INPUTS = 3, ENGINE_OUTPUTS = 8 /* most inputs and outputs of a network */ };

/* Dense 32-bit floats, last dimension fastest. */
struct tensor {
    const float *data;
    int64_t shape[TENSOR_RANK]; /* unused dimensions are 1 and stand last */
    int rank;
};

/* What a network is fed. One of a single input takes the first, whatever it is called: names differ between exports. */
struct input {
    const char *name;
    struct tensor tensor;
};

/* What a run gives: the network's outputs of floats, and of 16-bit floats and 64-bit integers, which become floats, in
 * their order. */
struct outputs {
    struct tensor tensor[ENGINE_OUTPUTS];
    int count; /* at least 1 */
};

/* How a page lies. */
struct orientation {
    int angle;      /* the clockwise turn that it has suffered: 0, 90, 180 or 270 */
    float sureness; /* of it, without a bound; 0: nothing was seen */
};

struct engine;
struct network;
struct runner;

struct engine_kind {
    const char *name; /* "openvino" */

    /* Runs happen in the calling thread; else in threads of the engine's own. */
    bool runs_in_caller;
    /* A runner keeps the memory of its largest run until its network is unloaded; else a run gives all back. */
    bool keeps;
    /* Bytes of freed blocks that are worth keeping for its next runs (engine/blocks.h). */
    uint64_t spare;
    /* A runner has weights of its own: as many bytes as the network's load has taken, for the first one. */
    bool exclusive;

    /* Loads the library found in folder. ERR_NO_ENGINE with the reason. */
    int (*open)(const char *folder, struct engine **ret);
    void (*close)(struct engine *engine);
    /* "2026.4.1"; borrowed while the engine is open. */
    const char *(*version)(const struct engine *engine);

    /*
     * Compiles the ONNX file at path for up to `runners` runs side by side (each keeps memory for its largest input).
     * cache: folder for compiled forms, or NULL. ERR_BAD_MODEL, ERR_NO_MEMORY.
     */
    int (*network_load)(struct engine *engine, const char *path, int runners, const char *cache, struct network **ret);
    void (*network_unload)(struct network *network);

    int (*runner_new)(struct network *network, struct runner **ret);
    void (*runner_free)(struct runner *runner);
    /* *ret is borrowed until output_free(), which follows each run that succeeded. Inputs that the network does not ask
     * for are left alone. Networks of several inputs, or with outputs of other types than floats, which are left out
     * but for 64-bit integers, are for ONNX Runtime only. ERR_ENGINE, ERR_BAD_MODEL (an input that is not there, no
     * output of numbers), ERR_NO_MEMORY. */
    int (*run)(struct runner *runner, const struct input *inputs, int count, struct outputs *ret);
    void (*output_free)(struct runner *runner);

    /*
     * Instead of run(), of an engine that reads pictures by itself; NULL: it computes tensors. The lines in the order
     * of reading, with words, and numbered by block and row; the caller frees them (page_done()). output_free() follows
     * as after run(). dpi: 0 if unknown; *cancel (may be NULL) ends it early. ERR_ENGINE, ERR_INTERRUPTED.
     */
    int (*read)(struct runner *runner, const struct image *picture, float dpi, const atomic_bool *cancel,
                struct line **ret, size_t *ret_count);
    /* Likewise how the picture lies; sureness 0 where it has too little ink. ERR_TOO_LARGE. */
    int (*orient)(struct runner *runner, const struct image *picture, float dpi, struct orientation *ret);
};

extern const struct engine_kind engine_onnxruntime, engine_openvino, engine_tesseract;

/* All kinds that compute tensors, in the order in which they are tried; NULL at the end. */
extern const struct engine_kind *const engine_kinds[];

/* The kind of a name, of all, NULL if there is none. */
const struct engine_kind *engine_kind_find(const char *name);

#endif
