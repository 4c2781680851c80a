/* What the JSON of pages and of their regions is written and read with, for page.c and region.c. Any thread. */
#ifndef OCTAVO_DOCUMENT_FIELDS_H
#define OCTAVO_DOCUMENT_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "document/geometry.h"

struct json;

/* ERR_PROTOCOL: what is wrong. */
int bad_result(const char *what);

/* A whole number from low to high. ERR_PROTOCOL naming the key. */
int number_from_json(const struct json *object, const char *key, uint32_t low, uint32_t high, uint32_t *ret);

/* How many members an array has; 0 if it is none. */
size_t json_length(const struct json *list);

/* The polygon of a quad: four points of x, y; caller drops. ERR_PROTOCOL for anything else. */
struct json *quad_to_json(const struct quad *quad);
int quad_from_json(const struct json *polygon, struct quad *ret);

#endif
