#include "image/rulings.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

enum { CONTRAST = 20, MOST_CHAINS = 4096 };
#define THICK 0.33F /* of the em: from there on it is no line */
#define RUN 0.5F    /* of the em: least piece in one row of pixels; a line that slopes is many */
#define ACROSS 2.0F /* of the em: least length; a dash has one */
#define DOWN 1.2F   /* letters that stand have one */
#define GAP 0.7F    /* of the em: what may be missing of a line */
#define APART 3.0F  /* pixels that its pieces may be off one another */
#define ALOFT 2     /* rows of pixels from a run to the next of its line */

/* The image as it is scanned: along the lines, over them. Down lines are across lines of the image turned over. */
struct scan {
    const uint8_t *first;
    size_t along, over; /* bytes to the next pixel */
    int64_t length, depth;
    uint32_t channels;
    int64_t reach; /* pixels to both sides of a stroke in which paper must show */
};

/* A line that is being put together of runs. */
struct chain {
    struct point from, to; /* x along, y over */
    int64_t last;          /* where its last run was */
};

struct chains {
    struct chain *list;
    size_t count, open; /* those from open on may go on */
};

/* The darkest channel, so that coloured lines are as dark as they look against white. */
static int ink_at(const struct scan *scan, int64_t at, int64_t over) {
    const uint8_t *pixel = scan->first + (size_t)over * scan->over + (size_t)at * scan->along;
    int darkest = pixel[0];
    for (uint32_t i = 1; i < scan->channels; i++) {
        darkest = pixel[i] < darkest ? pixel[i] : darkest;
    }
    return darkest;
}

/* Whether something lighter than least is near by on one side; beyond the image all is paper. */
static bool lighter(const struct scan *scan, int64_t at, int64_t over, int64_t step, int least) {
    for (int64_t i = 1; i <= scan->reach; i++) {
        int64_t there = over + i * step;
        if (there < 0 || there >= scan->depth || ink_at(scan, at, there) >= least) {
            return true;
        }
    }
    return false;
}

static bool is_stroke(const struct scan *scan, int64_t at, int64_t over) {
    int least = ink_at(scan, at, over) + CONTRAST;
    return least <= 255 && lighter(scan, at, over, -1, least) && lighter(scan, at, over, 1, least);
}

/* A run goes on with the line that it touches, or begins one. */
static void link_run(struct chains *chains, int64_t from, int64_t to, int64_t over) {
    for (size_t i = chains->open; i < chains->count; i++) {
        struct chain *chain = &chains->list[i];
        if ((float)from > chain->to.x + 2 || (float)to < chain->from.x - 2) {
            continue;
        }
        if ((float)from < chain->from.x) {
            chain->from = (struct point){(float)from, (float)over};
        }
        if ((float)to > chain->to.x) {
            chain->to = (struct point){(float)to, (float)over};
        }
        chain->last = over;
        return;
    }
    if (chains->count < MOST_CHAINS) {
        chains->list[chains->count++] =
            (struct chain){.from = {(float)from, (float)over}, .to = {(float)to, (float)over}, .last = over};
    }
}

/* Lines that ended before over are dropped if they are shorter than least; the others come before open. */
static void close_chains(struct chains *chains, int64_t over, float least) {
    size_t kept = chains->open, count = chains->count;
    for (size_t i = chains->open; i < chains->count; i++) {
        struct chain chain = chains->list[i];
        bool ended = chain.last + ALOFT < over;
        if (ended && chain.to.x - chain.from.x < least) {
            count--;
            continue;
        }
        chains->list[kept++] = chain;
        if (ended) {
            chains->list[kept - 1] = chains->list[chains->open];
            chains->list[chains->open++] = chain;
        }
    }
    chains->count = count;
}

static void scan_all(const struct scan *scan, int64_t shortest, float least, struct chains *chains) {
    for (int64_t over = 0; over < scan->depth; over++) {
        int64_t begun = 0;
        close_chains(chains, over, least);
        for (int64_t at = 0; at <= scan->length; at++) {
            if (at < scan->length && is_stroke(scan, at, over)) {
                continue;
            }
            if (at - begun >= shortest) {
                link_run(chains, begun, at - 1, over);
            }
            begun = at + 1;
        }
    }
    close_chains(chains, scan->depth + ALOFT + 1, least);
}

/* Whether b goes on where a ends, or lies beside it. */
static bool is_one(const struct chain *a, const struct chain *b, float gap) {
    const struct chain *first = a->from.x <= b->from.x ? a : b, *second = first == a ? b : a;
    float apart = second->from.x <= first->to.x ? 0 : second->from.y - first->to.y;
    float length = fmaxf(first->to.x - first->from.x, 1), slope = (first->to.y - first->from.y) / length;
    float expected = first->from.y + slope * (second->from.x - first->from.x);
    return second->from.x - first->to.x <= gap && fabsf(apart) <= APART && fabsf(second->from.y - expected) <= APART;
}

/* Pieces of one line become one. */
static void join_chains(struct chains *chains, float gap) {
    for (size_t i = 0; i < chains->count; i++) {
        for (size_t k = i + 1; k < chains->count;) {
            struct chain *a = &chains->list[i], *b = &chains->list[k];
            if (!is_one(a, b, gap)) {
                k++;
                continue;
            }
            a->from = b->from.x < a->from.x ? b->from : a->from;
            a->to = b->to.x > a->to.x ? b->to : a->to;
            *b = chains->list[--chains->count];
            k = i + 1;
        }
    }
}

/* Scans one way; points come back as x along, y over. */
static struct chains lines_of(const struct scan *scan, float em, float least) {
    struct chains chains = {.list = alloc(MOST_CHAINS, sizeof(*chains.list))};
    int64_t shortest = (int64_t)fmaxf(RUN * em, 4);
    scan_all(scan, shortest, least * em / 2, &chains);
    join_chains(&chains, GAP * em);
    size_t kept = 0;
    for (size_t i = 0; i < chains.count; i++) {
        if (chains.list[i].to.x - chains.list[i].from.x >= least * em) {
            chains.list[kept++] = chains.list[i];
        }
    }
    chains.count = kept;
    return chains;
}

static struct ruling *as_rulings(const struct chains *chains, bool turned, float left, float top) {
    struct ruling *rulings = alloc(chains->count + 1, sizeof(*rulings));
    for (size_t i = 0; i < chains->count; i++) {
        struct point from = chains->list[i].from, to = chains->list[i].to;
        rulings[i] = turned ? (struct ruling){{left + from.y, top + from.x}, {left + to.y, top + to.x}}
                            : (struct ruling){{left + from.x, top + from.y}, {left + to.x, top + to.y}};
    }
    return rulings;
}

void rulings_find(const struct image *image, const struct area *area, float em, struct rulings *ret) {
    float left = floorf(fmaxf(area->left, 0)), top = floorf(fmaxf(area->top, 0));
    struct image part = image_part(image, (uint32_t)left, (uint32_t)top, (uint32_t)fmaxf(area->right - left, 1),
                                   (uint32_t)fmaxf(area->bottom - top, 1));
    struct scan scan = {.first = part.pixels,
                        .along = part.channels,
                        .over = part.stride,
                        .length = part.width,
                        .depth = part.height,
                        .channels = part.channels,
                        .reach = (int64_t)fmaxf(THICK * em, 3)};
    struct chains across = lines_of(&scan, em, ACROSS);
    scan.along = part.stride;
    scan.over = part.channels;
    scan.length = part.height;
    scan.depth = part.width;
    struct chains down = lines_of(&scan, em, DOWN);
    *ret = (struct rulings){.across = as_rulings(&across, false, left, top),
                            .across_count = across.count,
                            .down = as_rulings(&down, true, left, top),
                            .down_count = down.count};
    free(across.list);
    free(down.list);
}

void rulings_done(struct rulings *rulings) {
    free(rulings->across);
    free(rulings->down);
    *rulings = (struct rulings){0};
}
