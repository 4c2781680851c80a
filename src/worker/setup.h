/* From a `setup` message to models that can run. One thread. */
#ifndef OCTAVO_WORKER_SETUP_H
#define OCTAVO_WORKER_SETUP_H

#include "model/catalog.h"
#include "pipeline/hand.h"
#include "worker/places.h"

struct wish {
    const char *engine;  /* name, or "auto" */
    const char *version; /* of the text models, or NULL for the first installed */
    int threads;         /* runs side by side */
};

struct setup {
    struct places places;
    struct catalog catalog;
    const struct engine_kind *kind;
    struct engine *engine;
    struct models models;
};

/*
 * Chooses and opens the engine and loads the models, several at a time. *ret must have its places; the caller calls
 * setup_done(), also after a failure. ERR_NO_ENGINE, ERR_NO_MODEL, ERR_BAD_MODEL, ERR_USAGE (no such engine).
 */
int setup_load(const struct wish *wish, struct setup *setup);

/* All runners must be gone. */
void setup_done(struct setup *setup);

#endif
