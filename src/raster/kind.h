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
#include "document/page.h"
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
    /*
     * Set before need() and page(): pages are to be drawn so many times smaller each way (a power of two up to
     * BITMAP_SHRINK_MOST; 1 or 0: as they are) where the kind can, for lack of memory. It notes those that it did.
     */
    uint32_t shrink;
};

/*
 * What drawing takes, in bytes for each pixel, the bitmap among them (raster/cost.c for pictures, raster/pdf.c):
 *
 *   PNG      grey 2, colour 7, with transparency 8: libpng's rows and leptonica's picture of 4 (grey 1) at once
 *   JPEG     grey 1, colour 4: leptonica's picture; several scans: 2 more for each coefficient (2 to 6)
 *   TIFF     one sample: twice its bits; colour 14: libtiff's raster 4, leptonica's picture 4, a strip raw and decoded
 *   WebP     4, with transparency 5, lossless 8: libwebp's words and leptonica's
 *   BMP      colour 4; PNM colour 4, grey 2; GIF 3
 *   JPEG 2000  4 for each component (OpenJPEG's integers) and 4, grey 1
 *   PDF      bitmap 1 or 3; groups and masks that are open at once, 2 to 6 each; the largest picture on the page, both
 *            decoded and scaled; what looking at the page took (fonts, compressed pictures, JPEG 2000 decoded)
 *
 * leptonica's rows are given back as they are drawn, so the bitmap counts only where it is larger; but for a picture
 * that is turned on the way, where both exist at once. To all of it come 2 MiB (PDF: 3): buffers of the decoders, rows,
 * code that is touched for the first time. Pages of the document's own file are the system's cache and do not count.
 */
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
     * Bytes that page() will take for page number at most, its bitmap included, beyond what the process holds at rest.
     * What it finds out is kept for page() until rest(); doing so takes less than the bytes. ERR_CORRUPT,
     * ERR_TOO_LARGE, ERR_NO_MEMORY.
     */
    int (*need)(struct document *document, uint32_t number, struct notes *notes, size_t *ret);

    /*
     * Draws page number (from 1, at most document->pages) into a sealed memfd, which the caller closes. What could be
     * drawn of a broken page is drawn, with a note. ERR_CORRUPT, ERR_UNSUPPORTED, ERR_TOO_LARGE, ERR_NO_MEMORY.
     */
    int (*page)(struct document *document, uint32_t number, struct notes *notes, struct bitmap *ret_bitmap,
                int *ret_fd);

    /* Frees what was kept for speed; to be called when nothing is drawn for a while. */
    void (*rest)(struct document *document);

    /*
     * Writes the document as a PDF with invisible text, once: a beginning; pages that were read, in their order; an
     * end. What the document has is kept as it is, pages of a picture file are made of their pictures. fd is borrowed
     * and at its start. ERR_OUTPUT, ERR_CORRUPT, ERR_NO_MEMORY; after a failure the document can only be closed.
     */
    int (*write_begin)(struct document *document, int fd, struct notes *notes);
    int (*write_page)(struct document *document, const struct page *page, struct notes *notes);
    int (*write_end)(struct document *document, struct notes *notes);

    /* Frees the document and nulls the variable. */
    void (*close)(struct document **document);
};

extern const struct document_kind pdf_kind, picture_kind;

/* The kind that knows these bytes; NULL if none does. Borrowed for ever. */
const struct document_kind *kind_of(const unsigned char *bytes, size_t length);

#endif
