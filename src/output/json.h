/* JSON as docs/result.schema.json describes it; each page on a line of its own. */
#ifndef OCTAVO_OUTPUT_JSON_H
#define OCTAVO_OUTPUT_JSON_H

#include "base/buffer.h"
#include "document/result.h"

void output_json(const struct result *result, struct buffer *to);

#endif
