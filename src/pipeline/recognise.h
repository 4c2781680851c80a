/* Text recognition of one line (design/ppocr-algorithms 3 and 4). One hand, one thread. */
#ifndef OCTAVO_PIPELINE_RECOGNISE_H
#define OCTAVO_PIPELINE_RECOGNISE_H

#include "pipeline/hand.h"

/* Lines read with less confidence are noise more often than text (RapidOCR's text_score). */
#define RECOGNISE_SURE 0.5F

/* What a quad of the page says. */
struct reading {
    char *text; /* UTF-8; "" if nothing was read */
    struct word *words;
    size_t word_count;
    float score;      /* mean confidence, 0 to 1 */
    struct quad quad; /* the box with its corners in the order of the text */
};

/* Frees the contents. */
void reading_done(struct reading *reading);

/*
 * Reads the text in box, a quad as detection gives it (corners as they lie on the page). Boxes much higher than wide
 * are read from top to bottom; a poor reading is tried the other way round, where the line-orientation model (if there
 * is one) or the shape of the box makes that likely. The caller frees the contents of *ret. Errors as hand_run().
 */
int recognise_line(const struct hand *hand, const struct image *page, const struct quad *box, struct stages *stages,
                   struct reading *ret);

/* Width in pixels of the network's input for box, a measure of the work it takes. */
uint32_t recognise_width(const struct hand *hand, const struct quad *box);

#endif
