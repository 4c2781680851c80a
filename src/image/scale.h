/* Separable resampling, shared by image_scale() and the axis-aligned case of image_warp(). Internal to src/image. */
#ifndef OCTAVO_IMAGE_SCALE_H
#define OCTAVO_IMAGE_SCALE_H

#include "image/image.h"

enum filter {
    FILTER_AREA,  /* shrinking: the mean of what a target pixel covers; enlarging: bilinear. Only inside the image. */
    FILTER_POINTS /* bilinear samples, evenly spaced, as many as sample_count() says */
};

/* A stretch of the source's axis, in pixels; pixel i reaches from i to i + 1. to > from. */
struct span {
    double from, to;
};

/* Bilinear samples along one axis of a target pixel that covers step source pixels: none is further than 2 from the
 * next (each reaches 1 to both sides), at most 16. */
uint32_t sample_count(double step);

/* The part x * y of image as a width x height picture; beyond its edges the image repeats them. ERR_NO_MEMORY. */
int image_resample(const struct image *image, struct span x, struct span y, uint32_t width, uint32_t height,
                   enum filter filter, struct image *ret);

#endif
