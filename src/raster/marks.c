#include "raster/marks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define LINE_COLOUR 0x00a0e0u
#define NUMBER_COLOUR 0xffffffu

/* Digits of three by five squares, each row an octal figure. */
static const char digits[10][6] = {"75557", "26227", "71747", "71717", "55711",
                                   "74717", "74757", "71222", "75757", "75717"};

/* In squares. */
enum { DIGIT_WIDTH = 3, DIGIT_ROWS = 5, ADVANCE = 4, MARGIN = 2, LABEL_HEIGHT = 7 };

static const float UNITS = 400; /* squares in the shorter side of a page */

/* How a page's places become those of the bitmap. */
struct sheet {
    float across, down, right, bottom, unit;
};

static void add(struct marks *marks, struct stroke stroke) {
    if (marks->count == marks->room) {
        marks->room = marks->room > 0 ? marks->room * 2 : 256;
        marks->strokes = resize(marks->strokes, marks->room, sizeof(*marks->strokes));
    }
    marks->strokes[marks->count++] = stroke;
}

/* What stands over the edge is drawn on it. */
static struct point place(const struct sheet *sheet, struct point point) {
    return (struct point){.x = fmaxf(0, fminf(point.x * sheet->across, sheet->right)),
                          .y = fmaxf(0, fminf(point.y * sheet->down, sheet->bottom))};
}

static void add_outline(struct marks *marks, const struct sheet *sheet, const struct quad *quad, float half,
                        uint32_t colour) {
    for (int i = 0; i < 4; i++) {
        add(marks, (struct stroke){.from = place(sheet, quad->corner[i]),
                                   .to = place(sheet, quad->corner[(i + 1) % 4]),
                                   .half = half,
                                   .colour = colour});
    }
}

static void add_digit(struct marks *marks, char digit, struct point at, float unit) {
    for (int i = 0; i < DIGIT_ROWS * DIGIT_WIDTH; i++) {
        int row = i / DIGIT_WIDTH, column = i % DIGIT_WIDTH;
        if ((digits[digit - '0'][row] - '0') >> (DIGIT_WIDTH - 1 - column) & 1) {
            struct point middle = {at.x + ((float)column + 0.5F) * unit, at.y + ((float)row + 0.5F) * unit};
            add(marks, (struct stroke){.from = middle, .to = middle, .half = unit / 2, .colour = NUMBER_COLOUR});
        }
    }
}

/* A number on a ground of the colour, on the top of the region's first corner, or below it where the page ends. */
static void add_label(struct marks *marks, const struct sheet *sheet, const struct quad *quad, size_t number,
                      uint32_t colour) {
    char text[24];
    int length = snprintf(text, sizeof(text), "%zu", number);
    float unit = sheet->unit, height = LABEL_HEIGHT * unit, width = (float)(ADVANCE * length + MARGIN + 1) * unit;
    struct point corner = place(sheet, quad->corner[0]);
    float left = floorf(fmaxf(0, fminf(corner.x, sheet->right + 1 - width)));
    float top = floorf(corner.y >= height ? corner.y - height : corner.y);
    add(marks, (struct stroke){.from = {left + height / 2, top + height / 2},
                               .to = {left + width - height / 2, top + height / 2},
                               .half = height / 2,
                               .colour = colour});
    for (int i = 0; i < length; i++) {
        struct point at = {left + (float)(MARGIN + i * ADVANCE) * unit, top + unit};
        add_digit(marks, text[i], at, unit);
    }
}

void marks_of(const struct page *page, const struct bitmap *bitmap, struct marks *ret) {
    float shorter = (float)(bitmap->width < bitmap->height ? bitmap->width : bitmap->height);
    const struct sheet sheet = {.across = (float)bitmap->width / (float)page->width,
                                .down = (float)bitmap->height / (float)page->height,
                                .right = (float)bitmap->width - 1,
                                .bottom = (float)bitmap->height - 1,
                                .unit = fmaxf(1, floorf(shorter / UNITS))};
    *ret = (struct marks){0};
    for (size_t i = 0; i < page->line_count; i++) {
        add_outline(ret, &sheet, &page->lines[i].quad, fmaxf(sheet.unit / 4, 0.5F), LINE_COLOUR);
    }
    for (size_t i = 0; i < page->region_count; i++) {
        const struct region *region = &page->regions[i];
        add_outline(ret, &sheet, &region->quad, fmaxf(sheet.unit / 2, 1), region_colour(region->type));
    }
    for (size_t i = 0; i < page->region_count; i++) {
        const struct region *region = &page->regions[i];
        add_label(ret, &sheet, &region->quad, i + 1, region_colour(region->type));
    }
}

void marks_done(struct marks *marks) {
    free(marks->strokes);
    *marks = (struct marks){0};
}

/* Which part of a stroke's middle line is no further from row y than half its width: from 0 to 1. */
static int share_in_row(const struct stroke *stroke, float y, float *ret_from, float *ret_to) {
    float top = fminf(stroke->from.y, stroke->to.y) - stroke->half;
    float bottom = fmaxf(stroke->from.y, stroke->to.y) + stroke->half;
    float rise = stroke->to.y - stroke->from.y;
    *ret_from = 0;
    *ret_to = 1;
    if (!(y >= top && y < bottom)) {
        return 0;
    }
    if (rise != 0) {
        float one = (y - stroke->half - stroke->from.y) / rise, other = (y + stroke->half - stroke->from.y) / rise;
        *ret_from = fmaxf(0, fminf(one, other));
        *ret_to = fminf(1, fmaxf(one, other));
    }
    return 1;
}

static void draw_stroke(const struct stroke *stroke, float y, uint32_t width, uint8_t *row) {
    float from, to, run = stroke->to.x - stroke->from.x;
    if (!share_in_row(stroke, y, &from, &to)) {
        return;
    }
    float one = stroke->from.x + from * run, other = stroke->from.x + to * run;
    float left = fmaxf(0, ceilf(fminf(one, other) - stroke->half));
    float right = fminf((float)width, ceilf(fmaxf(one, other) + stroke->half));
    for (float x = left; x < right; x++) {
        uint8_t *pixel = row + (size_t)x * 3;
        pixel[0] = (uint8_t)(stroke->colour >> 16);
        pixel[1] = (uint8_t)(stroke->colour >> 8);
        pixel[2] = (uint8_t)stroke->colour;
    }
}

void marks_draw(const struct marks *marks, uint32_t y, uint32_t width, uint8_t *row) {
    for (size_t i = 0; i < marks->count; i++) {
        draw_stroke(&marks->strokes[i], (float)y, width, row);
    }
}
