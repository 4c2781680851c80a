/* Words of a line and where they stand, from the steps at which its characters were seen. Pure, any thread. */
#ifndef OCTAVO_PIPELINE_WORDS_H
#define OCTAVO_PIPELINE_WORDS_H

#include "document/page.h"
#include "pipeline/ctc.h"

/*
 * The words of text, whose glyphs were seen in steps of which the line took so many (the rest was padding): what stands
 * between blanks, but each character of Chinese and Japanese is a word of its own. Boxes lie along quad, the line's.
 * Returns their number; the caller frees *ret.
 */
size_t words_of_glyphs(const char *text, const struct glyphs *glyphs, float steps, const struct quad *quad,
                       struct word **ret);

#endif
