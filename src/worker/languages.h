/* Tesseract's languages as models. One thread. */
#ifndef OCTAVO_WORKER_LANGUAGES_H
#define OCTAVO_WORKER_LANGUAGES_H

#include "catalog/catalog.h"
#include "catalog/places.h"

struct json;

/*
 * The model that reads these languages ("eng+deu"), found in the folder tessdata of the models or where the system has
 * them (catalog/tessdata.h). The caller calls languages_done(). ERR_USAGE, ERR_NO_MODEL.
 */
int languages_choose(const struct places *places, const char *languages, struct model_spec *ret);

/* Likewise what sees how a page lies; whether it is there. */
bool languages_choose_orientation(const struct places *places, struct model_spec *ret);

void languages_done(struct model_spec *spec);

/* Whether any of the languages, "eng+rus", is of a script that the text models do not hold. */
bool languages_beyond(const char *languages);

/* Adds what `octavo models` tells of each language. */
void languages_describe(const struct places *places, struct json *list);

#endif
