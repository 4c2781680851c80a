/*
 * Settings beyond the command line: the environment, the configuration file, presets (docs/configuration.md). One
 * thread.
 */
#ifndef OCTAVO_CONF_SETTINGS_H
#define OCTAVO_CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/option.h"

/* What is wrong, each with its place: "FILE:LINE: KEY: ..." or "VARIABLE=VALUE: ...". */
struct problem {
    bool warning; /* it does no harm */
    char *text;
};

struct problems {
    struct problem *list;
    size_t count;
    bool more; /* that are not in the list: it has an end */
};

/* The first that is no warning; NULL if there is none. Borrowed. */
const char *problems_first(const struct problems *problems);
void problems_done(struct problems *problems);

/*
 * Fills what the command line left open, for all commands alike. Everything that is wrong is added to problems; unless
 * these are warnings, the options are not to be used then.
 */
void settings_load(struct options *options, struct problems *problems);

/* Where the value of an option is from: "--memory", "OCTAVO_MEMORY_LIMIT", "octavo.yaml:3", "preset". Caller frees. */
char *settings_origin(const struct options *options, const struct option_row *row);

/* The value of an option as it stands in a YAML file, in quotes if need be. Caller frees. */
char *settings_quoted(const char *text);

/* A configuration file with every key, its meaning and its preset. Caller frees. */
char *settings_sample(void);

#endif
