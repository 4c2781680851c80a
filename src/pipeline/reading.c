#include "pipeline/reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "pipeline/detect.h"
#include "pipeline/orient.h"
#include "pipeline/part/parts.h"
#include "pipeline/recognise.h"
#include "pipeline/unwarp.h"
#include "pipeline/whole.h"

/*
 * Below this a page's lines may be of a script that the models do not hold: they find letters of others in it that look
 * alike, or none. What they hold they read with more. Measured: docs/performance.md.
 */
#define UNSURE 0.88F
#define LEAST_LETTERS 0.5F /* of a line for each of its heights: Han has about one, Latin three */

/* Nanoseconds to wait for memory: the page can do without a second reading. */
#define PATIENCE INT64_C(10000000000)

struct line_reading {
    struct quad box;
    uint32_t width; /* of the recogniser's input */
    struct reading reading;
    struct stages stages; /* apart for each line: hands write side by side */
};

struct page_reading {
    struct image page, upright; /* as it lies; as it should: a view of page unless it was turned or straightened */
    struct mesh mesh;           /* that straightened it; of no points: nothing had to be */
    struct manager *manager;    /* charged for the copy */
    uint64_t charged;
    uint32_t number;
    float dpi;
    int angle;
    struct findings findings;
    struct parts parts; /* of them: read beside the lines */
    struct line_reading *lines;
    size_t count;
    bool whole; /* the lines come in one piece */
    struct stages stages;
};

bool role_reads_lines(enum role role) {
    return role == ROLE_RECOGNISE || role == ROLE_CLASSIFY || role == ROLE_READ || role == ROLE_FORMULA ||
           role == ROLE_SEAL;
}

static int by_width(const void *left, const void *right) {
    const struct line_reading *a = left, *b = right;
    return a->width < b->width ? 1 : a->width > b->width ? -1 : 0;
}

static uint64_t bytes_of(const struct page_reading *reading, uint32_t width, uint32_t height) {
    return (uint64_t)width * height * reading->page.channels;
}

/* Turns the page upright where the model says that it was turned. */
static int make_upright(const struct hand *hand, struct page_reading *reading) {
    reading->upright = reading->page;
    int result = orient_page(hand, &reading->page, reading->dpi, &reading->stages, &reading->angle);
    if (result != 0 || reading->angle == 0) {
        return result;
    }
    uint64_t bytes = bytes_of(reading, reading->page.width, reading->page.height);
    result = manager_charge(hand->manager, CHARGE_BITMAP, bytes, hand->priority, clock_now() + MODEL_LONGEST_WAIT,
                            hand->cancel);
    if (result == 0) {
        reading->charged = bytes;
        int64_t start = clock_now();
        result = image_turn(&reading->page, 360 - reading->angle, &reading->upright);
        stage_add(&reading->stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    }
    return result;
}

/* Takes the mesh; the straight page stands for the upright one. */
static int straighten(const struct hand *hand, struct page_reading *reading, const struct unwarping *unwarping) {
    uint64_t bytes = bytes_of(reading, unwarping->width, unwarping->height);
    struct image straight;
    reading->mesh = unwarping->mesh;
    int result = manager_charge(hand->manager, CHARGE_BITMAP, bytes, hand->priority, clock_now() + MODEL_LONGEST_WAIT,
                                hand->cancel);
    if (result != 0) {
        return result;
    }
    int64_t start = clock_now();
    result = image_straighten(&reading->upright, &reading->mesh, unwarping->width, unwarping->height, &straight);
    stage_add(&reading->stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result != 0) {
        manager_credit(hand->manager, CHARGE_BITMAP, bytes);
        return result;
    }
    image_done(&reading->upright);
    manager_credit(hand->manager, CHARGE_BITMAP, reading->charged);
    reading->upright = straight;
    reading->charged = bytes;
    return 0;
}

/* A page that is bent, where there is a model that sees it. */
static int flatten(const struct hand *hand, struct page_reading *reading) {
    struct unwarping bent = {0};
    int result = unwarp_by_model(hand, &reading->upright, &reading->stages, &bent);
    return result == 0 && bent.mesh.points ? straighten(hand, reading, &bent) : result;
}

static int find_boxes(const struct hand *hand, struct page_reading *reading, struct quad **ret, size_t *ret_count) {
    struct text_box *found cleanup(drop_memory) = NULL;
    int result = detect_lines(hand, &reading->upright, &reading->stages, &found, ret_count);
    if (result != 0) {
        return result;
    }
    *ret = alloc(*ret_count + 1, sizeof(**ret));
    for (size_t i = 0; i < *ret_count; i++) {
        (*ret)[i] = found[i].quad;
    }
    return 0;
}

/* On a page that lies askew they are looked for again when it was straightened. */
static int find_straight_boxes(const struct hand *hand, struct page_reading *reading, struct quad **ret,
                               size_t *ret_count) {
    int result = find_boxes(hand, reading, ret, ret_count);
    if (result != 0 || reading->mesh.points || hand->without & 1U << ROLE_UNWARP) {
        return result;
    }
    struct unwarping askew = unwarp_by_lines(*ret, *ret_count, reading->upright.width, reading->upright.height);
    if (!askew.mesh.points) {
        return 0;
    }
    drop_memory(ret);
    result = straighten(hand, reading, &askew);
    return result ? result : find_boxes(hand, reading, ret, ret_count);
}

static int find_lines(const struct hand *hand, struct page_reading *reading) {
    struct quad *boxes cleanup(drop_memory) = NULL;
    size_t count = 0;
    int result = find_straight_boxes(hand, reading, &boxes, &count);
    if (result == 0) {
        result = structure_find(hand, &reading->upright, boxes, count, &reading->stages, &reading->findings);
    }
    if (result != 0) {
        return result;
    }
    parts_choose(hand, &reading->findings, &reading->parts);
    parts_claim(&reading->parts, &reading->findings, boxes, &count);
    if (reading->findings.count > 0) {
        structure_split(&reading->upright, &reading->findings, &boxes, &count);
    }
    struct lone *lone cleanup(drop_memory) = NULL;
    size_t lone_count = structure_lone(&reading->upright, &reading->findings, boxes, count, &lone);
    reading->lines = alloc(count + lone_count, sizeof(*reading->lines));
    reading->count = count + lone_count;
    for (size_t i = 0; i < count; i++) {
        reading->lines[i].box = boxes[i];
        reading->lines[i].width = recognise_width(hand, &boxes[i]);
    }
    for (size_t i = 0; i < lone_count; i++) {
        reading->lines[count + i].reading =
            (struct reading){.text = copy_string(lone[i].text), .score = 1, .quad = lone[i].box};
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
    result = result ? result : flatten(hand, reading);
    if (result == 0 && reading->whole) {
        result = structure_find(hand, &reading->upright, NULL, 0, &reading->stages, &reading->findings);
        parts_choose(hand, &reading->findings, &reading->parts);
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

size_t reading_lines(const struct page_reading *reading) {
    return reading->parts.count + (reading->whole ? 1 : reading->count);
}

/* The lines of the page in one piece; none after an error. */
static int read_whole(const struct hand *hand, struct page_reading *reading, struct line_reading **ret,
                      size_t *ret_count) {
    struct reading *readings cleanup(drop_memory) = NULL;
    size_t count = 0;
    int result =
        whole_read(hand, &reading->upright, reading->dpi, &reading->findings, &reading->stages, &readings, &count);
    struct line_reading *lines = alloc(count, sizeof(*lines));
    for (size_t i = 0; i < count; i++) {
        lines[i].box = readings[i].quad;
        lines[i].reading = readings[i];
    }
    *ret = lines;
    *ret_count = count;
    return result;
}

static void drop_lines(struct line_reading *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        reading_done(&lines[i].reading);
    }
    free(lines);
}

/* Characters of UTF-8 that leave ink. */
static float letters_of(const char *text) {
    size_t count = 0;
    for (; text && *text; text++) {
        count += *text != ' ' && ((unsigned char)*text & 0xc0U) != 0x80;
    }
    return (float)count;
}

static float side(const struct point *a, const struct point *b) { return hypotf(b->x - a->x, b->y - a->y); }

/* A line's score, less where it has fewer letters than it is long; *length: of its box. */
static float line_sureness(const struct line_reading *line, float *length) {
    const struct point *corner = line->box.corner;
    float across = side(&corner[0], &corner[1]), down = side(&corner[1], &corner[2]);
    float height = across < down ? across : down;
    *length = across < down ? down : across;
    float letters = letters_of(line->reading.text);
    float expected = height > 0 ? LEAST_LETTERS * *length / height : 0;
    return line->reading.score * (letters < expected ? letters / expected : 1);
}

/* Mean over the lines, by their length; 0 if there are none. */
static float sureness(const struct line_reading *lines, size_t count) {
    float sum = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        float length;
        float sure = line_sureness(&lines[i], &length);
        sum += sure * length;
        all += length;
    }
    return all > 0 ? sum / all : 0;
}

bool reading_is_doubtful(const struct page_reading *reading) {
    return !reading->whole && reading->count > 0 && sureness(reading->lines, reading->count) < UNSURE;
}

int reading_again(const struct hand *hand, struct page_reading *reading, bool *ret) {
    struct line_reading *lines = NULL;
    size_t count = 0;
    struct hand second = *hand;
    second.patience = PATIENCE;
    int result = read_whole(&second, reading, &lines, &count);
    *ret = sureness(lines, count) > sureness(reading->lines, reading->count);
    if (!*ret) {
        drop_lines(lines, count);
        return result;
    }
    for (size_t i = 0; i < reading->count; i++) {
        stages_add(&reading->stages, &reading->lines[i].stages);
    }
    drop_lines(reading->lines, reading->count);
    reading->lines = lines;
    reading->count = count;
    return result;
}

int reading_line(const struct hand *hand, struct page_reading *reading, size_t index) {
    size_t parts = reading->parts.count; /* they go first: each takes as long as many lines */
    if (index < parts) {
        return parts_read(hand, &reading->upright, &reading->parts, index, &reading->findings);
    }
    if (reading->whole) {
        return read_whole(hand, reading, &reading->lines, &reading->count);
    }
    struct line_reading *line = &reading->lines[index - parts];
    return line->reading.text ? 0 : recognise_line(hand, &reading->upright, &line->box, &line->stages, &line->reading);
}

/* A point of the straight page on the page as it lies. */
static struct point as_it_lies(const struct page_reading *reading, struct point straight) {
    struct point upright = reading->mesh.points
                               ? mesh_at(&reading->mesh, reading->upright.width, reading->upright.height, straight)
                               : straight;
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

static void lay_region_down(const struct page_reading *reading, struct region *region) {
    lay_quad_down(reading, &region->quad);
    for (size_t i = 0; i < region->cell_count; i++) {
        lay_quad_down(reading, &region->cells[i].quad);
    }
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
        if (line->reading.text && line->reading.text[0] && line->reading.score >= RECOGNISE_SURE) {
            page.lines[page.line_count++] = (struct line){.text = take(line->reading.text),
                                                          .score = line->reading.score,
                                                          .quad = line->reading.quad,
                                                          .words = take(line->reading.words),
                                                          .word_count = line->reading.word_count};
        }
    }
    parts_tell(&reading->parts, &page);
    structure_arrange(&page, &reading->findings, (float)reading->upright.width, (float)reading->upright.height);
    for (size_t i = 0; i < page.line_count; i++) {
        lay_down(reading, &page.lines[i]);
    }
    for (size_t i = 0; i < page.region_count; i++) {
        lay_region_down(reading, &page.regions[i]);
    }
    stage_add(&page.stages, STAGE_ASSEMBLE, clock_seconds(clock_now() - start), 1);
    *ret = page;
}

void reading_free(struct page_reading *reading) {
    drop_lines(reading->lines, reading->count);
    findings_done(&reading->findings);
    parts_done(&reading->parts);
    image_done(&reading->upright);
    mesh_done(&reading->mesh);
    manager_credit(reading->manager, CHARGE_BITMAP, reading->charged);
    free(reading);
}
