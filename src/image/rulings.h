/* Ruling lines of tables: thin straight strokes that are longer than letters. Pure, any thread. */
#ifndef OCTAVO_IMAGE_RULINGS_H
#define OCTAVO_IMAGE_RULINGS_H

#include "image/image.h"

/* The middle of a stroke, from left to right or from top to bottom, in pixels of the image. */
struct ruling {
    struct point from, to;
};

struct rulings {
    struct ruling *across, *down;
    size_t across_count, down_count;
};

void rulings_done(struct rulings *rulings);

/*
 * The ruling lines in area, which is clipped to the image. em: usual height of the lines of text there; strokes as
 * thick as a third of it are shapes, not rulings, and what is shorter than it is a letter. The lines may slope by a few
 * degrees. Dark on light, by local contrast: a pixel counts where both sides are lighter near by (the black top hat of
 * mathematical morphology, Serra 1982), and runs of such pixels are linked from row to row. The caller calls
 * rulings_done().
 */
void rulings_find(const struct image *image, const struct area *area, float em, struct rulings *ret);

#endif
