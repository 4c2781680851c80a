/* Convex hulls and their smallest rectangles. Internal to src/image; pure, any thread. */
#ifndef OCTAVO_IMAGE_HULL_H
#define OCTAVO_IMAGE_HULL_H

#include <stddef.h>

#include "document/geometry.h"

/*
 * The smallest rectangle around points that are sorted by y, then x; corners as contour.h says. hull is room for
 * count + 1 points. count > 0.
 */
struct quad hull_rectangle(const struct point *points, size_t count, struct point *hull);

#endif
