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
    /* The same with the words of the lines, in a format that leaves them out unless they are asked for; may be NULL. */
    void (*page_with_words)(const struct page *page, bool first, struct buffer *to);
    void (*tail)(struct buffer *to);
    bool needs_words; /* its pages are to have words */
};

/* All formats; the last has a NULL word. */
extern const struct output outputs[];

/* The format of that word; NULL if there is none. */
const struct output *output_of(const char *word);

/* Adds a page, in the format's form with words if they are wanted and it has one. */
void output_page(const struct output *output, const struct page *page, bool words, bool first, struct buffer *to);

/* Adds the whole file; words as for output_page(). */
void output_write(const struct output *output, const struct result *result, bool words, struct buffer *to);

#endif
