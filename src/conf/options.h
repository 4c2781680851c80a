/* The command line of a command, read by table/options.def. One thread. */
#ifndef OCTAVO_CONF_OPTIONS_H
#define OCTAVO_CONF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "conf/ranges.h"

enum { FOR_OCR = 1, FOR_DOCTOR = 2, FOR_MODELS = 4 };

/* The C types of the kinds. */
typedef bool option_FLAG;
typedef int64_t option_NUMBER;
typedef int64_t option_SIZE;
typedef const char *option_TEXT; /* borrowed from the command line */
typedef const char *option_CHOICE;
typedef const char *option_LIST;
typedef struct ranges option_PAGES;

struct options {
#define OPTION(kind, symbol, name, letter, argument, low, high, preset, commands, help) option_##kind symbol;
#include "table/options.def"
#undef OPTION
    char **files; /* what is left of the command line, borrowed */
    int file_count;
};

/*
 * Reads the command line of command (one FOR_ bit; argv[0] is its name) into *ret, whose contents the caller frees with
 * options_done(). argv is reordered. ERR_USAGE with one clear line.
 */
int options_parse(int command, int argc, char **argv, struct options *ret);
void options_done(struct options *options);

/* Adds the options of command as help shows them, at most 80 columns wide. */
void options_help(int command, struct buffer *help);

/* Whether the comma-separated list has word. */
bool options_list_has(const char *list, const char *word);

/* A size as one would write it: 512M, 4G, 1500k, 77. */
char *options_size_text(int64_t size);

#endif
