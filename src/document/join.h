/* How pieces of running text are put together. Any thread. */
#ifndef OCTAVO_DOCUMENT_JOIN_H
#define OCTAVO_DOCUMENT_JOIN_H

#include "base/buffer.h"

/*
 * Adds the text of the next printed line (valid UTF-8) to a paragraph: with a blank between; without one between
 * characters that are written without blanks (Chinese, Japanese), behind the hyphen or dash of a word or number, and
 * within an address of the web that goes on behind a slash. The hyphen goes where the word goes on in small letters.
 */
void join_line(struct buffer *text, const char *line);

#endif
