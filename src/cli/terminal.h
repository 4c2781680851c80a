/*
 * Standard error as people see it: whole lines, made safe for a terminal, and one progress line below them. There is
 * one terminal, hence one module state. One thread.
 */
#ifndef OCTAVO_CLI_TERMINAL_H
#define OCTAVO_CLI_TERMINAL_H

#include <stdint.h>

/* One line "octavo: FILE: page 7: SENTENCE: DETAIL; ADVICE". file NULL, page 0, detail NULL or "": that part is left
 * out. */
void terminal_error(const char *file, uint32_t page, int error, const char *detail);

/* One line "octavo: FILE: page 7: TEXT"; file may be NULL, page 0. */
void terminal_note(const char *file, uint32_t page, const char *text);

/* Columns of the terminal behind standard error; 80 if it does not say. */
unsigned terminal_width(void);

/* Lines of the terminal behind standard output; 24 if it does not say. */
unsigned terminal_height(void);

/* Shows text, which is to fit into the line, as the progress line; NULL takes it away. Only for a real terminal. */
void terminal_progress(const char *text);

/*
 * The text with what could steer a terminal or mislead a reader written out: control characters and bytes that are not
 * UTF-8 as \xHH, marks that turn the direction of writing as \u{HHHH}. Caller frees.
 */
char *terminal_safe(const char *text);

#endif
