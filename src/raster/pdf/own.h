/*
 * The text that a PDF page has of its own: where it lies, whether it can be seen, and whether it is what was read
 * there. In MuPDF's points, y down. One thread.
 */
#ifndef OCTAVO_RASTER_PDF_OWN_H
#define OCTAVO_RASTER_PDF_OWN_H

#include "raster/pdf/inside.h"

enum { OWN_SIDE = 512 /* cells: half a line of an A4 page is three of them */ };

struct own_text {
    fz_rect box;          /* of the page */
    fz_matrix to_points;  /* from pixels of the result */
    size_t letters, seen; /* how many there are; of them those that can be seen */
    bool again;           /* an earlier run of ours has added to it */
    fz_stext_page *page;  /* what MuPDF holds meanwhile */
    fz_device *device;
    uint16_t cells[OWN_SIDE][OWN_SIDE]; /* the letter that lies there; 0: none */
};

/*
 * Looks at the page, whose box and to_points are set. To be called in a step; own_text_done() afterwards, whether it
 * throws or not.
 */
void own_text_look(fz_context *context, struct own_text *own, pdf_page *page);

void own_text_done(fz_context *context, struct own_text *own);

/* Whether text that can be searched lies where the word was read. */
bool own_text_is_at(const struct own_text *own, const struct line *line, const struct word *word);

/*
 * Whether it is something else than what was read there, over the whole page: where a font does not say what its
 * letters mean, or where it is another program's poor reading, which nobody sees.
 */
bool own_text_is_wrong(const struct own_text *own, const struct page *page);

#endif
