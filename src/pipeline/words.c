#include "pipeline/words.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum kind { BLANK, SPACED, UNSPACED };

/* Scripts without blanks between words: kana, Han, their marks and full-width forms. */
static const struct {
    uint32_t first, last;
} unspaced[] = {{0x2E80, 0x30FF}, {0x3100, 0x312F}, {0x31A0, 0x4DBF}, {0x4E00, 0x9FFF},
                {0xF900, 0xFAFF}, {0xFE30, 0xFE4F}, {0xFF00, 0xFFEF}, {0x20000, 0x3FFFF}};

static enum kind kind_of_character(const char *text) {
    uint32_t code;
    utf8_next(text, strlen(text), &code);
    for (size_t i = 0; i < array_length(unspaced); i++) {
        if (code >= unspaced[i].first && code <= unspaced[i].last && code != 0x3000) {
            return UNSPACED;
        }
    }
    return code == ' ' || code == 0x3000 ? BLANK : SPACED;
}

/* The middle of a character, in parts of the line's length. */
static float middle(const struct glyph *glyph, float steps) {
    float at = ((float)(glyph->first + glyph->last + 1) / 2) / steps;
    return fminf(at, 1);
}

/* The usual way from one character to the next, in parts of the line's length. */
static float pitch(const struct glyphs *glyphs, float steps) {
    if (glyphs->count < 2) {
        return 1;
    }
    return (middle(&glyphs->list[glyphs->count - 1], steps) - middle(&glyphs->list[0], steps)) /
           (float)(glyphs->count - 1);
}

/* Glyphs first to last are a word: half a character more on both sides, but not beyond the middle to a neighbour. */
static void place(const struct glyphs *glyphs, size_t first, size_t last, float steps, float *ret_from, float *ret_to) {
    const struct glyph *list = glyphs->list;
    float from = middle(&list[first], steps), to = middle(&list[last], steps);
    float usual = last > first ? (to - from) / (float)(last - first) : pitch(glyphs, steps);
    float least = first > 0 ? (middle(&list[first - 1], steps) + from) / 2 : 0;
    float most = last + 1 < glyphs->count ? (middle(&list[last + 1], steps) + to) / 2 : 1;
    *ret_from = fmaxf(from - usual / 2, least);
    *ret_to = fminf(to + usual / 2, most);
}

static struct point between(struct point a, struct point b, float part) {
    return (struct point){a.x + (b.x - a.x) * part, a.y + (b.y - a.y) * part};
}

/* The piece of a line's quad between two parts of its length. */
static struct quad piece(const struct quad *line, float from, float to) {
    const struct point *corner = line->corner;
    return (struct quad){{between(corner[0], corner[1], from), between(corner[0], corner[1], to),
                          between(corner[3], corner[2], to), between(corner[3], corner[2], from)}};
}

static struct word make_word(const char *text, const struct glyphs *glyphs, size_t first, size_t last, float steps,
                             const struct quad *quad) {
    const struct glyph *list = glyphs->list;
    size_t end = last + 1 < glyphs->count ? list[last + 1].start : strlen(text);
    struct word word = {.start = list[first].start, .length = (uint32_t)end - list[first].start};
    float from, to;
    place(glyphs, first, last, steps, &from, &to);
    word.quad = piece(quad, from, to);
    for (size_t i = first; i <= last; i++) {
        word.score += list[i].score / (float)(last - first + 1);
    }
    word.score = fminf(word.score, 1);
    return word;
}

size_t words_of_glyphs(const char *text, const struct glyphs *glyphs, float steps, const struct quad *quad,
                       struct word **ret) {
    struct word *words = alloc(glyphs->count, sizeof(*words));
    size_t count = 0;
    for (size_t first = 0; first < glyphs->count; first++) {
        enum kind kind = kind_of_character(text + glyphs->list[first].start);
        size_t last = first;
        while (kind == SPACED && last + 1 < glyphs->count &&
               kind_of_character(text + glyphs->list[last + 1].start) == SPACED) {
            last++;
        }
        if (kind != BLANK) {
            words[count++] = make_word(text, glyphs, first, last, steps, quad);
        }
        first = last;
    }
    *ret = words;
    return count;
}
