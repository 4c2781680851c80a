#include "raster/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

/* A word on its line, in points. */
struct piece {
    double start, width, size; /* along the line from its origin; its letters' size */
    double rise;               /* above the line's origin */
    bool blank, joined;        /* a blank is behind it; the next word follows without one */
};

/* What holds from one word to the next, on other lines too. */
struct pen {
    enum letters_font font;
    double size;          /* 0: no word was written yet */
    long stretch;         /* percent */
    double across, along; /* the direction of the last line */
    struct point at;      /* where its words that are moved on from here begin */
    double reach, end;    /* from there along the line: where the next letter would come, and the last word ends */
    struct buffer parts;  /* of the next operator that shows text: strings, and between them what moves them */
    bool open, moved;     /* the last part is a string, not closed yet; there are parts that move */
};

/* A line being written. */
struct run {
    const struct layer *layer;
    const struct line *line;
    struct pen *pen;
    struct buffer *to;
    enum letters_font font;
    struct point origin;  /* of its base line */
    double across, along; /* the line's direction */
    double from;          /* where the pen's reach is counted from, along the line */
    double risen;         /* of the last word */
    bool steps;           /* its words lie level, each at its own height */
    bool begun;
};

/*
 * A scan of black and white takes little more than its text, so what nobody sees is not written: a slope by which a
 * line rises less than this part of its height, sizes that differ by so little, tenths of points in large text.
 */
static const double SLOPE = 0.15, SIZE = 0.15;

/*
 * Likewise, in parts of the size, how much higher a word is than the one before, and places along the line: a step of
 * the recogniser is as wide as a sixth of the line's height, so nobody knows them better. But no word may be wider by
 * more than the last: the white behind it would be lost, and where no blank is behind a word, readers of PDF would see
 * one in what is missing.
 */
static const double LEVEL = 0.1, START_OFF = 0.15, END_EARLY = 0.15, END_LATE = 0.04;

/* The same stretch for words that need more or less than this would be ugly. */
static const double STRETCH_OFF = 1.5;

/*
 * The words of a line that slopes by less than this lie level: poppler takes letters of a word that do not share a base
 * line for words of their own.
 */
static const double STEPS = 0.2;

/*
 * Boxes of lines reach beyond the print: its size is some such part of their height, and at either end they are too
 * long by such a part of it. With letters as large as the boxes, what reads PDF sees no white between columns.
 */
static const double PRINT = 0.85, INSET = 0.2;

enum {
    STRETCH_STEP = 5, /* percent */
    MOVE_STEP = 100,  /* thousandths of the size, as operators count */
    FAR = 10000,      /* likewise: more is written in points */
    LARGE = 8,        /* points */
};

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

/* How far above it, which is 0 all along a line that is not level. */
static double above(const struct run *run, struct point point) {
    return ((double)point.y - (double)run->origin.y) * run->across -
           ((double)point.x - (double)run->origin.x) * run->along;
}

/* A line that nearly lies along an axis is taken to do so, halfway between its ends; or its words do. */
static void straighten(struct run *run, double length, double height) {
    bool lies = fabs(run->across) > fabs(run->along);
    double slope = lies ? run->along : run->across, rise = slope * length;
    run->steps = fabs(rise) > SLOPE * height;
    if (run->steps && fabs(slope) > STEPS) {
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
static void add_byte(struct buffer *to, unsigned char byte) {
    if (byte == '\r') {
        buffer_add(to, "\\r", 2);
        return;
    }
    if (byte == '(' || byte == ')' || byte == '\\') {
        buffer_add(to, "\\", 1);
    }
    buffer_add(to, &byte, 1);
}

static void add_letter(const struct run *run, uint32_t character) {
    uint16_t code = letters_code(run->layer->letters, run->font, character);
    if (run->font == LETTERS_WIDE) {
        add_byte(&run->pen->parts, (unsigned char)(code >> 8));
    }
    add_byte(&run->pen->parts, (unsigned char)code);
}

enum direction { NEUTRAL, RIGHTWARDS, LEFTWARDS };

/* Numbers go rightwards in every script. */
static bool is_digit(uint32_t character) {
    return (character >= '0' && character <= '9') || (character >= 0x660 && character <= 0x669) ||
           (character >= 0x6F0 && character <= 0x6F9);
}

/*
 * Which way a letter's script is written: Hebrew, Arabic and what else is in their ranges goes leftwards. So do some
 * beyond the first 65536, but poppler does not know it and takes them as they come.
 */
static enum direction direction_of(uint32_t character) {
    static const uint32_t leftwards[][2] = {{0x590, 0x8FF}, {0xFB1D, 0xFDFF}, {0xFE70, 0xFEFC}};
    for (size_t i = 0; i < array_length(leftwards) && !is_digit(character); i++) {
        if (character >= leftwards[i][0] && character <= leftwards[i][1]) {
            return LEFTWARDS;
        }
    }
    bool ascii = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
    bool other = character >= 0xC0 && !(character >= 0x2000 && character < 0x2C00);
    return ascii || other || is_digit(character) ? RIGHTWARDS : NEUTRAL;
}

/* By its first letter that has a direction; a number tells nothing about what follows it. */
static bool is_leftwards(const struct run *run, const struct word *word) {
    enum direction direction = NEUTRAL;
    uint32_t character;
    for (size_t at = 0; at < word->length && direction == NEUTRAL;) {
        at += utf8_next(run->line->text + word->start + at, word->length - at, &character);
        direction = is_digit(character) ? NEUTRAL : direction_of(character);
    }
    return direction == LEFTWARDS;
}

static void turn(uint32_t *letters, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t letter = letters[i];
        letters[i] = letters[count - 1 - i];
        letters[count - 1 - i] = letter;
    }
}

/* Puts letters as they lie from left to right: the last one first, but for numbers and words in other scripts. */
static void arrange(uint32_t *letters, size_t count) {
    turn(letters, count);
    for (size_t i = 0; i < count; i++) {
        size_t end = i;
        for (size_t k = i; k < count && direction_of(letters[i]) == RIGHTWARDS; k++) {
            enum direction direction = direction_of(letters[k]);
            end = direction == RIGHTWARDS ? k + 1 : end;
            if (direction == LEFTWARDS) {
                break;
            }
        }
        turn(letters + i, end - i);
        i = end > i ? end - 1 : i;
    }
}

/* What reads PDF takes letters as they lie, and turns those of scripts that are written leftwards. */
static void add_text(const struct run *run, const struct word *word, bool blank) {
    struct pen *pen = run->pen;
    uint32_t *letters cleanup(drop_memory) = alloc(word->length + 1, sizeof(*letters));
    size_t count = 0;
    buffer_add_string(&pen->parts, pen->open ? "" : "(");
    pen->open = true;
    for (size_t at = 0; at < word->length;) {
        at += utf8_next(run->line->text + word->start + at, word->length - at, &letters[count++]);
    }
    if (is_leftwards(run, word)) {
        arrange(letters, count);
    }
    for (size_t i = 0; i < count; i++) {
        add_letter(run, letters[i]);
    }
    if (blank) {
        add_letter(run, ' ');
    }
}

/* Moves what follows by thousandths of the size, against the direction of the line. */
static void add_move(struct pen *pen, long back) {
    buffer_add_format(&pen->parts, "%s%ld", pen->open ? ")" : "", back);
    pen->reach -= (double)back * pen->size * (double)pen->stretch / 1e5;
    pen->open = false;
    pen->moved = true;
}

/* Writes the operator that shows the words so far, before what holds for them changes. */
static void show(struct pen *pen, struct buffer *to) {
    if (pen->parts.length == 0) {
        return;
    }
    buffer_add_string(&pen->parts, pen->open ? ")" : "");
    buffer_add_string(to, pen->moved ? "[" : "");
    buffer_add(to, pen->parts.data, pen->parts.length);
    buffer_add_string(to, pen->moved ? "]TJ\n" : "Tj\n");
    buffer_done(&pen->parts);
    pen->open = pen->moved = false;
}

static double rounded(double value, double size) {
    double steps = size >= LARGE ? 1 : 10; /* of a point */
    return round(value * steps) / steps + 0.0;
}

static void add_points(struct buffer *to, double value) {
    buffer_add_format(to, "%.*f ", value != round(value), value);
}

/* To where a word begins: from where the last line was in the same direction, else from the page's corner. */
static void move_to(struct run *run, const struct piece *piece) {
    struct pen *pen = run->pen;
    double raise = LETTERS_DESCENT * piece->size + (1 - PRINT) / (2 * PRINT) * piece->size + piece->rise;
    double x = (double)run->origin.x - run->along * raise + run->across * piece->start,
           y = (double)run->origin.y + run->across * raise + run->along * piece->start;
    show(pen, run->to);
    if (pen->size > 0 && pen->across == run->across && pen->along == run->along) {
        double right = x - (double)pen->at.x, up = y - (double)pen->at.y;
        double on = rounded(right * run->across + up * run->along, piece->size);
        double above = rounded(up * run->across - right * run->along, piece->size);
        above = fabs(above) > LEVEL * piece->size ? above : 0;
        add_points(run->to, on);
        add_points(run->to, above);
        buffer_add_string(run->to, "Td\n");
        x = (double)pen->at.x + on * run->across - above * run->along;
        y = (double)pen->at.y + on * run->along + above * run->across;
    } else {
        int places = run->across * run->along == 0 ? 0 : 4;
        x = rounded(x, piece->size);
        y = rounded(y, piece->size);
        buffer_add_format(run->to, "%.*f %.*f %.*f %.*f ", places, run->across, places, run->along, places,
                          0 - run->along, places, run->across);
        add_points(run->to, x);
        add_points(run->to, y);
        buffer_add_string(run->to, "Tm\n");
    }
    pen->at = (struct point){(float)x, (float)y};
    pen->across = run->across;
    pen->along = run->along;
    pen->reach = pen->end = 0;
    run->from = (x - (double)run->origin.x) * run->across + (y - (double)run->origin.y) * run->along;
    run->risen = piece->rise;
    run->begun = true;
}

/* Readers of PDF see a blank where there is room for one, in parts of the size; some of it is for rounding. */
static const double BLANK = 0.22;

/* A word's box without what is beside the print. */
static struct piece trim(const struct run *run, size_t i, const struct quad *box) {
    const struct placing *placing = &run->layer->placing;
    struct point left = put(placing, box->corner[3]), right = put(placing, box->corner[2]);
    struct point middle = {(left.x + right.x) / 2, (left.y + right.y) / 2};
    double height = distance(left, put(placing, box->corner[0])), width = distance(left, right);
    double inset = fmin(INSET * height, width / 8);
    struct piece piece = {.start = along(run, left), .width = width, .size = PRINT * height};
    piece.rise = run->steps ? above(run, middle) : 0;
    if (i == 0) {
        piece.start += inset;
        piece.width -= inset;
    }
    piece.width -= i + 1 == word_total(run->line) ? inset : 0;
    return piece;
}

/* The next word lies to the left of word i: what tells them apart is white, not a blank behind the word. */
static void make_room(const struct run *run, size_t i, struct piece *piece) {
    struct word next = word_at(run->line, i + 1);
    double least = along(run, put(&run->layer->placing, next.quad.corner[2])) + BLANK * piece->size;
    double late = least - piece->start;
    piece->blank = false;
    if (late > 0 && late < piece->width / 2) {
        piece->start += late;
        piece->width -= late;
    }
}

/* Where word i is: up to the next one where no blank is between them, else at some distance from it. */
static bool measure(const struct run *run, size_t i, struct piece *ret) {
    const struct line *line = run->line;
    struct word word = word_at(line, i);
    *ret = trim(run, i, &word.quad);
    if (i + 1 < word_total(line)) {
        struct word next = word_at(line, i + 1);
        double reach = along(run, put(&run->layer->placing, next.quad.corner[3])) - ret->start;
        bool blank = next.start > word.start + word.length, follows = reach > 0 && reach < ret->width + 2 * ret->size;
        ret->blank = blank;
        ret->joined = follows && !blank;
        if (ret->joined && reach > ret->width) {
            ret->width = reach;
        } else if (follows && blank) {
            ret->width = fmin(ret->width, fmax(reach - BLANK * ret->size, reach / 2));
        }
    }
    if (ret->blank && is_leftwards(run, &word)) {
        make_room(run, i, ret);
    }
    return ret->width > 0.01 && ret->size > 0.01 && ret->width < 1e5 && ret->size < 1e5 && isfinite(ret->start) &&
           isfinite(ret->rise);
}

/* The font and the size of its letters. */
static void choose_size(struct run *run, const struct piece *piece) {
    struct pen *pen = run->pen;
    if (pen->font == run->font && fabs(piece->size - pen->size) <= SIZE * piece->size) {
        return;
    }
    show(pen, run->to);
    pen->font = run->font;
    pen->size = fmax(rounded(piece->size, piece->size), 0.1);
    char name[LETTERS_NAME];
    letters_name(run->layer->letters, pen->font, name);
    buffer_add_format(run->to, "/%s ", name);
    add_points(run->to, pen->size);
    buffer_add_string(run->to, "Tf ");
}

/* How wide letters are that take natural points of themselves, so that they end after width points. */
static void choose_stretch(struct run *run, const struct piece *piece, double natural, double width) {
    struct pen *pen = run->pen;
    double early = (piece->joined ? END_LATE : END_EARLY) * pen->size, late = END_LATE * pen->size;
    double now = natural * (double)pen->stretch / 100;
    if (now >= width - early && now <= width + late && now * STRETCH_OFF > width) {
        return;
    }
    long step = STRETCH_STEP * natural / 100 <= early ? STRETCH_STEP : 1;
    long stretch = step * (long)fmax(1, floor(100 * (width + late) / natural / (double)step));
    if (stretch != pen->stretch) {
        show(pen, run->to);
        pen->stretch = stretch;
        buffer_add_format(run->to, "%ld Tz", stretch);
    }
}

/* Thousandths of the size that a word must be moved back to begin where it should. */
static long move_back(const struct run *run, const struct piece *piece) {
    const struct pen *pen = run->pen;
    double on = piece->start - run->from - pen->reach;
    return MOVE_STEP * lround(-on * 1e5 / (pen->size * (double)pen->stretch) / MOVE_STEP);
}

static void add_word(struct run *run, size_t i) {
    struct word word = word_at(run->line, i);
    struct pen *pen = run->pen;
    struct piece piece;
    bool shown = run->layer->shown && run->layer->shown(run->layer->context, run->line, &word);
    if (shown || !measure(run, i, &piece)) {
        return;
    }
    if (!run->begun || fabs(piece.rise - run->risen) >= 0.05) {
        move_to(run, &piece);
    }
    choose_size(run, &piece);
    double natural = (double)letters_of(run, &word) * LETTERS_WIDTH * pen->size;
    double late = run->from + pen->reach - piece.start; /* how far its letters would come behind their place */
    bool close = piece.start + late - run->from - pen->end < BLANK * pen->size;
    bool moves = fabs(late) > START_OFF * pen->size || (late < 0 && close && pen->reach > pen->end);
    choose_stretch(run, &piece, natural, moves ? piece.width : fmax(piece.width - late, piece.width / 2));
    long back = moves ? move_back(run, &piece) : 0;
    if (labs(back) > FAR) {
        move_to(run, &piece);
    } else if (back != 0) {
        add_move(pen, back);
    }
    add_text(run, &word, piece.blank);
    pen->end = pen->reach + natural * (double)pen->stretch / 100;
    pen->reach = pen->end + (piece.blank ? LETTERS_WIDTH * pen->size * (double)pen->stretch / 100 : 0);
}

/* The one with short codes for a line of which it has nearly all letters. */
static enum letters_font font_of(struct letters *letters, const struct line *line) {
    size_t length = strlen(line->text), count = 0, strange = 0;
    uint32_t character;
    for (size_t at = 0; at < length; count++) {
        at += utf8_next(line->text + at, length - at, &character);
        strange += !letters_is_plain(character);
    }
    bool plain = strange <= 1 + count / 8;
    for (size_t at = 0; at < length && plain;) {
        at += utf8_next(line->text + at, length - at, &character);
        plain = letters_invite(letters, character);
    }
    return plain ? LETTERS_PLAIN : LETTERS_WIDE;
}

unsigned layer_add(const struct layer *layer, const struct page *page, struct buffer *to) {
    struct buffer text = {0};
    struct pen pen = {0};
    unsigned fonts = 0;
    for (size_t i = 0; i < page->line_count; i++) {
        struct run run = {.layer = layer, .line = &page->lines[i], .pen = &pen, .to = &text};
        run.font = font_of(layer->letters, run.line);
        if (!aim(&run, &page->lines[i].quad)) {
            continue;
        }
        for (size_t k = 0; k < word_total(run.line); k++) {
            add_word(&run, k);
        }
        show(&pen, &text);
        fonts |= run.begun ? 1U << run.font : 0;
    }
    if (text.length > 0) {
        buffer_add_string(to, "q BT 3 Tr\n");
        buffer_add(to, text.data, text.length);
        buffer_add_string(to, "ET Q\n");
    }
    buffer_done(&text);
    return fonts;
}
