#include "pipeline/whole.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Of a line's height, above and below: its box hugs the letters, while reading order wants the size of the type. */
#define MARGIN 0.15F

bool whole_is_wanted(const struct hand *hand) { return hand_spec(hand, ROLE_READ) != NULL; }

/* The readings made so far. */
struct list {
    struct reading *items;
    size_t count;
};

static void add(struct list *list, const struct reading *reading) {
    list->items = resize(list->items, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = *reading;
}

/*
 * The mean of its words' scores. Tesseract's own score of a line is a mean of certainties that have no lower end: by a
 * single word that it cannot read, all of the line is worth nothing.
 */
static float score_of(const struct word *words, size_t count) {
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += words[i].score;
    }
    return count > 0 ? sum / (float)count : 0;
}

/* Words from first to before end of a line as a line of their own. */
static struct reading piece_of(const struct line *line, size_t first, size_t end) {
    const struct word *words = &line->words[first];
    size_t count = end - first;
    uint32_t start = words[0].start, stop = words[count - 1].start + words[count - 1].length;
    struct reading piece = {.text = copy_bytes(line->text + start, stop - start),
                            .words = alloc(count, sizeof(*words)),
                            .word_count = count,
                            .score = score_of(words, count),
                            .quad = words[0].quad};
    struct point *corner = piece.quad.corner;
    for (size_t i = 0; i < count; i++) {
        const struct point *box = words[i].quad.corner;
        piece.words[i] = words[i];
        piece.words[i].start -= start;
        corner[0] = (struct point){box[0].x < corner[0].x ? box[0].x : corner[0].x,
                                   box[0].y < corner[0].y ? box[0].y : corner[0].y};
        corner[2] = (struct point){box[2].x > corner[2].x ? box[2].x : corner[2].x,
                                   box[2].y > corner[2].y ? box[2].y : corner[2].y};
    }
    corner[1] = (struct point){corner[2].x, corner[0].y};
    corner[3] = (struct point){corner[0].x, corner[2].y};
    return piece;
}

static float middle_of(const struct word *word) { return (word->quad.corner[0].x + word->quad.corner[1].x) / 2; }

/* How many of the cuts the word is behind. */
static size_t cuts_before(const struct word *word, const float *cuts, size_t count) {
    size_t before = 0;
    while (before < count && middle_of(word) > cuts[before]) {
        before++;
    }
    return before;
}

static void add_margin(struct quad *quad, float height) {
    struct point *corner = quad->corner;
    float margin = MARGIN * (corner[3].y - corner[0].y);
    corner[0].y = corner[1].y = corner[0].y > margin ? corner[0].y - margin : 0;
    corner[2].y = corner[3].y = corner[3].y + margin < height ? corner[3].y + margin : height;
}

/* Takes the line's text and words, or adds what it is cut into. */
static void take_line(struct list *list, struct line *line, const float *cuts, size_t cut_count) {
    if (cut_count == 0 || line->word_count < 2) {
        float score = score_of(line->words, line->word_count);
        struct reading whole = {.text = take(line->text),
                                .words = take(line->words),
                                .word_count = line->word_count,
                                .score = score,
                                .quad = line->quad};
        add(list, &whole);
        return;
    }
    for (size_t first = 0, end = 1; first < line->word_count; end++) {
        if (end == line->word_count ||
            cuts_before(&line->words[end], cuts, cut_count) != cuts_before(&line->words[first], cuts, cut_count)) {
            struct reading piece = piece_of(line, first, end);
            add(list, &piece);
            first = end;
        }
    }
}

int whole_read(const struct hand *hand, const struct image *page, float dpi, const struct findings *findings,
               struct stages *stages, struct reading **ret, size_t *ret_count) {
    struct page read = {0};
    struct list list = {0};
    int result = hand_read(hand, page, dpi, stages, &read.lines, &read.line_count);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < read.line_count; i++) {
        float cuts[STRUCTURE_CUTS];
        size_t count = structure_cuts(page, findings, &read.lines[i].quad, cuts);
        take_line(&list, &read.lines[i], cuts, count);
    }
    page_done(&read);
    for (size_t i = 0; i < list.count; i++) {
        add_margin(&list.items[i].quad, (float)page->height);
    }
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}
