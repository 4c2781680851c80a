/*
 * Kinds of documents: tables of functions, all listed in kind.c. To add one: a source file that fills this struct, a
 * line in that list, a paragraph in docs/documents.md. One thread.
 */
#ifndef OCTAVO_RASTER_KIND_H
#define OCTAVO_RASTER_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "document/bitmap.h"
#include "raster/notes.h"

/* What the asker allows. */
struct limits {
    float dpi;           /* at which pages without pixels of their own are drawn; 0: choose */
    uint32_t max_pages;  /* 0: any number */
    uint64_t max_pixels; /* of one page */
};

/* An open document; each kind's own struct begins with it. */
struct document {
    const char *format; /* "pdf", "png", ...: borrowed for ever */
    uint32_t pages;     /* at least 1 */
};

struct document_kind {
    /* What its decoders may need at once beside the document, for each pixel that a page may have (raster/confine.h).
     */
    uint32_t bytes_per_pixel;

    /* Whether these bytes are of this kind, by content alone. */
    bool (*knows)(const unsigned char *bytes, size_t length);

    /*
     * Opens bytes, which must stay until close(); nothing large is decoded yet. ERR_CORRUPT, ERR_ENCRYPTED,
     * ERR_NO_PAGES, ERR_TOO_MANY_PAGES, ERR_TOO_LARGE, ERR_UNSUPPORTED.
     */
    int (*open)(const unsigned char *bytes, size_t length, const struct limits *limits, struct notes *notes,
                struct document **ret);

    /*
     * Draws page number (from 1, at most document->pages) into a sealed memfd, which the caller closes. What could be
     * drawn of a broken page is drawn, with a note. ERR_CORRUPT, ERR_UNSUPPORTED, ERR_TOO_LARGE, ERR_NO_MEMORY.
     */
    int (*page)(struct document *document, uint32_t number, struct notes *notes, struct bitmap *ret_bitmap,
                int *ret_fd);

    /* Frees the document and nulls the variable. */
    void (*close)(struct document **document);
};

extern const struct document_kind pdf_kind, picture_kind;

/* The kind that knows these bytes; NULL if none does. Borrowed for ever. */
const struct document_kind *kind_of(const unsigned char *bytes, size_t length);

#endif
