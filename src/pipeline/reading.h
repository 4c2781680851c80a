/*
 * Reading one page, cut into steps that any hand may take:
 *
 *   reading_begin()   one hand: orientation, detection; afterwards the lines are known
 *   reading_line()    any hands at the same time, each line once; or one for the page as a whole (pipeline/whole.h);
 *                     formulas and seals count among the lines (pipeline/part/parts.h)
 *   reading_end()     one hand, after all lines: reading order, the page result
 *   reading_free()    at any time after begin, when no step runs
 */
#ifndef OCTAVO_PIPELINE_READING_H
#define OCTAVO_PIPELINE_READING_H

#include "pipeline/hand.h"

struct page_reading;

/* Whether role's model runs in reading_line(), so that each hand wants a runner of its own for it. */
bool role_reads_lines(enum role role);

/* Starts on the page (pixels borrowed until reading_free()) numbered number. Errors as hand_run(), then nothing to
 * free. */
int reading_begin(const struct hand *hand, const struct image *page, uint32_t number, float dpi,
                  struct page_reading **ret);

/* How many lines there are to read; those that take longest come first. */
size_t reading_lines(const struct page_reading *reading);

/* Reads line index < reading_lines(). Errors as hand_run(). */
int reading_line(const struct hand *hand, struct page_reading *reading, size_t index);

/*
 * Whether the models were unsure of what they have read: after all lines, of a page that is not read as a whole. A page
 * without lines is no matter of doubt.
 */
bool reading_is_doubtful(const struct page_reading *reading);

/*
 * Reads the page again as a whole, on one hand; the lines of the surer reading are kept, *ret: these are the new ones.
 * Errors as hand_read(), then the lines are as they were.
 */
int reading_again(const struct hand *hand, struct page_reading *reading, bool *ret);

/* Puts the lines in order; the caller frees the contents of *ret with page_done(). */
void reading_end(struct page_reading *reading, struct page *ret);

void reading_free(struct page_reading *reading);

#endif
