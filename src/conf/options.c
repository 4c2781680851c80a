#include "conf/options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum kind { FLAG, NUMBER, SIZE, TEXT, CHOICE, LIST, PAGES };

struct option_row {
    enum kind kind;
    const char *name;
    int letter;
    const char *argument;
    int64_t low, high;
    const char *preset;
    int commands;
    const char *help;
    size_t offset;
};

static const struct option_row rows[] = {
#define OPTION(kind, symbol, name, letter, argument, low, high, preset, commands, help)                                \
    {kind, name, letter, argument, low, high, preset, commands, help, offsetof(struct options, symbol)},
#include "table/options.def"
#undef OPTION
};

/* Values */

/* Finds word (of so many bytes) among the words of list, which are parted by separator. */
static bool has_word(const char *list, char separator, const char *word, size_t length) {
    for (const char *entry = list; entry; entry = strchr(entry, separator), entry = entry ? entry + 1 : NULL) {
        if (strncmp(entry, word, length) == 0 && (entry[length] == separator || entry[length] == '\0')) {
            return true;
        }
    }
    return false;
}

bool options_list_has(const char *list, const char *word) { return has_word(list, ',', word, strlen(word)); }

static bool all_words_known(const char *known, const char *list) {
    for (const char *word = list;; word++) {
        size_t length = strcspn(word, ",");
        if (length == 0 || !has_word(known, '|', word, length)) {
            return false;
        }
        word += length;
        if (*word == '\0') {
            return true;
        }
    }
}

/* Digits and, for sizes, one of the letters k M G T: powers of 1024. */
static bool parse_number(const char *text, bool suffixes, int64_t *ret) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || text[0] < '0' || text[0] > '9') {
        return false;
    }
    static const char letters[] = "kmgt";
    const char *letter = suffixes && *end ? strchr(letters, *end | 0x20) : NULL;
    int64_t scaled = value;
    for (const char *step = letters; letter && step <= letter; step++) {
        if (__builtin_mul_overflow(scaled, INT64_C(1024), &scaled)) {
            return false;
        }
    }
    if (letter ? end[1] != '\0' : *end != '\0') {
        return false;
    }
    *ret = scaled;
    return true;
}

char *options_size_text(int64_t size) {
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;
    while (size != 0 && size % 1024 == 0 && unit + 1 < array_length(units)) {
        size /= 1024;
        unit++;
    }
    return format("%lld%s", (long long)size, units[unit]);
}

static int refuse_number(const struct option_row *row, const char *text) {
    char *low cleanup(drop_memory) =
        row->kind == SIZE ? options_size_text(row->low) : format("%lld", (long long)row->low);
    char *high cleanup(drop_memory) =
        row->kind == SIZE ? options_size_text(row->high) : format("%lld", (long long)row->high);
    return fail(ERR_USAGE, "--%s %s: a whole number from %s to %s is expected", row->name, text, low, high);
}

static int set_number(const struct option_row *row, const char *text, int64_t *ret) {
    int64_t value;
    if (!parse_number(text, row->kind == SIZE, &value) || value < row->low || value > row->high) {
        return refuse_number(row, text);
    }
    *ret = value;
    return 0;
}

static int set_pages(const struct option_row *row, const char *text, struct ranges *ranges) {
    struct ranges parsed;
    int result = ranges_parse(text, &parsed);
    if (result != 0) {
        return fail(result, "--%s %s: %s", row->name, text, error_detail());
    }
    ranges_done(ranges);
    *ranges = parsed;
    return 0;
}

static int set(struct options *options, const struct option_row *row, const char *text) {
    void *field = (char *)options + row->offset;
    switch (row->kind) {
    case FLAG:
        *(bool *)field = true;
        return 0;
    case NUMBER:
    case SIZE:
        return set_number(row, text, field);
    case PAGES:
        return set_pages(row, text, field);
    case TEXT:
        if (!*text) {
            return fail(ERR_USAGE, "--%s: %s must not be empty", row->name, row->argument);
        }
        break;
    case CHOICE:
        if (strchr(text, '|') || !has_word(row->argument, '|', text, strlen(text))) {
            return fail(ERR_USAGE, "--%s %s: one of %s is expected", row->name, text, row->argument);
        }
        break;
    case LIST:
        if (!all_words_known(row->argument, text)) {
            return fail(ERR_USAGE, "--%s %s: %s is expected, several with commas", row->name, text, row->argument);
        }
        break;
    }
    *(const char **)field = text;
    return 0;
}

static int set_presets(int command, struct options *options) {
    for (size_t i = 0; i < array_length(rows); i++) {
        if (rows[i].commands & command && rows[i].preset) {
            int result = set(options, &rows[i], rows[i].preset);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

/* The command line */

enum { LONG_ONLY = 256 }; /* what getopt_long() returns for row i: LONG_ONLY + i */

static void fill_getopt(int command, char *letters, struct option *names) {
    *letters++ = ':'; /* tell a missing argument from an unknown option */
    for (size_t i = 0; i < array_length(rows); i++) {
        const struct option_row *row = &rows[i];
        if (!(row->commands & command)) {
            continue;
        }
        *names++ =
            (struct option){row->name, row->argument ? required_argument : no_argument, NULL, LONG_ONLY + (int)i};
        if (row->letter) {
            *letters++ = (char)row->letter;
            if (row->argument) {
                *letters++ = ':';
            }
        }
    }
    *letters = '\0';
    *names = (struct option){0};
}

static const struct option_row *row_of(int command, int value) {
    if (value >= LONG_ONLY) {
        return &rows[value - LONG_ONLY];
    }
    for (size_t i = 0; i < array_length(rows); i++) {
        if (rows[i].commands & command && value && rows[i].letter == value) {
            return &rows[i];
        }
    }
    return NULL;
}

/* What getopt_long() stumbled over: value is ':' or '?', optopt the option or 0, last the word it looked at. */
static int refuse(int command, int value, const char *last) {
    const struct option_row *row = row_of(command, optopt);
    if (row && value == ':') {
        return fail(ERR_USAGE, "--%s: %s is missing after it", row->name, row->argument);
    }
    if (row) {
        return fail(ERR_USAGE, "--%s takes no value", row->name);
    }
    return optopt ? fail(ERR_USAGE, "-%c: there is no such option", optopt)
                  : fail(ERR_USAGE, "%s: there is no such option, or it is short for several", last);
}

int options_parse(int command, int argc, char **argv, struct options *ret) {
    char letters[2 * array_length(rows) + 2];
    struct option names[array_length(rows) + 1];
    fill_getopt(command, letters, names);
    struct options options cleanup(options_done) = {0};
    int result = set_presets(command, &options);
    opterr = 0;
    optind = 0; /* start anew (getopt(3), GNU) */
    for (int value; result == 0 && (value = getopt_long(argc, argv, letters, names, NULL)) != -1;) {
        bool known = value != ':' && value != '?';
        result = known ? set(&options, row_of(command, value), optarg) : refuse(command, value, argv[optind - 1]);
    }
    if (result != 0) {
        return result;
    }
    options.files = argv + optind;
    options.file_count = argc - optind;
    *ret = options;
    options.pages = (struct ranges){0};
    return 0;
}

void options_done(struct options *options) { ranges_done(&options->pages); }

/* Help */

enum { HELP_COLUMN = 26, HELP_WIDTH = 80 };

/* Adds text in lines from HELP_COLUMN on; column is where the line stands. */
static void add_wrapped(struct buffer *help, size_t column, const char *text) {
    if (column >= HELP_COLUMN) {
        buffer_add_string(help, "\n");
        column = 0;
    }
    while (*text) {
        size_t length = strcspn(text, " ");
        if (column >= HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
            buffer_add_string(help, "\n");
            column = 0;
        }
        size_t blanks = column < HELP_COLUMN ? HELP_COLUMN - column : 1;
        buffer_add_format(help, "%*s%.*s", (int)blanks, "", (int)length, text);
        column += blanks + length;
        text += length + strspn(text + length, " ");
    }
    buffer_add_string(help, "\n");
}

void options_help(int command, struct buffer *help) {
    for (size_t i = 0; i < array_length(rows); i++) {
        const struct option_row *row = &rows[i];
        if (!(row->commands & command)) {
            continue;
        }
        size_t start = help->length;
        if (row->letter) {
            buffer_add_format(help, "  -%c, --%s", row->letter, row->name);
        } else {
            buffer_add_format(help, "      --%s", row->name);
        }
        if (row->argument) {
            buffer_add_format(help, " %s", row->argument);
        }
        char *text cleanup(drop_memory) =
            row->preset ? format("%s (default: %s)", row->help, row->preset) : copy_string(row->help);
        add_wrapped(help, help->length - start, text);
    }
}
