/* What the worker says about this machine: engines, models. One thread. */
#ifndef OCTAVO_CLI_DESCRIBE_H
#define OCTAVO_CLI_DESCRIBE_H

#include "conf/options.h"
#include "process/child.h"

struct json;

/*
 * Asks a worker that was just started to describe the machine; the caller drops *ret: {"cpu", "engines", "models"}.
 * ERR_WORKER_CRASHED, ERR_PROTOCOL, or what the worker says.
 */
int describe(struct child *worker, const struct options *options, struct json **ret);

/* Lets the worker get ready to read; *ret is its engine and version, the caller frees it. Errors as describe(). */
int describe_trial(struct child *worker, const struct options *options, char **ret);

/* Reads the settings of a command that takes no files. Errors as options_parse(). */
int describe_options(int command, int argc, char **argv, struct options *ret);

/* Prints a value as JSON to standard output. Returns the exit status. */
int describe_print(const struct json *json);

/* A member of object, or what to say otherwise. Borrowed. */
const char *describe_text(const struct json *object, const char *key, const char *otherwise);

/* Adds the table of models. */
void describe_models(const struct json *list, struct buffer *text);

#endif
