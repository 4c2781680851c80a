/*
 * What a result is written as. To add a format: a file here with its function, a line in output.c, its word in
 * table/options.def (--format), a golden test. One thread at a time.
 */
#ifndef OCTAVO_OUTPUT_OUTPUT_H
#define OCTAVO_OUTPUT_OUTPUT_H

#include "base/buffer.h"
#include "document/result.h"

struct output {
    const char *word;                                              /* as in --format */
    const char *extension;                                         /* without the dot */
    void (*write)(const struct result *result, struct buffer *to); /* adds the whole file */
};

/* All formats; the last has a NULL word. */
extern const struct output outputs[];

#endif
