/* Upright rectangles and what they share. Pure, any thread. */
#ifndef OCTAVO_PIPELINE_AREA_H
#define OCTAVO_PIPELINE_AREA_H

#include "document/geometry.h"
#include "image/image.h"

/* Pixels; 0 where left is not before right or top not above bottom. */
float area_size(const struct area *area);

/* What both have: of no size if they have nothing. */
struct area area_shared(const struct area *a, const struct area *b);

/* What has both. */
struct area area_united(const struct area *a, const struct area *b);

/* The part of a that lies in b, 0 to 1. */
float area_part(const struct area *a, const struct area *b);

/* Around all corners. */
struct area area_around(const struct quad *quad);

struct quad area_quad(const struct area *area);

/* What a page has in area: a view, whose upper left corner is at *ret_corner. */
struct image area_view(const struct image *page, const struct area *area, struct point *ret_corner);

#endif
