/* Best-path decoding of a CTC output (Graves et al. 2006; design/ppocr-algorithms 4.4). Pure, any thread. */
#ifndef OCTAVO_PIPELINE_CTC_H
#define OCTAVO_PIPELINE_CTC_H

#include <stddef.h>
#include <stdint.h>

/* Where a character was seen. */
struct glyph {
    uint32_t start;       /* of its bytes in the text */
    uint32_t first, last; /* steps */
    float score;          /* its probability */
};

struct glyphs {
    struct glyph *list; /* those of the text, in its order */
    size_t count;
};

/* For cleanup(). */
void glyphs_done(struct glyphs *glyphs);

/*
 * Decodes steps rows of classes probabilities (softmax output: each row sums to 1). Class 0 is the blank, class i the
 * alphabet's entry i - 1, and the class after the last entry a space. *ret is UTF-8 without blanks at the ends, "" if
 * nothing was read; caller frees. *ret_score is the mean probability of the characters, 0 for "". The
 * contents of *ret_glyphs are the caller's, too.
 */
void ctc_decode(const float *probabilities, size_t steps, size_t classes, char *const *alphabet, size_t alphabet_size,
                char **ret, float *ret_score, struct glyphs *ret_glyphs);

#endif
