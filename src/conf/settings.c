#include "conf/settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "conf/yaml.h"

#define PREFIX "OCTAVO_"

enum {
    FILE_LIMIT = 64 << 10, /* bytes: libyaml's time for anchors grows with the square of their number */
    MOST_PROBLEMS = 100,
    SHOWN = 60, /* bytes of a value in a line about it */
};

/* Problems */

static void __attribute__((format(printf, 3, 4)))
tell(struct problems *problems, bool warning, const char *pattern, ...) {
    if (problems->count == MOST_PROBLEMS) {
        problems->more = true;
        return;
    }
    char *text = NULL;
    va_list arguments;
    va_start(arguments, pattern);
    int written = vasprintf(&text, pattern, arguments);
    va_end(arguments);
    problems->list = resize(problems->list, problems->count + 1, sizeof(*problems->list));
    problems->list[problems->count++] = (struct problem){.warning = warning, .text = or_end(written < 0 ? NULL : text)};
}

const char *problems_first(const struct problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        if (!problems->list[i].warning) {
            return problems->list[i].text;
        }
    }
    return NULL;
}

void problems_done(struct problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->list[i].text);
    }
    free(problems->list);
    *problems = (struct problems){0};
}

/* Values */

struct loading {
    struct options *options;
    struct problems *problems;
    size_t lines[OPTION_COUNT]; /* of the file, where an option was given; 0: it was not */
    bool refused[OPTION_COUNT]; /* what was given was wrong */
};

/*
 * Checks text as the value of an option and takes it if nothing of higher precedence is there. False, with what is
 * expected as the error's detail, if it is wrong.
 */
static bool give(struct loading *loading, const struct option_row *row, enum origin origin, const char *text) {
    struct options *options = loading->options, checked;
    size_t index = (size_t)(row - option_rows);
    bool wanted = options->origins[index] == ORIGIN_NONE;
    char *copy cleanup(drop_memory) = copy_string(text);
    if (option_read(row, copy, (char *)(wanted ? options : &checked) + row->offset) != 0) {
        loading->refused[index] = true;
        return false;
    }
    if (wanted) {
        options->origins[index] = origin;
        options->texts[index] = take(copy);
    }
    return true;
}

/* The environment */

static void take_variables(struct loading *loading) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        char *name cleanup(drop_memory) = row->key ? option_variable(row) : NULL;
        const char *text = name ? getenv(name) : NULL;
        if (text && *text && !give(loading, row, ORIGIN_ENVIRONMENT, text)) {
            tell(loading->problems, false, "%s=%.*s: %s", name, SHOWN, text, error_detail());
        }
    }
}

/* What is told of a variable that looks like a setting and is none. name is in small letters, without the prefix. */
static void judge_name(struct loading *loading, const char *variable, int length, char *name) {
    char *line = strchr(name, '_');
    if (line) {
        *line = '.';
    }
    const char *nearest = option_nearest(name);
    if (line) {
        *line = '\0';
    }
    if (nearest) {
        char *meant cleanup(drop_memory) = option_variable(option_find(nearest));
        tell(loading->problems, true, "%.*s: there is no such setting; is %s meant?", length, variable, meant);
    } else if (option_is_section(name)) {
        tell(loading->problems, true, "%.*s: there is no such setting", length, variable);
    }
}

/* Those of Octavo that are no settings. */
static bool is_known(const char *name) {
    static const char *const others[] = {"config", "runtime", "engines", "packages", "server", "api_key", "cacert"};
    for (size_t i = 0; i < array_length(others); i++) {
        if (strcmp(name, others[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char *own cleanup(drop_memory) = option_rows[i].key ? option_variable(&option_rows[i]) : NULL;
        if (own && strcasecmp(own + strlen(PREFIX), name) == 0) {
            return true;
        }
    }
    return false;
}

static void look_for_misspelt_variables(struct loading *loading) {
    for (char **variable = environ; variable && *variable; variable++) {
        size_t length = strcspn(*variable, "=");
        if (strncmp(*variable, PREFIX, strlen(PREFIX)) != 0 || length <= strlen(PREFIX) || length > SHOWN) {
            continue;
        }
        char *name cleanup(drop_memory) = copy_bytes(*variable + strlen(PREFIX), length - strlen(PREFIX));
        for (char *letter = name; *letter; letter++) {
            *letter = (char)tolower((unsigned char)*letter);
        }
        if (!is_known(name)) {
            judge_name(loading, *variable, (int)length, name);
        }
    }
}

/* The file */

/* A key that is none of ours: nothing is wrong with a section that is empty. */
static void refuse_key(struct loading *loading, const struct yaml_leaf *leaf) {
    const char *path = loading->options->path, *nearest = option_nearest(leaf->key);
    char *section cleanup(drop_memory) = copy_string(leaf->key);
    char *dot = strrchr(section, '.');
    if (dot) {
        *dot = '\0';
    }
    if (option_is_section(leaf->key)) {
        if (leaf->kind != YAML_LEAF_NULL) {
            tell(loading->problems, false, "%s:%zu: %s: it is a section: keys are expected below it", path, leaf->line,
                 leaf->key);
        }
    } else if (dot && option_find(section)) {
        tell(loading->problems, false, "%s:%zu: %s: it is a value: no keys are expected below it", path, leaf->line,
             section);
    } else if (nearest) {
        tell(loading->problems, false, "%s:%zu: %s: there is no such key; is %s meant?", path, leaf->line, leaf->key,
             nearest);
    } else {
        tell(loading->problems, false, "%s:%zu: %s: there is no such key", path, leaf->line, leaf->key);
    }
}

static void take_value(struct loading *loading, const struct option_row *row, const struct yaml_leaf *leaf) {
    const char *path = loading->options->path;
    size_t index = (size_t)(row - option_rows);
    if (!give(loading, row, ORIGIN_FILE, leaf->text)) {
        tell(loading->problems, false, "%s:%zu: %s: %.*s%s%s", path, leaf->line, leaf->key, SHOWN, leaf->text,
             *leaf->text ? ": " : "", error_detail());
    } else if (loading->options->origins[index] == ORIGIN_FILE) {
        loading->options->lines[index] = leaf->line;
    }
}

static void take_leaf(void *context, const struct yaml_leaf *leaf) {
    struct loading *loading = context;
    const char *path = loading->options->path;
    if (loading->problems->more) {
        return;
    }
    const struct option_row *row = option_find(leaf->key);
    if (!row) {
        refuse_key(loading, leaf);
        return;
    }
    size_t *line = &loading->lines[row - option_rows];
    char *expected cleanup(drop_memory) = option_expected(row);
    if (*line > 0) {
        tell(loading->problems, false, "%s:%zu: %s: it is given twice, first in line %zu", path, leaf->line, leaf->key,
             *line);
    } else if (leaf->kind == YAML_LEAF_LIST) {
        tell(loading->problems, false, "%s:%zu: %s: it is a list: %s is expected", path, leaf->line, leaf->key,
             expected);
    } else if (leaf->kind == YAML_LEAF_NULL) {
        tell(loading->problems, false, "%s:%zu: %s: it has no value: %s is expected, or no such line", path, leaf->line,
             leaf->key, expected);
    } else {
        take_value(loading, row, leaf);
    }
    *line = *line > 0 ? *line : leaf->line;
}

/* The first place where there is one, if none is named; NULL if there is none. Caller frees. */
static char *find_file(const struct options *options) {
    const char *named = options->config ? options->config : getenv("OCTAVO_CONFIG");
    if (named && *named) {
        return copy_string(named);
    }
    const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char *own cleanup(drop_memory) = folder && *folder ? format("%s/octavo/octavo.yaml", folder)
                                     : home && *home   ? format("%s/.config/octavo/octavo.yaml", home)
                                                       : NULL;
    static const char everybodys[] = "/etc/octavo/octavo.yaml";
    return own && access(own, F_OK) == 0 ? take(own) : access(everybodys, F_OK) == 0 ? copy_string(everybodys) : NULL;
}

static void take_file(struct loading *loading) {
    const char *path = loading->options->path;
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    int fd cleanup(drop_fd) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        tell(loading->problems, false, "%s: %s", path, strerror(errno));
    } else if (file_read(fd, FILE_LIMIT, &text, &length) != 0) {
        tell(loading->problems, false, "%s: %s", path, error_detail());
    } else if (yaml_walk(text, length, take_leaf, loading) != 0) {
        tell(loading->problems, false, "%s:%s", path, error_detail());
    }
}

/* Presets, and what must hold between values */

static void take_presets(struct loading *loading) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (row->preset && loading->options->origins[i] == ORIGIN_NONE) {
            option_read(row, row->preset, (char *)loading->options + row->offset); /* presets are right: a test */
            loading->options->origins[i] = ORIGIN_PRESET;
        }
    }
}

static void expect_rising(struct loading *loading, enum option_index lower, enum option_index upper) {
    const struct options *options = loading->options;
    const struct option_row *low = &option_rows[lower], *high = &option_rows[upper];
    if (loading->refused[lower] || loading->refused[upper] ||
        *(const option_DECIMAL *)((const char *)options + low->offset) <
            *(const option_DECIMAL *)((const char *)options + high->offset)) {
        return;
    }
    char *low_text cleanup(drop_memory) = option_text(low, options);
    char *high_text cleanup(drop_memory) = option_text(high, options);
    char *low_from cleanup(drop_memory) = settings_origin(options, low);
    char *high_from cleanup(drop_memory) = settings_origin(options, high);
    tell(loading->problems, false, "%s: %s: %s must be less than %s, which is %s (%s)", low_from, low->key, low_text,
         high->key, high_text, high_from);
}

void settings_load(struct options *options, struct problems *problems) {
    struct loading loading = {.options = options, .problems = problems};
    take_variables(&loading);
    look_for_misspelt_variables(&loading);
    options->path = find_file(options);
    if (options->path) {
        take_file(&loading);
    }
    take_presets(&loading);
    expect_rising(&loading, OPTION_INDEX_guard_elevated, OPTION_INDEX_guard_high);
    expect_rising(&loading, OPTION_INDEX_guard_high, OPTION_INDEX_guard_critical);
}

char *settings_origin(const struct options *options, const struct option_row *row) {
    size_t index = (size_t)(row - option_rows);
    switch (options->origins[index]) {
    case ORIGIN_FLAG:
        return format("--%s", row->name);
    case ORIGIN_ENVIRONMENT:
        return option_variable(row);
    case ORIGIN_FILE:
        return format("%s:%zu", options->path, options->lines[index]);
    default:
        return copy_string("preset");
    }
}
