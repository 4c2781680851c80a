/*
 * What a result is written as. To add a format: a file here with its function, a line in output.c, its word in
 * table/formats.h, a golden test. One thread at a time.
 */
#ifndef OCTAVO_OUTPUT_OUTPUT_H
#define OCTAVO_OUTPUT_OUTPUT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/made.h"
#include "document/result.h"

/* A format whose file is not the sum of its pages. Each adds what is ready to the buffer. Errors are those of
 * output/archive.h. */
struct output_state {
    void *(*open)(void); /* what is kept from page to page */
    int (*page)(void *state, const struct page *page, struct buffer *to);
    int (*close)(void *state, struct buffer *to); /* the end of the file */
    void (*drop)(void *state);
};

struct output {
    const char *word;      /* as in --format */
    const char *extension; /* without the dot */
    const char *type;      /* of its content, for HTTP */
    bool structured;       /* it is made of regions and tables */
    bool only_tables;      /* it holds nothing else */
    bool joins_tables;     /* tables that go on over pages are shown whole, where they begin */
    bool needs_words;      /* its pages are to have words */
    bool page_files;       /* each page is a file of its own */
    bool binary;           /* it is nothing for a terminal */
    bool figures;          /* it shows pictures of regions (output/figures.h) */
    /* A file is its head, its pages in their order, its tail; each adds to the buffer. The head may be NULL, the tail
     * too. sum: of the pages' stages, told in the head. */
    void (*head)(const struct result *result, const struct stages *sum, struct buffer *to);
    void (*page)(const struct page *page, bool first, struct buffer *to);
    /* The same with the words of the lines, in a format that leaves them out unless they are asked for; may be NULL. */
    void (*page_with_words)(const struct page *page, bool first, struct buffer *to);
    void (*tail)(struct buffer *to);
    /* What page adds in pieces: regions from to before end. Of a format that has its figures within unless it is
     * packed, so that one of them is held at a time; NULL: they stand beside it. */
    void (*regions)(const struct page *page, uint32_t from, uint32_t end, struct buffer *to);
    const struct output_state *state; /* in place of these, or NULL */
    enum made made; /* from the document by the process that decodes it (pool/edition.h): none of all these */
};

/* All formats, save zip, which packs them; the last has a NULL word. */
extern const struct output outputs[];

/* The format of that word; NULL if there is none. */
const struct output *output_of(const char *word);

enum { OUTPUT_MOST = 16 /* formats that there may be */ };

/* What is to be written of a result. */
struct selection {
    const struct output *outputs[OUTPUT_MOST]; /* in the order of the table above */
    size_t count;
    bool zip; /* as an archive of files NAME.EXTENSION; NAME-PAGE.EXTENSION where pages are files */
    bool words;
};

/* Reads words with commas between. ERR_BAD_REQUEST: one is unknown, or zip stands alone or with pdf. */
int selection_read(const char *formats, bool words, struct selection *ret);

/* Whether one of them shows what the layout finds; whether one shows words. */
bool selection_is_structured(const struct selection *selection);
bool selection_needs_words(const struct selection *selection);

/* Why they cannot be had with this wish for the layout ("off", or another, or NULL), NULL if they can. */
const char *selection_contradiction(const struct selection *selection, const char *layout);

/* Whether this has to be made for one of them. */
bool selection_has_made(const struct selection *selection, enum made made);

/* Whether one of them shows figures: those that have them within, and where there is a place beside them all. */
bool selection_has_figures(const struct selection *selection, bool beside);

/* Whether a document with several pages may give files NAME-PAGE.EXTENSION, none of them packed. */
bool selection_has_page_files(const struct selection *selection);

/* Whether it gives one file of a document of so many pages. ERR_SEVERAL_FILES. */
int selection_expect_file(const struct selection *selection, uint32_t pages);

/* The type of the content, and the extension, of that one file. */
const char *selection_type(const struct selection *selection);
const char *selection_extension(const struct selection *selection);

/* Adds a page, in the format's form with words if they are wanted and it has one. The format has no state. */
void output_page(const struct output *output, const struct page *page, bool words, bool first, struct buffer *to);

/* The last piece of a file's name, "stdin" for "-"; borrowed from it. The same less its extension; caller frees. */
const char *output_base(const char *file);
char *output_stem(const char *file);

#endif
