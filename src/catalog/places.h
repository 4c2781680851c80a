/* Where models, engines and what is kept of them are. All strings are owned; one thread. */
#ifndef OCTAVO_CATALOG_PLACES_H
#define OCTAVO_CATALOG_PLACES_H

#include <stdbool.h>

struct places {
    char *catalog; /* the YAML file */
    char *models;  /* folder of the ONNX files */
    char *engines; /* folder with one folder for each engine */
    char *cache;   /* folder for compiled models, created; NULL if it cannot be */
    char *state;   /* folder for what was measured, created; NULL if it cannot be */
};

/*
 * Finds them: models as given, or (NULL) in the runtime folder, which is $OCTAVO_RUNTIME, else ../../runtime beside the
 * executable's folder (a build tree), else ../lib/octavo (an installation). Cache and state follow the XDG base
 * directory specification. The caller calls places_done(). ERR_INTERNAL.
 */
int places_find(const char *models, struct places *ret);
void places_done(struct places *places);

/* The folder of an engine, by its name (caller frees), and whether it can be looked into. */
char *places_engine(const struct places *places, const char *engine);
bool places_has_engine(const struct places *places, const char *engine);

#endif
