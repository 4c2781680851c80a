/* One option: a line of table/options.def, its value as text and back. Any thread. */
#ifndef OCTAVO_CONF_OPTION_H
#define OCTAVO_CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/options.h"

enum option_kind { FLAG, NUMBER, SIZE, DECIMAL, TEXT, CHOICE, LIST, PAGES, LANGUAGES };
enum reload { NO_KEY, LIVE, RESTART };

struct option_row {
    enum option_kind kind;
    const char *name; /* NULL: no flag */
    int letter;
    const char *argument;
    int64_t low, high;
    const char *preset;
    int commands;
    const char *key; /* NULL: on a command line only */
    enum reload reload;
    const char *help;
    size_t offset; /* in struct options */
};

extern const struct option_row option_rows[OPTION_COUNT];

/* Whether command (a FOR_ bit) has the option; FOR_CONFIG has all that have a key. */
bool option_is_for(const struct option_row *row, int command);

/*
 * Reads text into the field of the option; TEXT, CHOICE, LIST and LANGUAGES borrow it. A FLAG without text is set, with
 * one it is "true" or "false". ERR_USAGE with what is expected as detail.
 */
int option_read(const struct option_row *row, const char *text, void *field);

/* Whether text is a list of languages as Tesseract can have them, eng or eng+deu, installed or not. ERR_USAGE. */
int option_check_languages(const char *text);

/* The value as option_read() reads it; NULL if there is none. Caller frees. Not for LIST and PAGES. */
char *option_text(const struct option_row *row, const struct options *options);

/* Words for what is expected: "a whole number from 1 to 256". Caller frees. */
char *option_expected(const struct option_row *row);

/* What a number counts: "seconds", "percent", "bytes"; "" if help says it. Borrowed for ever. */
const char *option_unit(const struct option_row *row);

/*
 * Help in two parts, callers free them: what it is, and what follows from leaving it out (NULL: the preset), which
 * stands in its parenthesis "(default: ...)" at the end.
 */
char *option_about(const struct option_row *row);
char *option_otherwise(const struct option_row *row);

/* Its environment variable; caller frees. There is a key. */
char *option_variable(const struct option_row *row);

/* The option of a key; NULL. */
const struct option_row *option_find(const char *key);

/* The key that was meant, perhaps: the nearest in spelling, or that of a flag of this name; NULL. Borrowed for ever. */
const char *option_nearest(const char *key);

/* Whether word is a section: keys begin with it and a dot. */
bool option_is_section(const char *word);

#endif
