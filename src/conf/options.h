/*
 * The settings of a command, read by table/options.def: from its command line; what that leaves open from the
 * environment; what is still open from the configuration file; the rest are presets. One thread.
 */
#ifndef OCTAVO_CONF_OPTIONS_H
#define OCTAVO_CONF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "conf/ranges.h"

enum { FOR_OCR = 1, FOR_DOCTOR = 2, FOR_MODELS = 4, FOR_SERVE = 8, FOR_CONFIG = 16, FOR_KEY = 32 };

/* Clients of a server. */
enum {
    FOR_SUBMIT = 64,
    FOR_WAIT = 128,
    FOR_STATUS = 256,
    FOR_RESULT = 512,
    FOR_CANCEL = 1024,
    FOR_LIST = 2048,
    FOR_TOP = 4096,
    FOR_CLIENTS = FOR_SUBMIT | FOR_WAIT | FOR_STATUS | FOR_RESULT | FOR_CANCEL | FOR_LIST | FOR_TOP,
};

/* The C types of the kinds. */
typedef bool option_FLAG;
typedef int64_t option_NUMBER;
typedef int64_t option_SIZE;
typedef double option_DECIMAL;
typedef const char *option_TEXT; /* borrowed: of the command line, the table, or texts below */
typedef const char *option_CHOICE;
typedef const char *option_LIST;
typedef const char *option_LANGUAGES;
typedef struct ranges option_PAGES;

enum option_index {
#define OPTION(kind, symbol, name, letter, argument, low, high, preset, commands, key, reload, help)                   \
    OPTION_INDEX_##symbol,
#include "table/options.def"
#undef OPTION
    OPTION_COUNT
};

/* Where a value is from, in the order of precedence. */
enum origin { ORIGIN_NONE, ORIGIN_PRESET, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct options {
#define OPTION(kind, symbol, name, letter, argument, low, high, preset, commands, key, reload, help)                   \
    option_##kind symbol;
#include "table/options.def"
#undef OPTION
    char **files; /* what is left of the command line, borrowed */
    int file_count;
    enum origin origins[OPTION_COUNT];
    size_t lines[OPTION_COUNT]; /* of the file, where a value is from it */
    char *texts[OPTION_COUNT];  /* behind values that are not from the command line */
    char *path;                 /* of the configuration file; NULL: there is none */
};

/*
 * Reads all settings of command (one FOR_ bit; argv[0] is its name) into *ret, whose contents the caller frees with
 * options_done(). argv is reordered; a server that shall read its settings again may pass it again. With --help only
 * the command line is read. ERR_USAGE for the command line, ERR_CONFIG for what else is wrong, with one clear line.
 */
int options_parse(int command, int argc, char **argv, struct options *ret);

/* The command line alone; settings_load() (conf/settings.h) reads the rest. As options_parse(). */
int options_parse_flags(int command, int argc, char **argv, struct options *ret);

void options_done(struct options *options);

/*
 * For a server that runs: takes from fresh, which was read later, what it can take without a restart. Adds the keys of
 * what else has changed to kept, with commas. The caller frees fresh with options_done() as always.
 */
void options_follow(struct options *options, struct options *fresh, struct buffer *kept);

/* Adds the options of command as help shows them, at most 80 columns wide. */
void options_help(int command, struct buffer *help);

/* Whether the comma-separated list has word; whether it is of known words only, which have bars between. */
bool options_list_has(const char *list, const char *word);
bool options_list_is_of(const char *list, const char *known);

/* A size as one would write it: 512M, 4G, 1500k, 77. */
char *options_size_text(int64_t size);

#endif
