#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/terminal.h"
#include "conf/settings.h"

/* check */

static int print_problems(const struct options *options, const struct problems *problems) {
    struct json *report cleanup(json_drop) = json_object_new(), *list = json_array_new();
    for (size_t i = 0; i < problems->count; i++) {
        struct json *one = json_object_new();
        json_set_bool(one, "warning", problems->list[i].warning);
        json_set_string(one, "text", problems->list[i].text);
        json_append(list, one);
    }
    json_set_bool(report, "right", !problems_first(problems));
    json_set_string(report, "file", options->path);
    json_set(report, "problems", list);
    json_set_bool(report, "more", problems->more);
    return describe_print(report);
}

static void tell_problems(const struct problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        char *line cleanup(drop_memory) =
            format("%s%s", problems->list[i].warning ? "warning: " : "", problems->list[i].text);
        terminal_note(NULL, 0, line);
    }
    if (problems->more) {
        terminal_note(NULL, 0, "more is wrong: these are the first");
    }
}

static int print_right(const struct options *options) {
    size_t counts[ORIGIN_FLAG + 1] = {0};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        counts[options->origins[i]] += option_rows[i].key != NULL;
    }
    char *safe cleanup(drop_memory) = terminal_safe(options->path ? options->path : "");
    char *file cleanup(drop_memory) =
        options->path ? format("from %s: %zu", safe, counts[ORIGIN_FILE]) : copy_string("there is no file");
    char *line cleanup(drop_memory) = format("the configuration is right; settings from the environment: %zu, %s\n",
                                             counts[ORIGIN_ENVIRONMENT], file);
    return command_print(line);
}

static int check(struct options *options) {
    struct problems problems cleanup(problems_done) = {0};
    settings_load(options, &problems);
    int wrong = problems_first(&problems) ? error_exit_status(ERR_CONFIG) : 0;
    if (options->json) {
        int status = print_problems(options, &problems);
        return status ? status : wrong;
    }
    tell_problems(&problems);
    return wrong ? wrong : print_right(options);
}

/* show */

static void set_value(struct json *object, const struct option_row *row, const struct options *options) {
    const void *field = (const char *)options + row->offset;
    char *text cleanup(drop_memory) = option_text(row, options);
    if (text && (row->kind == NUMBER || row->kind == SIZE)) {
        json_set_int(object, "value", *(const int64_t *)field);
    } else if (text && row->kind == DECIMAL) {
        json_set_real(object, "value", *(const double *)field, 9);
    } else if (text && row->kind == FLAG) {
        json_set_bool(object, "value", *(const bool *)field);
    } else {
        json_set_string(object, "value", text);
    }
}

static int print_settings_as_json(const struct options *options) {
    struct json *report cleanup(json_drop) = json_object_new(), *settings = json_object_new();
    for (const struct option_row *row = option_rows; row < option_rows + OPTION_COUNT; row++) {
        if (row->key) {
            char *origin cleanup(drop_memory) = settings_origin(options, row);
            struct json *one = json_object_new();
            set_value(one, row, options);
            json_set_string(one, "from", origin);
            json_set(settings, row->key, one);
        }
    }
    json_set_string(report, "file", options->path);
    json_set(report, "settings", settings);
    return describe_print(report);
}

/* A line of a configuration file; one without a value is a comment. */
static void add_setting(struct columns *columns, const struct options *options, const struct option_row *row) {
    char *text cleanup(drop_memory) = option_text(row, options);
    char *value cleanup(drop_memory) = text ? settings_quoted(text) : NULL;
    char *otherwise cleanup(drop_memory) = option_otherwise(row);
    char *origin cleanup(drop_memory) = settings_origin(options, row);
    char *setting cleanup(drop_memory) = value ? format("%s: %s", row->key, value) : format("# %s:", row->key);
    char *comment cleanup(drop_memory) =
        value ? format("# %s", origin) : format("# %s", otherwise ? otherwise : origin);
    columns_add(columns, (const char *[]){setting, comment, NULL});
}

static int show(struct options *options) {
    struct problems problems cleanup(problems_done) = {0};
    settings_load(options, &problems);
    const char *wrong = problems_first(&problems);
    if (wrong) {
        return command_refuse(fail(ERR_CONFIG, "%s", wrong));
    }
    if (options->json) {
        return print_settings_as_json(options);
    }
    struct columns columns cleanup(columns_done) = {0};
    struct buffer text cleanup(buffer_done) = {0};
    for (const struct option_row *row = option_rows; row < option_rows + OPTION_COUNT; row++) {
        if (row->key) {
            add_setting(&columns, options, row);
        }
    }
    columns_write(&columns, &text);
    return command_print(text.data);
}

/* sample */

static int sample(void) {
    char *text cleanup(drop_memory) = settings_sample();
    return command_print(text);
}

/* explain */

static char *users_of(const struct option_row *row) {
    struct buffer text = {0};
    for (const struct command *command = commands; command->name; command++) {
        if (row->commands & command->options) {
            buffer_add_format(&text, "%soctavo %s", text.length > 0 ? ", " : "", command->name);
        }
    }
    return buffer_take(&text);
}

static int explain(const char *key) {
    const struct option_row *row = option_find(key);
    if (!row) {
        const char *nearest = option_nearest(key);
        return command_refuse(nearest ? fail(ERR_USAGE, "%s: there is no such key; is %s meant?", key, nearest)
                                      : fail(ERR_USAGE, "%s: there is no such key", key));
    }
    const char *unit = option_unit(row);
    char *expected cleanup(drop_memory) = option_expected(row), *users cleanup(drop_memory) = users_of(row);
    char *values cleanup(drop_memory) = format("%s%s%s%s", expected, *unit ? ", " : "", unit,
                                               row->kind == SIZE ? "; k, M, G, T are powers of 1024" : "");
    char *flag cleanup(drop_memory) =
        row->name ? format("--%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "")
                  : copy_string("none");
    char *about cleanup(drop_memory) = option_about(row), *variable cleanup(drop_memory) = option_variable(row);
    char *otherwise cleanup(drop_memory) = option_otherwise(row);
    struct columns columns cleanup(columns_done) = {0};
    columns_add(&columns, (const char *[]){"values", values, NULL});
    columns_add(&columns, (const char *[]){"preset", row->preset ? row->preset : otherwise, NULL});
    columns_add(&columns, (const char *[]){"flag", flag, NULL});
    columns_add(&columns, (const char *[]){"variable", variable, NULL});
    columns_add(&columns,
                (const char *[]){"change",
                                 row->reload == LIVE ? "a running server can take it" : "takes effect with a restart",
                                 NULL});
    columns_add(&columns, (const char *[]){"used by", users, NULL});
    struct buffer text cleanup(buffer_done) = {0};
    buffer_add_format(&text, "%s: %s\n", row->key, about);
    columns_write(&columns, &text);
    return command_print(text.data);
}

/* The command */

/* What to do, and how many words follow. */
static const struct {
    const char *name;
    int words;
    bool json;
} verbs[] = {{"check", 0, true}, {"show", 0, true}, {"sample", 0, false}, {"explain", 1, false}};

/* What is wrong with the command line; NULL if nothing is. */
static const char *contradiction(const struct options *options) {
    const char *verb = options->file_count > 0 ? options->files[0] : "";
    for (size_t i = 0; i < array_length(verbs); i++) {
        if (strcmp(verbs[i].name, verb) == 0) {
            return options->file_count < 1 + verbs[i].words   ? "a KEY is missing"
                   : options->file_count > 1 + verbs[i].words ? "there is a word too many"
                   : options->json && !verbs[i].json          ? "--json is for check and show"
                                                              : NULL;
        }
    }
    return "one of check|show|sample|explain is expected after config";
}

int command_config(int argc, char **argv) {
    struct options options cleanup(options_done) = {0};
    int result = options_parse_flags(FOR_CONFIG, argc, argv, &options);
    if (result != 0) {
        return command_refuse(result);
    }
    if (options.help) {
        return command_help(2, (char *[]){NULL, argv[0]});
    }
    const char *wrong = contradiction(&options);
    if (wrong) {
        return command_usage_error(wrong);
    }
    const char *verb = options.files[0];
    return strcmp(verb, "check") == 0    ? check(&options)
           : strcmp(verb, "show") == 0   ? show(&options)
           : strcmp(verb, "sample") == 0 ? sample()
                                         : explain(options.files[1]);
}
