#include "pipeline/ink.h"

#include <stdlib.h>

enum { INK = 40 /* grey levels off the paper */ };

static int grey_at(const struct image *page, uint32_t x, uint32_t y) {
    const uint8_t *pixel = page->pixels + (size_t)y * page->stride + (size_t)x * page->channels;
    return page->channels == 1 ? pixel[0] : (pixel[0] * 77 + pixel[1] * 151 + pixel[2] * 28) >> 8;
}

static uint32_t within(float value, uint32_t most) {
    return value > 0 ? (value < (float)most ? (uint32_t)value : most) : 0;
}

struct strip ink_strip(const struct image *page, const struct area *area) {
    return (struct strip){.left = within(area->left, page->width),
                          .right = within(area->right, page->width),
                          .top = within(area->top, page->height),
                          .bottom = within(area->bottom, page->height)};
}

int ink_paper(const struct image *page, const struct strip *strip) {
    uint32_t counts[256] = {0};
    int most = 255;
    for (uint32_t y = strip->top; y < strip->bottom; y++) {
        for (uint32_t x = strip->left; x < strip->right; x++) {
            counts[grey_at(page, x, y)]++;
        }
    }
    for (int i = 0; i < 256; i++) {
        most = counts[i] > counts[most] ? i : most;
    }
    return most;
}

bool ink_at(const struct image *page, int paper, uint32_t x, uint32_t y) {
    return abs(grey_at(page, x, y) - paper) > INK;
}
