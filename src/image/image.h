/*
 * Plain pixels: 8 bits a channel, 1 channel (grey) or 3 (red, green, blue), rows of stride bytes. A struct image is
 * either a view (pixels borrowed) or owns its pixels (owned is set; image_done() frees them). Any thread, if nobody
 * writes. Sides are at least 1 and at most 2^20.
 */
#ifndef OCTAVO_IMAGE_IMAGE_H
#define OCTAVO_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "document/geometry.h"

struct image {
    const uint8_t *pixels; /* of the first row */
    uint32_t width, height, channels;
    size_t stride; /* bytes from row to row */
    uint8_t *owned;
};

/* Allocates width x height x channels, rows tight, contents undefined; caller calls image_done(). ERR_NO_MEMORY. */
int image_new(uint32_t width, uint32_t height, uint32_t channels, struct image *ret);

/* Frees owned pixels, zeroes the struct. */
void image_done(struct image *image);

/* A view of a part, clipped to the image; never empty. No allocation. */
struct image image_part(const struct image *image, uint32_t x, uint32_t y, uint32_t width, uint32_t height);

/* A copy turned clockwise by 90, 180 or 270 degrees. ERR_NO_MEMORY. */
int image_turn(const struct image *image, int degrees, struct image *ret);

/*
 * A copy scaled to width x height. Enlarging: bilinear with pixel centres at half (OpenCV's INTER_LINEAR). Shrinking:
 * the mean of the area that a target pixel covers (INTER_AREA), so that thin strokes survive. ERR_NO_MEMORY.
 */
int image_scale(const struct image *image, uint32_t width, uint32_t height, struct image *ret);

/*
 * Perspective crop: the quad of the source becomes a width x height picture (its corners the picture's corners).
 * Source pixels outside the image repeat its edge. Bilinear; where the source is shrunk by more than 2, it averages
 * over enough samples not to alias. Axis-aligned quads take a fast path with the same result to within 1 grey level.
 * ERR_NO_MEMORY.
 */
int image_warp(const struct image *image, const struct quad *quad, uint32_t width, uint32_t height, struct image *ret);

/*
 * Fills planes for an engine: ret[c][y][x] = (pixel - mean[c]) * scale[c] for 3 planes of plane_width x plane_height
 * floats (a grey image fills all three alike), the image in the upper left corner, the rest = fill. blue_first: plane 0
 * is blue instead of red. mean and scale are in the order of the planes, for pixels 0 to 255.
 * The image must fit into the plane.
 */
void image_to_planes(const struct image *image, const float mean[3], const float scale[3], int blue_first, float fill,
                     uint32_t plane_width, uint32_t plane_height, float *ret);

/* Likewise one plane of a grey image, which fills it. */
void image_to_plane(const struct image *image, float mean, float scale, float *ret);

#endif
