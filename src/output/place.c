#include "output/place.h"

#include <math.h>

long place_within(float value, uint32_t high) { return lroundf(fminf(fmaxf(value, 0), (float)high)); }

struct box box_of_quad(const struct page *page, const struct quad *quad) {
    const struct point *p = quad->corner;
    return (struct box){
        .left = place_within(fminf(fminf(p[0].x, p[1].x), fminf(p[2].x, p[3].x)), page->width),
        .top = place_within(fminf(fminf(p[0].y, p[1].y), fminf(p[2].y, p[3].y)), page->height),
        .right = place_within(fmaxf(fmaxf(p[0].x, p[1].x), fmaxf(p[2].x, p[3].x)), page->width),
        .bottom = place_within(fmaxf(fmaxf(p[0].y, p[1].y), fmaxf(p[2].y, p[3].y)), page->height),
    };
}

struct box box_of_lines(const struct page *page, size_t first, size_t end) {
    struct box box = box_of_quad(page, &page->lines[first].quad);
    for (size_t i = first + 1; i < end; i++) {
        struct box line = box_of_quad(page, &page->lines[i].quad);
        box.left = line.left < box.left ? line.left : box.left;
        box.top = line.top < box.top ? line.top : box.top;
        box.right = line.right > box.right ? line.right : box.right;
        box.bottom = line.bottom > box.bottom ? line.bottom : box.bottom;
    }
    return box;
}

size_t block_end(const struct page *page, size_t first) {
    size_t end = first + 1;
    while (end < page->line_count && page->lines[end].block == page->lines[first].block) {
        end++;
    }
    return end;
}
