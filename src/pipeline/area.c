#include "pipeline/area.h"

#include <math.h>

float area_size(const struct area *area) {
    return fmaxf(area->right - area->left, 0) * fmaxf(area->bottom - area->top, 0);
}

struct area area_shared(const struct area *a, const struct area *b) {
    return (struct area){fmaxf(a->left, b->left), fmaxf(a->top, b->top), fminf(a->right, b->right),
                         fminf(a->bottom, b->bottom)};
}

struct area area_united(const struct area *a, const struct area *b) {
    return (struct area){fminf(a->left, b->left), fminf(a->top, b->top), fmaxf(a->right, b->right),
                         fmaxf(a->bottom, b->bottom)};
}

float area_part(const struct area *a, const struct area *b) {
    struct area both = area_shared(a, b);
    return area_size(&both) / fmaxf(area_size(a), 1);
}

struct area area_around(const struct quad *quad) {
    struct area area = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        const struct point *corner = &quad->corner[i];
        area = (struct area){fminf(area.left, corner->x), fminf(area.top, corner->y), fmaxf(area.right, corner->x),
                             fmaxf(area.bottom, corner->y)};
    }
    return area;
}

struct quad area_quad(const struct area *area) {
    return (struct quad){
        {{area->left, area->top}, {area->right, area->top}, {area->right, area->bottom}, {area->left, area->bottom}}};
}

struct image area_view(const struct image *page, const struct area *area, struct point *ret_corner) {
    float left = floorf(fmaxf(area->left, 0)), top = floorf(fmaxf(area->top, 0));
    *ret_corner = (struct point){left, top};
    return image_part(page, (uint32_t)left, (uint32_t)top, (uint32_t)fmaxf(area->right - left, 1),
                      (uint32_t)fmaxf(area->bottom - top, 1));
}
