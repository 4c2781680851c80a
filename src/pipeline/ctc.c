#include "pipeline/ctc.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

void glyphs_done(struct glyphs *glyphs) {
    free(glyphs->list);
    *glyphs = (struct glyphs){0};
}

/*
 * Index of the largest of count probabilities. A probability above one half is the largest, wherever it stands, so the
 * search stops there; the blank, which most steps are, is looked at first.
 */
static size_t best_class(const float *probability, size_t count) {
    enum { RUN = 32 };
    size_t best = 0, i = 1;
    while (probability[best] <= 0.5F && i < count) {
        /* The run's maximum first, without branches, so that it is computed in vectors. */
        size_t end = i + RUN < count ? i + RUN : count;
        float most = probability[i];
        for (size_t j = i + 1; j < end; j++) {
            most = probability[j] > most ? probability[j] : most;
        }
        if (most > probability[best]) {
            for (best = i; probability[best] != most; best++) {
            }
        }
        i = end;
    }
    return best;
}

static void add_glyph(struct glyphs *glyphs, size_t start, size_t step, float score) {
    /* Room is made in powers of two. */
    if ((glyphs->count & (glyphs->count - 1)) == 0) {
        glyphs->list = resize(glyphs->list, glyphs->count ? 2 * glyphs->count : 1, sizeof(*glyphs->list));
    }
    glyphs->list[glyphs->count++] =
        (struct glyph){.start = (uint32_t)start, .first = (uint32_t)step, .last = (uint32_t)step, .score = score};
}

/* Takes blanks off both ends. */
static void trim(char *text, struct glyphs *glyphs) {
    size_t start = strspn(text, " "), length = strlen(text + start);
    while (length > 0 && text[start + length - 1] == ' ') {
        length--;
    }
    memmove(text, text + start, length);
    text[length] = '\0';
    size_t kept = 0;
    for (size_t i = 0; i < glyphs->count; i++) {
        struct glyph glyph = glyphs->list[i];
        if (glyph.start >= start && glyph.start < start + length) {
            glyph.start -= (uint32_t)start;
            glyphs->list[kept++] = glyph;
        }
    }
    glyphs->count = kept;
}

void ctc_decode(const float *probabilities, size_t steps, size_t classes, char *const *alphabet, size_t alphabet_size,
                char **ret, float *ret_score, struct glyphs *ret_glyphs) {
    struct buffer text = {0};
    struct glyphs glyphs = {0};
    float sum = 0;
    size_t kept = 0, previous = 0;
    for (size_t step = 0; step < steps; step++) {
        const float *row = probabilities + step * classes;
        size_t best = best_class(row, classes);
        if (best != 0 && best != previous) {
            add_glyph(&glyphs, text.length, step, row[best]);
            buffer_add_string(&text, best - 1 < alphabet_size ? alphabet[best - 1] : " ");
            sum += row[best];
            kept++;
        } else if (best != 0) {
            glyphs.list[glyphs.count - 1].last = (uint32_t)step;
        }
        previous = best;
    }
    *ret = buffer_take(&text);
    *ret_score = kept > 0 ? sum / (float)kept : 0;
    trim(*ret, &glyphs);
    *ret_glyphs = glyphs;
}
