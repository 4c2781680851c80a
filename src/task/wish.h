/* What is wanted of a document, read by table/task_options.def from whatever a client sends. One thread. */
#ifndef OCTAVO_TASK_WISH_H
#define OCTAVO_TASK_WISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

typedef int64_t wish_NUMBER;
typedef char *wish_TEXT;
typedef char *wish_PAGES;
typedef char *wish_CHOICE;
typedef char *wish_DEVICE;

/* Start from (struct wish){0}: nothing special is wanted. */
struct wish {
#define TASK_OPTION(kind, symbol, word, flag, argument, low, high, about) wish_##kind symbol;
#include "table/task_options.def"
#undef TASK_OPTION
};
void wish_done(struct wish *wish);

/* *ret is done or {0}. */
void wish_copy(const struct wish *wish, struct wish *ret);

/* Sets an option by its word. ERR_BAD_REQUEST with option, value and what is expected as detail. */
int wish_set(struct wish *wish, const char *word, const char *value);

/* Whether there is such an option. */
bool wish_has(const char *word);

/*
 * ERR_BAD_REQUEST: "there is WHAT "WORD"", with the place where it belongs if it says how the result is written, which
 * is no wish of the task.
 */
int wish_unknown(const char *what, const char *word);

/* Sets the options of a JSON object: numbers, strings; null leaves one as it is. ERR_BAD_REQUEST. */
int wish_set_json(struct wish *wish, const char *text, size_t length);

/* The device that is wanted, as in memory/placement.h. */
int wish_device(const struct wish *wish);

/* Takes the name of a file as a client tells it, unless there is a name: its last piece, made fit to be shown. */
void wish_take_file_name(struct wish *wish, const char *file_name);

/* Those that are set, key left out, always in the same order; the caller drops it. */
struct json *wish_to_json(const struct wish *wish);

#endif
