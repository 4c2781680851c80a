/*
 * Writes a result in the formats that were selected, a page at a time, so that neither all pages nor the whole result
 * need be held. One thread at a time. Errors are those of output/archive.h, and of where the pages come from.
 */
#ifndef OCTAVO_OUTPUT_WRITER_H
#define OCTAVO_OUTPUT_WRITER_H

#include "document/album.h"
#include "output/output.h"

/* Pages in their order, as often as there are formats. */
struct page_source {
    /* The first page with a higher number, borrowed until the next call; NULL: there is none. */
    int (*next)(void *context, uint32_t number, const struct page **ret);
    void *context;
    struct albums albums; /* borrowed: what there is of pictures and figures is written */
    const char *beside;   /* the stem of the text that files of figures stand beside (output/figures.h); NULL: there are
                             none, but in an archive */
};

struct writer;

/* result: all but its pages is looked at; it and what is in the source must live as long as the writer. Caller drops.
 */
struct writer *writer_new(const struct selection *selection, const struct result *result, const struct stages *sum,
                          const struct page_source *source);
/* Of a result whose pages are at hand. albums, beside: as in a source. */
struct writer *writer_at_hand(const struct selection *selection, const struct result *result,
                              const struct albums *albums, const char *beside);
void writer_drop(struct writer **writer);

/* Adds what comes next, perhaps nothing. *ret_more: there is more to come. */
int writer_step(struct writer *writer, struct buffer *to, bool *ret_more);

/* Adds all of a result whose pages are at hand: one file. What has pictures in it is better written piece by piece. */
int output_write(const struct selection *selection, const struct result *result, const struct albums *albums,
                 const char *beside, struct buffer *to);

#endif
