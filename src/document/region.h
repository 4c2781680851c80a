/* The JSON of regions, for page.c alone. */
#ifndef OCTAVO_DOCUMENT_REGION_H
#define OCTAVO_DOCUMENT_REGION_H

#include "document/page.h"

/* The polygon of a quad: four points of x, y; caller drops. ERR_PROTOCOL for anything else. */
struct json *quad_to_json(const struct quad *quad);
int quad_from_json(const struct json *polygon, struct quad *ret);

/* A region as docs/result.schema.json describes it; caller drops. */
struct json *region_to_json(const struct region *region);
/* Reads what region_to_json() wrote into *ret, for region_done(). ERR_PROTOCOL. */
int region_from_json(const struct json *object, struct region *ret);

/* A whole number from low to high. ERR_PROTOCOL naming the key. */
int number_from_json(const struct json *object, const char *key, uint32_t low, uint32_t high, uint32_t *ret);

/* ERR_PROTOCOL. */
int bad_result(const char *what);

size_t json_length(const struct json *list);

#endif
