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

enum { TENSOR_RANK = 4, ENGINE_OUTPUTS = 8 /* most outputs of a network */ };

/* Dense 32-bit floats, last dimension fastest. */
struct tensor {
    const float *data;
    int64_t shape[TENSOR_RANK]; /* unused dimensions are 1 and stand last */
    int rank;
};

/* What a run gives, in the order of the network's outputs. */
struct outputs {
    struct tensor tensor[ENGINE_OUTPUTS];
    int count; /* at least 1 */
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
    /* One input, all outputs; *ret is borrowed until output_free(), which follows each run that succeeded. ERR_ENGINE,
     * ERR_BAD_MODEL (an output that is no tensor of floats). */
    int (*run)(struct runner *runner, const struct tensor *input, struct outputs *ret);
    void (*output_free)(struct runner *runner);

    /*
     * Instead of run(), of an engine that reads pictures by itself; NULL: it computes tensors. The lines in the order
     * of reading, with words, and numbered by block and row; the caller frees them (page_done()). output_free() follows
     * as after run(). dpi: 0 if unknown; *cancel (may be NULL) ends it early. ERR_ENGINE, ERR_INTERRUPTED.
     */
    int (*read)(struct runner *runner, const struct image *picture, float dpi, const atomic_bool *cancel,
                struct line **ret, size_t *ret_count);
};

extern const struct engine_kind engine_onnxruntime, engine_openvino, engine_tesseract;

/* All kinds that compute tensors, in the order in which they are tried; NULL at the end. */
extern const struct engine_kind *const engine_kinds[];

/* The kind of a name, of all, NULL if there is none. */
const struct engine_kind *engine_kind_find(const char *name);

#endif
