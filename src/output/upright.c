#include "output/upright.h"

#include <string.h>

#include "base/memory.h"

static struct point turn_back(const struct page *page, struct point p) {
    float width = (float)page->width, height = (float)page->height;
    switch (page->angle) {
    case 90:
        return (struct point){p.y, width - p.x};
    case 180:
        return (struct point){width - p.x, height - p.y};
    case 270:
        return (struct point){height - p.y, p.x};
    default:
        return p;
    }
}

static void turn_quad(const struct page *page, struct quad *quad) {
    for (int i = 0; i < 4; i++) {
        quad->corner[i] = turn_back(page, quad->corner[i]);
    }
}

static void *copy_of(const void *from, size_t count, size_t size) {
    void *copy = alloc(count, size);
    if (count > 0) {
        memcpy(copy, from, count * size);
    }
    return copy;
}

static void turn_region(const struct page *page, struct region *region) {
    region->picture = NULL;
    region->cells = copy_of(region->cells, region->cell_count, sizeof(*region->cells));
    turn_quad(page, &region->quad);
    for (size_t i = 0; i < region->cell_count; i++) {
        turn_quad(page, &region->cells[i].quad);
    }
}

static void turn_line(const struct page *page, struct line *line) {
    float angle = line->angle - (float)page->angle;
    line->angle = angle <= -180 ? angle + 360 : angle;
    line->words = copy_of(line->words, line->word_count, sizeof(*line->words));
    turn_quad(page, &line->quad);
    for (size_t i = 0; i < line->word_count; i++) {
        turn_quad(page, &line->words[i].quad);
    }
}

void upright_of(const struct page *page, struct page *ret) {
    bool sideways = page->angle % 180 != 0;
    *ret = *page;
    ret->width = sideways ? page->height : page->width;
    ret->height = sideways ? page->width : page->height;
    ret->lines = copy_of(page->lines, page->line_count, sizeof(*page->lines));
    ret->regions = copy_of(page->regions, page->region_count, sizeof(*page->regions));
    for (size_t i = 0; i < page->line_count; i++) {
        turn_line(page, &ret->lines[i]);
    }
    for (size_t i = 0; i < page->region_count; i++) {
        turn_region(page, &ret->regions[i]);
    }
}

void upright_done(struct page *upright) {
    for (size_t i = 0; i < upright->line_count; i++) {
        free(upright->lines[i].words);
    }
    for (size_t i = 0; i < upright->region_count; i++) {
        free(upright->regions[i].picture);
        free(upright->regions[i].cells);
    }
    free(upright->lines);
    free(upright->regions);
    *upright = (struct page){0};
}
