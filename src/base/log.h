/*
 * Log lines on standard error: "octavo-worker: warning: text", or a JSON object a line. Libraries do not log: they
 * return codes. A failure is logged once, by whoever decides what follows from it. Nobody waits for a reader of the
 * log: lines that it has no room for are lost, and the next line is preceded by how many. Any thread.
 */
#ifndef OCTAVO_BASE_LOG_H
#define OCTAVO_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* Names this process and sets the highest level that is written, in the format of the process that has started it.
 * Before other threads start. */
void log_open(const char *program, enum log_level level);

/* The format of this process and of those that it starts from now on. Before other threads start. */
void log_set_format(enum log_format format);

struct json;

/* The level of this name, LOG_INFO if there is none. */
enum log_level log_level_of(const char *name);

/* Whether lines of this level are written. */
bool log_shows(enum log_level level);

/* A line with fields, an object of strings, numbers and booleans: members of the JSON object beside "message", or
 * " name=value" behind text. */
void log_fields(enum log_level level, const char *text, const struct json *fields);

void log_line(enum log_level level, const char *pattern, ...) __attribute__((format(printf, 2, 3)));

#endif
