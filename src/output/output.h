/*
 * What a result is written as. To add a format: a file here with its function, a line in output.c, its word in
 * table/options.def (--format), a golden test. One thread at a time.
 */
#ifndef OCTAVO_OUTPUT_OUTPUT_H
#define OCTAVO_OUTPUT_OUTPUT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/result.h"

struct output {
    const char *word;      /* as in --format */
    const char *extension; /* without the dot */
    const char *type;      /* of its content, for HTTP */
    bool structured;       /* it is made of regions and tables */
    /* A file is its head, its pages in their order, its tail; each adds to the buffer. The head may be NULL, the tail
     * too. sum: of the pages' stages, told in the head. */
    void (*head)(const struct result *result, const struct stages *sum, struct buffer *to);
    void (*page)(const struct page *page, bool first, struct buffer *to);
    void (*tail)(struct buffer *to);
};

/* All formats; the last has a NULL word. */
extern const struct output outputs[];

/* Adds the whole file. */
void output_write(const struct output *output, const struct result *result, struct buffer *to);

#endif
