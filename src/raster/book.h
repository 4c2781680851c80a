/*
 * A PDF file that is written from its start to its end: objects as they come, each page when its picture is known. What
 * was written is not kept. ISO 32000-1. One thread.
 */
#ifndef OCTAVO_RASTER_BOOK_H
#define OCTAVO_RASTER_BOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "raster/letters.h"

struct book {
    int fd;            /* borrowed */
    uint64_t length;   /* written so far */
    uint64_t *offsets; /* of objects, by number - 1 */
    int count;         /* numbers given */
    int pages;         /* number of the page tree */
    struct buffer kids;
    size_t page_count;
    struct letters letters;
    int font[LETTERS_OBJECTS]; /* numbers; 0: it is not needed yet */
    int error;                 /* the first: nothing is written after it */
};

/* A page: its size in points, its picture and its content streams. */
struct leaf {
    double width, height;
    int picture;         /* number of its object */
    const char *placing; /* of the picture: the unit square's matrix, "W 0 0 H 0 0" */
    int turn;            /* degrees clockwise by which it is shown turned: a multiple of 90 */
    struct buffer *text; /* a content stream, empty: none */
    unsigned fonts;      /* that it uses, as layer_add() has them */
};

/* The caller calls book_done(). */
void book_begin(struct book *book, int fd);

/* A number for an object that is written later. */
int book_number(struct book *book);

/* Writes an object; a dictionary comes without << and >>. */
void book_dictionary(struct book *book, int number, const char *dictionary);

/*
 * Begins a stream, whose bytes follow as they are to stand there: of this length; or of one that is an object of its
 * own, written afterwards.
 */
void book_stream(struct book *book, int number, const char *dictionary, size_t length);
void book_stream_open(struct book *book, int number, const char *dictionary, int length_number);
void book_integer(struct book *book, int number, uint64_t value);
void book_bytes(struct book *book, const void *bytes, size_t length);
void book_stream_end(struct book *book);

/* Writes a stream, compressed. */
void book_deflated(struct book *book, int number, const char *dictionary, const void *bytes, size_t length);

/* Writes a page; the next one. ERR_NO_MEMORY; ERR_OUTPUT for all that went wrong so far. */
int book_page(struct book *book, const struct leaf *leaf);

/* Writes what is still missing. Errors as book_page(). */
int book_end(struct book *book);
void book_done(struct book *book);

#endif
