#include "raster/cut.h"

#include <math.h>
#include <string.h>

/* A place of the page that was read as one of the bitmap, within it. */
static uint32_t within(float value, float scale, uint32_t size) {
    return (uint32_t)fmaxf(0, fminf(value * scale, (float)size));
}

bool cut_of(const struct page *page, const struct region *region, const struct bitmap *bitmap, struct cut *ret) {
    const struct point *corner = region->quad.corner;
    const float across = (float)bitmap->width / (float)page->width, down = (float)bitmap->height / (float)page->height;
    float left = corner[0].x, top = corner[0].y, right = left, bottom = top;
    for (int i = 1; i < 4; i++) {
        left = fminf(left, corner[i].x);
        top = fminf(top, corner[i].y);
        right = fmaxf(right, corner[i].x);
        bottom = fmaxf(bottom, corner[i].y);
    }
    struct cut cut = {.left = within(floorf(left), across, bitmap->width),
                      .top = within(floorf(top), down, bitmap->height),
                      .right = within(ceilf(right), across, bitmap->width),
                      .bottom = within(ceilf(bottom), down, bitmap->height),
                      .angle = page->angle};
    const bool sideways = page->angle % 180 != 0;
    if (cut.left >= cut.right || cut.top >= cut.bottom) {
        return false;
    }
    cut.width = sideways ? cut.bottom - cut.top : cut.right - cut.left;
    cut.height = sideways ? cut.right - cut.left : cut.bottom - cut.top;
    *ret = cut;
    return true;
}

/* Where pixel x, y of the figure is in the bitmap. */
static size_t place_of(const struct cut *cut, uint32_t stride, uint32_t x, uint32_t y) {
    switch (cut->angle) {
    case 90:
        return (size_t)(cut->top + x) * stride + cut->right - 1 - y;
    case 180:
        return (size_t)(cut->bottom - 1 - y) * stride + cut->right - 1 - x;
    case 270:
        return (size_t)(cut->bottom - 1 - x) * stride + cut->left + y;
    default:
        return (size_t)(cut->top + y) * stride + cut->left + x;
    }
}

void cut_row(const struct cut *cut, const struct bitmap *bitmap, const uint8_t *pixels, uint32_t y, uint8_t *row) {
    if (cut->angle == 0 && bitmap->channels == 3) {
        memcpy(row, pixels + place_of(cut, bitmap->width, 0, y) * 3, (size_t)cut->width * 3);
        return;
    }
    for (uint32_t x = 0; x < cut->width; x++) {
        const uint8_t *from = pixels + place_of(cut, bitmap->width, x, y) * bitmap->channels;
        if (bitmap->channels == 3) {
            memcpy(row + (size_t)x * 3, from, 3);
        } else {
            memset(row + (size_t)x * 3, *from, 3);
        }
    }
}
