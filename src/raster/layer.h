/*
 * The text of a page as a content stream of PDF: invisible, word by word where the words were read, in reading order.
 * Pure, but for the letters. One thread.
 */
#ifndef OCTAVO_RASTER_LAYER_H
#define OCTAVO_RASTER_LAYER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "document/page.h"
#include "raster/letters.h"

/* From pixels of the page to points of its user space: x = a px + c py + e, y = b px + d py + f. */
struct placing {
    double a, b, c, d, e, f;
};

struct layer {
    struct letters *letters;
    struct placing placing;
    /* Whether the page shows this text already; NULL: it shows none. */
    bool (*shown)(void *context, const struct line *line, const struct word *word);
    void *context;
};

/*
 * Adds the stream, which leaves the state of drawing as it was; nothing if there is no word to be added. Returns the
 * fonts that it uses, 1 << enum letters_font each.
 */
unsigned layer_add(const struct layer *layer, const struct page *page, struct buffer *to);

#endif
