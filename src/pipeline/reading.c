#include "pipeline/reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "pipeline/detect.h"
#include "pipeline/orient.h"
#include "pipeline/recognise.h"
#include "pipeline/structure.h"
#include "pipeline/whole.h"

#define LINE_SCORE 0.5F /* lines read with less confidence are noise more often than text (RapidOCR's text_score) */

struct line_reading {
    struct quad box;
    uint32_t width; /* of the recogniser's input */
    struct reading reading;
    struct stages stages; /* apart for each line: hands write side by side */
};

struct page_reading {
    struct image page, upright; /* as it lies; as it should: a view of page unless it was turned */
    struct manager *manager;    /* charged for the turned copy */
    uint64_t charged;
    uint32_t number;
    float dpi;
    int angle;
    struct findings findings;
    struct line_reading *lines;
    size_t count;
    bool whole; /* the lines come in one piece */
    struct stages stages;
};

bool role_reads_lines(enum role role) { return role == ROLE_RECOGNISE || role == ROLE_CLASSIFY || role == ROLE_READ; }

static int by_width(const void *left, const void *right) {
    const struct line_reading *a = left, *b = right;
    return a->width < b->width ? 1 : a->width > b->width ? -1 : 0;
}

/* Turns the page upright where the model says that it was turned. */
static int make_upright(const struct hand *hand, struct page_reading *reading) {
    reading->upright = reading->page;
    int result = orient_page(hand, &reading->page, &reading->stages, &reading->angle);
    if (result != 0 || reading->angle == 0) {
        return result;
    }
    uint64_t bytes = (uint64_t)reading->page.width * reading->page.height * reading->page.channels;
    result = manager_charge(hand->manager, CHARGE_BITMAP, bytes, hand->priority, hand->cancel);
    if (result == 0) {
        reading->charged = bytes;
        int64_t start = clock_now();
        result = image_turn(&reading->page, 360 - reading->angle, &reading->upright);
        stage_add(&reading->stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    }
    return result;
}

static int find_lines(const struct hand *hand, struct page_reading *reading) {
    struct text_box *found cleanup(drop_memory) = NULL;
    size_t count = 0;
    int result = detect_lines(hand, &reading->upright, &reading->stages, &found, &count);
    struct quad *boxes cleanup(drop_memory) = alloc(count + 1, sizeof(*boxes));
    for (size_t i = 0; i < count; i++) {
        boxes[i] = found[i].quad;
    }
    if (result == 0) {
        result = structure_find(hand, &reading->upright, boxes, count, &reading->stages, &reading->findings);
    }
    if (result != 0) {
        return result;
    }
    if (reading->findings.count > 0) {
        structure_split(&reading->upright, &reading->findings, &boxes, &count);
    }
    reading->lines = alloc(count, sizeof(*reading->lines));
    reading->count = count;
    for (size_t i = 0; i < count; i++) {
        reading->lines[i].box = boxes[i];
        reading->lines[i].width = recognise_width(hand, &boxes[i]);
    }
    /* Longest first: then no hand is left with a long line while the others have nothing to do. */
    qsort(reading->lines, count, sizeof(*reading->lines), by_width);
    return 0;
}

int reading_begin(const struct hand *hand, const struct image *page, uint32_t number, float dpi,
                  struct page_reading **ret) {
    struct page_reading *reading = alloc(1, sizeof(*reading));
    *reading = (struct page_reading){.page = *page, .manager = hand->manager, .number = number, .dpi = dpi};
    reading->page.owned = NULL;
    reading->whole = whole_is_wanted(hand);
    int result = make_upright(hand, reading);
    if (result == 0 && reading->whole) {
        result = structure_find(hand, &reading->upright, NULL, 0, &reading->stages, &reading->findings);
    } else if (result == 0) {
        result = find_lines(hand, reading);
    }
    if (result != 0) {
        reading_free(reading);
        return result;
    }
    *ret = reading;
    return 0;
}

size_t reading_lines(const struct page_reading *reading) { return reading->whole ? 1 : reading->count; }

/* The only step of such a page. */
static int read_whole(const struct hand *hand, struct page_reading *reading) {
    struct reading *readings cleanup(drop_memory) = NULL;
    size_t count = 0;
    int result =
        whole_read(hand, &reading->upright, reading->dpi, &reading->findings, &reading->stages, &readings, &count);
    reading->lines = alloc(count, sizeof(*reading->lines));
    reading->count = count;
    for (size_t i = 0; i < count; i++) {
        reading->lines[i].reading = readings[i];
    }
    return result;
}

int reading_line(const struct hand *hand, struct page_reading *reading, size_t index) {
    if (reading->whole) {
        return read_whole(hand, reading);
    }
    struct line_reading *line = &reading->lines[index];
    return recognise_line(hand, &reading->upright, &line->box, &line->stages, &line->reading);
}

/* A point of the upright page on the page as it lies. */
static struct point as_it_lies(const struct page_reading *reading, struct point upright) {
    float width = (float)reading->page.width, height = (float)reading->page.height;
    switch (reading->angle) {
    case 90:
        return (struct point){width - upright.y, upright.x};
    case 180:
        return (struct point){width - upright.x, height - upright.y};
    case 270:
        return (struct point){upright.y, height - upright.x};
    default:
        return upright;
    }
}

static void lay_quad_down(const struct page_reading *reading, struct quad *quad) {
    for (int i = 0; i < 4; i++) {
        quad->corner[i] = as_it_lies(reading, quad->corner[i]);
    }
}

static void lay_down(const struct page_reading *reading, struct line *line) {
    lay_quad_down(reading, &line->quad);
    for (size_t i = 0; i < line->word_count; i++) {
        lay_quad_down(reading, &line->words[i].quad);
    }
    const struct point *corner = line->quad.corner;
    float angle = atan2f(corner[1].y - corner[0].y, corner[1].x - corner[0].x) * 180 / (float)M_PI;
    line->angle = angle <= -180 ? angle + 360 : angle;
}

void reading_end(struct page_reading *reading, struct page *ret) {
    int64_t start = clock_now();
    struct page page = {.number = reading->number,
                        .width = reading->page.width,
                        .height = reading->page.height,
                        .dpi = reading->dpi,
                        .angle = reading->angle,
                        .stages = reading->stages};
    page.lines = alloc(reading->count, sizeof(*page.lines));
    for (size_t i = 0; i < reading->count; i++) {
        struct line_reading *line = &reading->lines[i];
        stages_add(&page.stages, &line->stages);
        if (line->reading.text && line->reading.text[0] && line->reading.score >= LINE_SCORE) {
            page.lines[page.line_count++] = (struct line){.text = take(line->reading.text),
                                                          .score = line->reading.score,
                                                          .quad = line->reading.quad,
                                                          .words = take(line->reading.words),
                                                          .word_count = line->reading.word_count};
        }
    }
    structure_arrange(&page, &reading->findings, (float)reading->upright.width, (float)reading->upright.height);
    for (size_t i = 0; i < page.line_count; i++) {
        lay_down(reading, &page.lines[i]);
    }
    for (size_t i = 0; i < page.region_count; i++) {
        lay_quad_down(reading, &page.regions[i].quad);
    }
    stage_add(&page.stages, STAGE_ASSEMBLE, clock_seconds(clock_now() - start), 1);
    *ret = page;
}

void reading_free(struct page_reading *reading) {
    for (size_t i = 0; i < reading->count; i++) {
        reading_done(&reading->lines[i].reading);
    }
    free(reading->lines);
    findings_done(&reading->findings);
    image_done(&reading->upright);
    manager_credit(reading->manager, CHARGE_BITMAP, reading->charged);
    free(reading);
}
