/*
 * Pages as PaddleX's servers tell them (docs/paddlex.md), one at a time: what is asked for depends on the request, so
 * that these are no formats of output.h. Places are whole pixels of the page as one holds it to read it. Any thread.
 */
#ifndef OCTAVO_OUTPUT_PADDLEX_H
#define OCTAVO_OUTPUT_PADDLEX_H

#include <stdbool.h>

#include "document/album.h"
#include "document/page.h"

/* What a request may want to have otherwise. */
struct paddlex_terms {
    double score; /* lines below it are told as found only, not as read */
    bool words;   /* OCR: with the place of each */
    bool tables;  /* tables are told as such, else as their lines */
    bool images;  /* Markdown has its pictures beside it */
};

/* A member of "ocrResults"; one of "layoutParsingResults", with what there is of pictures. The caller drops *ret.
 * ERR_OUTPUT: a picture cannot be read. */
int paddlex_ocr_page(const struct page *page, const struct paddlex_terms *terms, const struct albums *albums,
                     struct json **ret);
int paddlex_layout_page(const struct page *page, const struct paddlex_terms *terms, const struct albums *albums,
                        struct json **ret);

/* What the two share: of a page that is upright already, the lines; what turned it, NULL where nobody looked. */
struct json *paddlex_lines(const struct page *upright, const struct paddlex_terms *terms);
struct json *paddlex_turn(const struct page *page);

/* Polygons and boxes of lines from first to end - 1 that have the score, with texts and scores, into an object. */
void paddlex_add_read(struct json *object, const struct page *upright, size_t first, size_t end, double score);

/* Sets a member to a picture in base64, unless there is none. ERR_OUTPUT. */
int paddlex_set_picture(struct json *object, const char *key, const struct album *album, uint32_t page,
                        uint32_t region);

/* [left, top, right, bottom]. */
struct json *paddlex_box(const struct page *upright, const struct quad *quad);

#endif
