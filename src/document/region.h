/* The JSON of regions, for page.c alone. */
#ifndef OCTAVO_DOCUMENT_REGION_H
#define OCTAVO_DOCUMENT_REGION_H

#include "document/page.h"

/* A region as docs/result.schema.json describes it; caller drops. */
struct json *region_to_json(const struct region *region);
/* Reads what region_to_json() wrote into *ret, for region_done(). ERR_PROTOCOL. */
int region_from_json(const struct json *object, struct region *ret);

#endif
