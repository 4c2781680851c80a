/*
 * A model ready to run: its description, its compiled network and its alphabet. Loaded once, then constant and shared
 * by all threads; runners (engine/engine.h) belong to one thread each.
 */
#ifndef OCTAVO_MODEL_MODEL_H
#define OCTAVO_MODEL_MODEL_H

#include <stddef.h>

#include "catalog/catalog.h"
#include "engine/engine.h"

struct model {
    const struct model_spec *spec; /* borrowed from the catalog */
    const struct engine_kind *kind;
    struct network *network;
    /* Alphabet or labels, UTF-8, in the order of the classes, NULL if the file has none; formula: the bytes of tokens.
     */
    char **characters;
    size_t character_count;
};

/*
 * Checks the file of spec in folder against its size and hash (those that have none are taken as they are) and loads
 * it; runners and cache as in engine/engine.h. The caller calls model_close(). ERR_NO_MODEL, ERR_BAD_MODEL (file and
 * reason named), ERR_NO_MEMORY.
 */
int model_open(const struct model_spec *spec, const char *folder, const struct engine_kind *kind, struct engine *engine,
               int runners, const char *cache, struct model *ret);

/* All runners must be gone. */
void model_close(struct model *model);

/* Whether the file of spec in folder is the right one. ERR_NO_MODEL, ERR_BAD_MODEL naming file and difference. */
int model_check(const struct model_spec *spec, const char *folder);

#endif
