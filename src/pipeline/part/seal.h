/*
 * Text of seals, which runs along a circle or an oval (design/ppocr-algorithms 9): where it is says a detector of its
 * own; what is bent is unrolled, piece by piece between its inner and its outer edge, and read like any line. One hand;
 * tracing and unrolling are pure.
 */
#ifndef OCTAVO_PIPELINE_PART_SEAL_H
#define OCTAVO_PIPELINE_PART_SEAL_H

#include "image/contour.h"
#include "pipeline/hand.h"

enum { SEAL_PIECES = 24, SEAL_POINTS = SEAL_PIECES + 1 };

/* A run of text in a seal: in a rectangle, or between two edges, both in the direction of reading. */
struct seal_text {
    bool bent;
    struct quad box; /* around it */
    struct point top[SEAL_POINTS], bottom[SEAL_POINTS];
};

/*
 * Where the text of a shape is, whose cells are scale_x by scale_y pixels, grown by unclip as lines are. Text over the
 * upper half of a circle has its feet at the centre, text under the lower half has its head there.
 */
void seal_trace(const struct text_shape *shape, float scale_x, float scale_y, float unclip, struct seal_text *ret);

/* What is bent as a straight picture; the caller calls image_done(). ERR_NO_MEMORY. */
int seal_unroll(const struct image *image, const struct seal_text *text, struct image *ret);

/*
 * The lines of the seal in area of the page, from above to below, without words where they are bent; the models of
 * seals and of lines must be installed. The caller frees texts and words of *ret, and *ret. Errors as hand_run(),
 * ERR_BAD_MODEL.
 */
int seal_read(const struct hand *hand, const struct image *page, const struct area *area, struct stages *stages,
              struct line **ret, size_t *ret_count);

#endif
