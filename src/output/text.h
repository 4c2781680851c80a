/* Plain text: a line for each row, an empty line between blocks, a form feed between pages. */
#ifndef OCTAVO_OUTPUT_TEXT_H
#define OCTAVO_OUTPUT_TEXT_H

#include "base/buffer.h"
#include "document/result.h"

void output_text(const struct result *result, struct buffer *to);

#endif
