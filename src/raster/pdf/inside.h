/*
 * MuPDF, whose only home this folder is: PDF files opened (pdf.c), looked at (look.c) and drawn, searchable ones
 * written (write.c), pictures decoded for picture.c (decode.c). No JavaScript, no fonts of the system, no ICC profiles;
 * nothing a document refers to is opened: all that MuPDF ever reads is the bytes it is given.
 *
 * MuPDF throws by longjmp. Each of its calls stands in a step_... function, run by attempt(); a step keeps no variable
 * of its own across a throw. One thread.
 */
#ifndef OCTAVO_RASTER_PDF_INSIDE_H
#define OCTAVO_RASTER_PDF_INSIDE_H

#include <mupdf/fitz.h>
#include <mupdf/pdf.h>

#include "raster/canvas.h"
#include "raster/kind.h"
#include "raster/layout.h"
#include "raster/pdf.h"

enum { MAX_NEST = 32 }; /* groups and masks open at once whose memory is told apart */

struct bytes {
    const unsigned char *start;
    size_t length;
};

/* Memory for groups and masks while a page is drawn, in points for each byte of a pixel. */
struct nest {
    float areas[MAX_NEST], sum, most;
    uint32_t depth;
};

/* What looking at a page has found. */
struct look {
    uint32_t number; /* of the page; 0: none was looked at */
    int colour;      /* MuPDF's test: 0 grey, 1 or 2 coloured */
    bool cut;        /* the time was up */
    struct layout layout;
    struct nest nest;
    struct largest {
        float width, height; /* in pixels; those of its mask count too */
        float samples;       /* of a pixel, alpha among them; 0: is decoded already */
        float across, down;  /* in points */
    } largest;               /* of the pictures */
    size_t held, peak;       /* bytes of heap: fonts and pictures that were loaded; the most while they were */
};

/* A page being drawn. */
struct drawing {
    uint32_t number; /* 0: none */
    uint32_t shrink; /* the document's when it was laid out */
    fz_page *page;
    fz_rect box;     /* in points, as it is seen: CropBox, /Rotate and UserUnit applied */
    fz_matrix place; /* points to pixels */
    struct bitmap shape;
    fz_cookie cookie;
    struct canvas canvas;
};

struct pdf {
    struct document document;
    struct limits limits;
    fz_context *context;
    pdf_document *file;
    struct notes *notes;         /* where MuPDF's remarks go now; NULL: nowhere */
    struct drawing drawing;      /* prepared by need() or being drawn */
    struct look look;            /* at the page that was asked for last */
    size_t excess;               /* what a page took beyond what was told, at most so far */
    struct bytes bytes;          /* of the file */
    struct pdf_writing *writing; /* NULL: it is not written */
};

/* MuPDF with nothing open. ERR_NO_MEMORY. */
int pdf_new_context(struct pdf *pdf);

/* Runs a step; what it throws becomes ERR_NO_MEMORY or ERR_CORRUPT, with MuPDF's words as the detail. */
int attempt(struct pdf *pdf, void (*step)(struct pdf *, void *), void *argument);

/* Runs the page being drawn into a device, which is closed and dropped. To be called in a step. */
void pdf_run_drawing(struct pdf *pdf, fz_device *device);

/* A pixmap over the canvas, white all over; the caller drops it. To be called in a step. */
fz_pixmap *white_pixmap(fz_context *context, struct canvas *canvas);

float area(fz_rect rect);

/*
 * Finds out whether the page being drawn has colour, whether it is one picture and what memory it takes, by running it
 * into a device that draws nothing. Coloured pictures count as colour without a look at their pixels; so does a page
 * that takes long: it is not worth running twice.
 */
void pdf_look_at(struct pdf *pdf);

/* Of the kind (raster/kind.h), in write.c. */
int pdf_write_begin(struct document *document, int fd, struct notes *notes);
int pdf_write_page(struct document *document, const struct page *page, struct notes *notes);
int pdf_write_end(struct document *document, struct notes *notes);
void pdf_write_drop(struct pdf *pdf);

#endif
