#include "conf/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "conf/option.h"
#include "conf/settings.h"

/* The command line */

enum { LONG_ONLY = 256 }; /* what getopt_long() returns for row i: LONG_ONLY + i */

static void fill_getopt(int command, char *letters, struct option *names) {
    *letters++ = ':'; /* tell a missing argument from an unknown option */
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (!row->name || !option_is_for(row, command)) {
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
        return &option_rows[value - LONG_ONLY];
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (option_rows[i].name && option_is_for(&option_rows[i], command) && value && option_rows[i].letter == value) {
            return &option_rows[i];
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

/* One option of the command line; what is wrong with it is told with its name. */
static int take_flag(const struct option_row *row, const char *text, struct options *options) {
    int result = option_read(row, text, (char *)options + row->offset);
    if (result != 0) {
        return fail(result, "--%s%s%s: %s", row->name, text && *text ? " " : "", text ? text : "", error_detail());
    }
    options->origins[row - option_rows] = ORIGIN_FLAG;
    return 0;
}

int options_parse_flags(int command, int argc, char **argv, struct options *ret) {
    char letters[2 * OPTION_COUNT + 2];
    struct option names[OPTION_COUNT + 1];
    fill_getopt(command, letters, names);
    struct options options cleanup(options_done) = {0};
    int result = 0;
    opterr = 0;
    optind = 0; /* start anew (getopt(3), GNU) */
    for (int value; result == 0 && (value = getopt_long(argc, argv, letters, names, NULL)) != -1;) {
        bool known = value != ':' && value != '?';
        result = known ? take_flag(row_of(command, value), optarg, &options) : refuse(command, value, argv[optind - 1]);
    }
    if (result != 0) {
        return result;
    }
    options.files = argv + optind;
    options.file_count = argc - optind;
    *ret = options;
    options = (struct options){0};
    return 0;
}

int options_parse(int command, int argc, char **argv, struct options *ret) {
    struct options options cleanup(options_done) = {0};
    struct problems problems cleanup(problems_done) = {0};
    int result = options_parse_flags(command, argc, argv, &options);
    if (result != 0) {
        return result;
    }
    if (!options.help) {
        settings_load(&options, &problems);
    }
    const char *wrong = problems_first(&problems);
    if (wrong) {
        return fail(ERR_CONFIG, "%s", wrong);
    }
    *ret = options;
    options = (struct options){0};
    return 0;
}

void options_done(struct options *options) {
    ranges_done(&options->pages);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        free(options->texts[i]);
    }
    free(options->path);
    *options = (struct options){0};
}

/* Reading again */

static bool differs(const struct option_row *row, const struct options *one, const struct options *other) {
    char *text cleanup(drop_memory) = option_text(row, one), *other_text cleanup(drop_memory) = option_text(row, other);
    return text && other_text ? strcmp(text, other_text) != 0 : text != other_text;
}

static void swap(void *one, void *other, size_t size) {
    char kept[sizeof(struct ranges)];
    memcpy(kept, one, size);
    memcpy(one, other, size);
    memcpy(other, kept, size);
}

/* Exchanges the values of an option. */
static void exchange(const struct option_row *row, struct options *one, struct options *other) {
    static const size_t sizes[] = {
        [FLAG] = sizeof(option_FLAG),       [NUMBER] = sizeof(option_NUMBER), [SIZE] = sizeof(option_SIZE),
        [DECIMAL] = sizeof(option_DECIMAL), [TEXT] = sizeof(option_TEXT),     [CHOICE] = sizeof(option_CHOICE),
        [LIST] = sizeof(option_LIST),       [PAGES] = sizeof(option_PAGES),   [LANGUAGES] = sizeof(option_LANGUAGES)};
    size_t index = (size_t)(row - option_rows);
    swap((char *)one + row->offset, (char *)other + row->offset, sizes[row->kind]);
    swap(&one->origins[index], &other->origins[index], sizeof(one->origins[index]));
    swap(&one->lines[index], &other->lines[index], sizeof(one->lines[index]));
    swap(&one->texts[index], &other->texts[index], sizeof(one->texts[index]));
}

void options_follow(struct options *options, struct options *fresh, struct buffer *kept) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (row->key && row->reload == LIVE) {
            exchange(row, options, fresh);
        } else if (row->key && differs(row, options, fresh)) {
            buffer_add_format(kept, "%s%s", kept->length > 0 ? ", " : "", row->key);
        }
    }
}

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
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (!row->name || !(row->commands & command)) {
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
            row->preset && row->argument ? format("%s (default: %s)", row->help, row->preset) : copy_string(row->help);
        add_wrapped(help, help->length - start, text);
    }
}
