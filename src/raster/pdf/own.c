#include "raster/pdf/own.h"

#include <string.h>

#include "base/utf8.h"
#include "raster/letters.h"

enum {
    SAMPLES = 3,      /* points of each letter of a word that are looked at */
    UNKNOWN = 0xFFFD, /* a letter of which nobody knows what it means, and a blank: neither can be searched */
};

/*
 * Text that can be seen is wrong if less than this part of it is what was read there. Right text agrees in 0.98 and
 * more with it, a layer that another program has read in 0.77 and 0.91 (docs/accuracy.md): where nobody sees the text
 * it is a reading too, and such a one is replaced.
 */
#define SEEN_MATCH 0.5F
#define UNSEEN_MATCH 0.95F
/* Lines that are read with less confidence than this are no witnesses. */
#define SURE 0.9F
/* A picture that covers this part of the page hides what was drawn before. */
#define COVER 0.8F

/* Scripts other than those that are read by default: Latin, Chinese, Japanese; and signs. What they say is believed. */
static bool is_foreign(uint32_t letter) {
    return (letter >= 0x250 && letter < 0x2000) || (letter >= 0xA000 && letter < 0xE000) ||
           (letter >= 0xFB13 && letter < 0xFF00);
}

static int cell_of(float value, float from, float to) {
    float place = (value - from) / (to - from) * OWN_SIDE;
    return place >= 0 && place < OWN_SIDE ? (int)place : place < 0 ? 0 : OWN_SIDE - 1;
}

static void mark(struct own_text *own, fz_rect rect, uint16_t letter) {
    const fz_rect *box = &own->box;
    rect = fz_intersect_rect(rect, *box);
    if (fz_is_empty_rect(rect)) {
        return;
    }
    int left = cell_of(rect.x0, box->x0, box->x1), right = cell_of(rect.x1, box->x0, box->x1);
    int top = cell_of(rect.y0, box->y0, box->y1), bottom = cell_of(rect.y1, box->y0, box->y1);
    for (int y = top; y <= bottom; y++) {
        for (int x = left; x <= right; x++) {
            own->cells[y][x] = letter != UNKNOWN || own->cells[y][x] == 0 ? letter : own->cells[y][x];
        }
    }
}

static void mark_line(fz_context *context, struct own_text *own, const fz_stext_line *line) {
    for (const fz_stext_char *letter = line->first_char; letter; letter = letter->next) {
        mark(own, fz_rect_from_quad(letter->quad), letter->c > ' ' ? (uint16_t)(letter->c & 0xFFFF) : UNKNOWN);
        own->again = own->again || strcmp(fz_font_name(context, letter->font), LETTERS_FONT) == 0;
        own->letters++;
    }
}

static void mark_page(fz_context *context, struct own_text *own) {
    for (const fz_stext_block *block = own->page->first_block; block; block = block->next) {
        const fz_stext_line *line = block->type == FZ_STEXT_BLOCK_TEXT ? block->u.t.first_line : NULL;
        for (; line; line = line->next) {
            mark_line(context, own, line);
        }
    }
}

static size_t letters_of(const fz_stext_block *block) {
    size_t count = 0;
    for (const fz_stext_line *line = block->u.t.first_line; line; line = line->next) {
        for (const fz_stext_char *letter = line->first_char; letter; letter = letter->next) {
            count++;
        }
    }
    return count;
}

static bool covers(const struct own_text *own, const fz_stext_block *block) {
    const fz_image *image = block->u.i.image;
    return !image->imagemask && !image->mask && area(fz_intersect_rect(block->bbox, own->box)) > COVER * area(own->box);
}

/* Blocks come as they were drawn. */
static void count_seen(struct own_text *own) {
    own->seen = 0;
    for (const fz_stext_block *block = own->page->first_block; block; block = block->next) {
        if (block->type == FZ_STEXT_BLOCK_TEXT) {
            own->seen += letters_of(block);
        } else if (covers(own, block)) {
            own->seen = 0;
        }
    }
}

void own_text_done(fz_context *context, struct own_text *own) {
    fz_drop_device(context, own->device);
    fz_drop_stext_page(context, own->page);
    own->device = NULL;
    own->page = NULL;
}

/* Collects the text, all of it or only what is drawn. */
static void collect(fz_context *context, struct own_text *own, pdf_page *page, bool drawn) {
    fz_stext_options options = {.flags = drawn ? FZ_STEXT_PRESERVE_IMAGES : 0};
    own_text_done(context, own);
    own->page = fz_new_stext_page(context, own->box);
    own->device = fz_new_stext_device(context, own->page, &options);
    if (drawn) {
        own->device->ignore_text = NULL;
    }
    fz_run_page_contents(context, &page->super, own->device, fz_identity, NULL);
    fz_close_device(context, own->device);
}

void own_text_look(fz_context *context, struct own_text *own, pdf_page *page) {
    collect(context, own, page, false);
    mark_page(context, own);
    if (own->letters > 0) {
        collect(context, own, page, true);
        count_seen(own);
    }
}

/* What lies along the middle of words. */
struct sight {
    size_t samples, hits; /* looked at; of them where text is */
    size_t useful;        /* of the hits those where it can be searched */
    size_t matches;       /* of the hits those where it is what was read */
};

/* The letter at a part of a word's way, 0: none. */
static uint32_t letter_at(const struct own_text *own, const struct quad *word, float part) {
    const struct point *p = word->corner;
    const fz_rect *box = &own->box;
    float x = (p[0].x + p[3].x) / 2 * (1 - part) + (p[1].x + p[2].x) / 2 * part;
    float y = (p[0].y + p[3].y) / 2 * (1 - part) + (p[1].y + p[2].y) / 2 * part;
    fz_point point = fz_transform_point_xy(x, y, own->to_points);
    return fz_is_point_inside_rect(point, *box)
               ? own->cells[cell_of(point.y, box->y0, box->y1)][cell_of(point.x, box->x0, box->x1)]
               : 0;
}

/* Letters are not all as wide: one beside the place will do. */
static void look_along(const struct own_text *own, const struct quad *word, const uint32_t *letters, size_t count,
                       struct sight *sight) {
    size_t samples = SAMPLES * count;
    for (size_t i = 0; i < samples; i++) {
        uint32_t seen = letter_at(own, word, (0.5F + (float)i) / (float)samples);
        size_t at = i / SAMPLES, from = at > 0 ? at - 1 : 0, to = at + 1 < count ? at + 1 : at;
        bool match = is_foreign(seen);
        for (size_t k = from; k <= to; k++) {
            match = match || seen == (letters[k] & 0xFFFF);
        }
        sight->samples++;
        sight->hits += seen > 0;
        sight->useful += seen > 0 && seen != UNKNOWN;
        sight->matches += seen > 0 && match;
    }
}

static void look_at_word(const struct own_text *own, const struct line *line, const struct word *word,
                         struct sight *sight) {
    enum { MOST = 64 };
    uint32_t letters[MOST];
    size_t count = 0;
    for (size_t at = 0; at < word->length && count < MOST; count++) {
        at += utf8_next(line->text + word->start + at, word->length - at, &letters[count]);
    }
    look_along(own, &word->quad, letters, count, sight);
}

bool own_text_is_at(const struct own_text *own, const struct line *line, const struct word *word) {
    struct sight sight = {0};
    look_at_word(own, line, word, &sight);
    return 2 * sight.useful > sight.samples;
}

bool own_text_is_wrong(const struct own_text *own, const struct page *page) {
    struct sight sight = {0};
    for (size_t i = 0; i < page->line_count; i++) {
        const struct line *line = &page->lines[i];
        for (size_t k = 0; line->score >= SURE && k < word_total(line); k++) {
            struct word word = word_at(line, k);
            look_at_word(own, line, &word, &sight);
        }
    }
    float wanted = 2 * own->seen < own->letters ? UNSEEN_MATCH : SEEN_MATCH;
    return !own->again && (float)sight.matches < wanted * (float)sight.hits;
}
