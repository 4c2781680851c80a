/*
 * Tables that go on over pages: told where they do, and put together for formats that show them in one piece. Any
 * thread, one at a time.
 */
#ifndef OCTAVO_OUTPUT_JOINING_H
#define OCTAVO_OUTPUT_JOINING_H

#include "output/writer.h"

/* Where a pass over the pages is. {0} before its first page. */
struct joining {
    uint32_t expected;      /* the page whose first table goes on from the page before; 0: none */
    uint32_t pages;         /* that this table has taken */
    struct page view;       /* of the last page given out; its regions are these */
    struct region *regions; /* copies; all but the joined one borrow all but their picture of the page */
    struct region joined;
};

void joining_done(struct joining *joining);

/*
 * The page after number of the source, as struct page_source gives it, with regions flagged: a table goes on where it
 * is the last on its page, the first table of the following page stands before all else there, and both have as many
 * columns between the same edges; headers, footers and what stands at the edges of the pages do not count. whole: a
 * table that goes on has all rows on its first page, heads that are repeated left out, and the parts on the following
 * pages are to be passed over (continued). It looks ahead one page, or as many as a whole table has (64 at most; then
 * another one begins). *ret is borrowed until the next call. Errors are those of the source.
 */
int joining_next(struct joining *joining, const struct page_source *source, uint32_t number, bool whole,
                 const struct page **ret);

#endif
