/*
 * A page that does not lie flat or straight: where its points are in the picture that was taken of it. A mesh of points
 * lies evenly over the straight page, its outer ones on the page's edges; between them places are bilinear. Pure, any
 * thread.
 */
#ifndef OCTAVO_IMAGE_MESH_H
#define OCTAVO_IMAGE_MESH_H

#include "image/image.h"

struct mesh {
    uint32_t columns, rows; /* at least 2; 0: there is no mesh */
    struct point *points;   /* row by row, in pixels of the picture; owned, mesh_done() frees them */
};

void mesh_done(struct mesh *mesh);

/* Where a point of the straight page, which has width x height pixels, is in the picture. */
struct point mesh_at(const struct mesh *mesh, uint32_t width, uint32_t height, struct point point);

/*
 * The straight page as a picture of width x height: a bilinear sample for each of its pixels. Places outside the
 * picture repeat its edge, those that are not numbers are its upper left corner. ERR_NO_MEMORY.
 */
int image_straighten(const struct image *image, const struct mesh *mesh, uint32_t width, uint32_t height,
                     struct image *ret);

#endif
