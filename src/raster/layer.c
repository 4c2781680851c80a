#include "raster/layer.h"

#include <math.h>

#include "base/utf8.h"

/* A word on its line, in points. */
struct piece {
    double start, width, size; /* along the line from its origin; its letters' size */
};

/* What holds from one word to the next, on other lines too. */
struct pen {
    double size;
    long stretch; /* percent */
};

/* A line being written. */
struct run {
    const struct layer *layer;
    const struct line *line;
    struct pen *pen;
    struct point origin;  /* of its base line */
    double across, along; /* the line's direction */
    double at;            /* where the last word began */
    bool begun;
};

/*
 * A scan of black and white takes little more than its text, so what nobody sees is not written: a slope by which a
 * line rises less than this part of its height, sizes and widths that differ by so little, tenths of points in large
 * text.
 */
static const double SLOPE = 0.15, SIZE = 0.08;
enum { STRETCH_STEP = 2, LARGE = 8 }; /* percent; points */

static struct point put(const struct placing *placing, struct point pixel) {
    return (struct point){(float)(placing->a * (double)pixel.x + placing->c * (double)pixel.y + placing->e),
                          (float)(placing->b * (double)pixel.x + placing->d * (double)pixel.y + placing->f)};
}

static double distance(struct point from, struct point to) {
    return hypot((double)to.x - (double)from.x, (double)to.y - (double)from.y);
}

/* How far a point lies along the line. */
static double along(const struct run *run, struct point point) {
    return ((double)point.x - (double)run->origin.x) * run->across +
           ((double)point.y - (double)run->origin.y) * run->along;
}

/* A line that nearly lies along an axis is taken to do so, halfway between its ends. */
static void straighten(struct run *run, double length, double height) {
    bool lies = fabs(run->across) > fabs(run->along);
    double rise = (lies ? run->along : run->across) * length;
    if (fabs(rise) > SLOPE * height) {
        return;
    }
    if (lies) {
        run->origin.y += (float)(rise / 2);
        run->across = run->across > 0 ? 1 : -1;
        run->along = 0;
    } else {
        run->origin.x += (float)(rise / 2);
        run->along = run->along > 0 ? 1 : -1;
        run->across = 0;
    }
}

/* False if the line has no extent. */
static bool aim(struct run *run, const struct quad *quad) {
    const struct placing *placing = &run->layer->placing;
    struct point left = put(placing, quad->corner[3]), right = put(placing, quad->corner[2]);
    double length = distance(left, right);
    run->origin = left;
    run->across = ((double)right.x - (double)left.x) / length;
    run->along = ((double)right.y - (double)left.y) / length;
    if (!(length > 0 && isfinite(length))) {
        return false;
    }
    straighten(run, length, distance(left, put(placing, quad->corner[0])));
    return true;
}

static size_t letters_of(const struct run *run, const struct word *word) {
    size_t count = 0;
    uint32_t character;
    for (size_t at = 0; at < word->length; count++) {
        at += utf8_next(run->line->text + word->start + at, word->length - at, &character);
    }
    return count;
}

/* In a string of PDF four bytes mean something else. */
static void add_code(struct buffer *to, uint16_t code) {
    const unsigned char bytes[] = {(unsigned char)(code >> 8), (unsigned char)code};
    for (int i = 0; i < 2; i++) {
        if (bytes[i] == '\r') {
            buffer_add(to, "\\r", 2);
            continue;
        }
        if (bytes[i] == '(' || bytes[i] == ')' || bytes[i] == '\\') {
            buffer_add(to, "\\", 1);
        }
        buffer_add(to, &bytes[i], 1);
    }
}

static void add_text(const struct run *run, const struct word *word, bool blank, struct buffer *to) {
    uint32_t character;
    buffer_add(to, "(", 1);
    for (size_t at = 0; at < word->length;) {
        at += utf8_next(run->line->text + word->start + at, word->length - at, &character);
        add_code(to, letters_code(run->layer->letters, character));
    }
    if (blank) {
        add_code(to, ' ');
    }
    buffer_add_string(to, ")Tj\n");
}

/* The direction, and the place of the line's first letters on the base line. */
static void begin(struct run *run, const struct piece *piece, struct buffer *to) {
    double raise = LETTERS_DESCENT * piece->size;
    int places = run->across * run->along == 0 ? 0 : 4;
    buffer_add_format(to, "%.*f %.*f %.*f %.*f ", places, run->across, places, run->along, places, 0 - run->along,
                      places, run->across);
    buffer_add_format(to, "%.1f %.1f Tm\n", (double)run->origin.x - run->along * raise + run->across * piece->start,
                      (double)run->origin.y + run->across * raise + run->along * piece->start);
    run->at = piece->start;
    run->begun = true;
}

static void move(struct run *run, double start, struct buffer *to) {
    int steps = run->pen->size >= LARGE ? 1 : 10; /* of a point */
    double way = round((start - run->at) * steps) / steps;
    buffer_add_format(to, "%.*f 0 Td ", steps > 1, way);
    run->at += way;
}

/* Readers of PDF see a blank where there is room for one, in parts of the size; some of it is for rounding. */
static const double BLANK = 0.22;

/* Where word i is: up to the next one where no blank is between them, else at some distance from it. */
static bool measure(const struct run *run, size_t i, struct piece *ret) {
    const struct line *line = run->line;
    struct word word = word_at(line, i);
    const struct placing *placing = &run->layer->placing;
    struct point left = put(placing, word.quad.corner[3]);
    *ret = (struct piece){.start = along(run, left),
                          .width = distance(left, put(placing, word.quad.corner[2])),
                          .size = distance(left, put(placing, word.quad.corner[0]))};
    if (i + 1 < word_total(line)) {
        struct word next = word_at(line, i + 1);
        double reach = along(run, put(placing, next.quad.corner[3])) - ret->start;
        bool blank = next.start > word.start + word.length, follows = reach > 0 && reach < ret->width + 2 * ret->size;
        if (follows && !blank && reach > ret->width) {
            ret->width = reach;
        } else if (follows && blank) {
            ret->width = fmin(ret->width, fmax(reach - BLANK * ret->size, reach / 2));
        }
    }
    return ret->width > 0.01 && ret->size > 0.01 && ret->width < 1e5 && ret->size < 1e5 && isfinite(ret->start);
}

static void add_word(struct run *run, size_t i, struct buffer *to) {
    struct word word = word_at(run->line, i);
    struct piece piece;
    bool shown = run->layer->shown && run->layer->shown(run->layer->context, run->line, &word);
    if (shown || !measure(run, i, &piece)) {
        return;
    }
    bool last = i + 1 == word_total(run->line);
    bool blank = !last && word_at(run->line, i + 1).start > word.start + word.length;
    if (!run->begun) {
        begin(run, &piece, to);
    } else {
        move(run, piece.start, to);
    }
    if (fabs(piece.size - run->pen->size) > SIZE * piece.size) {
        run->pen->size = piece.size;
        buffer_add_format(to, "/%s %.1f Tf ", run->layer->font, piece.size);
    }
    double natural = (double)letters_of(run, &word) * LETTERS_WIDTH * run->pen->size;
    long stretch = STRETCH_STEP * lround(fmax(1, 100 * piece.width / natural / STRETCH_STEP));
    if (stretch != run->pen->stretch) {
        run->pen->stretch = stretch;
        buffer_add_format(to, "%ld Tz", stretch);
    }
    add_text(run, &word, blank, to);
}

void layer_add(const struct layer *layer, const struct page *page, struct buffer *to) {
    struct buffer text = {0};
    struct pen pen = {0};
    for (size_t i = 0; i < page->line_count; i++) {
        struct run run = {.layer = layer, .line = &page->lines[i], .pen = &pen};
        if (!aim(&run, &page->lines[i].quad)) {
            continue;
        }
        for (size_t k = 0; k < word_total(run.line); k++) {
            add_word(&run, k, &text);
        }
    }
    if (text.length > 0) {
        buffer_add_string(to, "q BT 3 Tr\n");
        buffer_add(to, text.data, text.length);
        buffer_add_string(to, "ET Q\n");
    }
    buffer_done(&text);
}
