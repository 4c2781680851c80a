/*
 * What a raster makes of a document's bytes when its pages were read (pool/edition.h): each is one file. The PDF is
 * what it is called; pictures lie in a file one after the other (document/album.h).
 */
#ifndef OCTAVO_DOCUMENT_MADE_H
#define OCTAVO_DOCUMENT_MADE_H

#include <stdbool.h>

enum made {
    MADE_NONE,
#define MADE(symbol, word, about, vital) MADE_##symbol,
#include "table/made.def"
#undef MADE
    MADE_COUNT
};

/* Its word, and what to call it in a sentence; "" for none. Borrowed for ever. */
const char *made_word(enum made made);
const char *made_about(enum made made);

/* Whether a document fails that ends without it. */
bool made_is_vital(enum made made);

/* What a word means; MADE_NONE for NULL and all other words. */
enum made made_of(const char *word);

#endif
