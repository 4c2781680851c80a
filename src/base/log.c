#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

#define FORMAT_VARIABLE "OCTAVO_LOG_LINES" /* from a process to those that it starts */

static const char *log_program = "octavo";
static enum log_level log_limit = LOG_WARNING;
static enum log_format log_format = LOG_TEXT;
static atomic_uint log_lost; /* lines since the last one that was written */
static const char *const levels[] = {"error", "warning", "info", "debug"};

void log_open(const char *program, enum log_level level) {
    const char *lines = getenv(FORMAT_VARIABLE);
    log_program = program;
    log_limit = level;
    log_format = lines && strcmp(lines, "json") == 0 ? LOG_JSON : LOG_TEXT;
}

enum log_level log_level_of(const char *name) {
    for (size_t i = 0; i < array_length(levels); i++) {
        if (strcmp(levels[i], name) == 0) {
            return (enum log_level)i;
        }
    }
    return LOG_INFO;
}

void log_set_format(enum log_format format) {
    log_format = format;
    setenv(FORMAT_VARIABLE, format == LOG_JSON ? "json" : "text", 1);
}

/* What a client or a document may have put there must not move the cursor of whoever reads it. */
static void make_safe(char *text) {
    for (; *text; text++) {
        *text = (unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text;
    }
}

static void add_text(struct buffer *line, enum log_level level, const char *text, const struct json *fields) {
    size_t start = line->length;
    buffer_add_format(line, "%s: %s: %s", log_program, levels[level], text);
    for (const struct json *field = json_first(fields); field; field = json_next(field)) {
        const char *string = json_as_string(field);
        char *other cleanup(drop_memory) = string ? NULL : json_text(field, false);
        buffer_add_format(line, " %s=%s", json_key(field), string ? string : other);
    }
    make_safe(line->data + start);
}

static void add_json(struct buffer *line, enum log_level level, const char *text, const struct json *fields) {
    struct json *object cleanup(json_drop) = json_object_new();
    char *now cleanup(drop_memory) = clock_text(clock_wall());
    json_set_string(object, "time", now);
    json_set_string(object, "level", levels[level]);
    json_set_string(object, "program", log_program);
    json_set_string(object, "message", text);
    char *written cleanup(drop_memory) = json_text(object, false);
    char *more cleanup(drop_memory) = json_first(fields) ? json_text(fields, false) : NULL;
    if (more) { /* two objects become one */
        buffer_add_format(line, "%.*s,%s", (int)strlen(written) - 1, written, more + 1);
    } else {
        buffer_add_string(line, written);
    }
}

static void add_line(struct buffer *line, enum log_level level, const char *text, const struct json *fields) {
    (log_format == LOG_JSON ? add_json : add_text)(line, level, text, fields);
    buffer_add_string(line, "\n");
}

/* Whether somebody reads what was written before, or nobody can: then it fails at once. A pipe has room for PIPE_BUF.
 */
static bool has_room(void) {
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&log, 1, 0) != 0;
}

bool log_shows(enum log_level level) { return level <= log_limit; }

void log_fields(enum log_level level, const char *text, const struct json *fields) {
    struct buffer lines cleanup(buffer_done) = {0};
    if (!log_shows(level)) {
        return;
    }
    if (!has_room()) {
        atomic_fetch_add(&log_lost, 1);
        return;
    }
    unsigned lost = atomic_exchange(&log_lost, 0);
    if (lost > 0) {
        char *told cleanup(drop_memory) = format("%u lines of the log are lost: nobody has read it in time", lost);
        add_line(&lines, LOG_WARNING, told, NULL);
    }
    add_line(&lines, level, text, fields);
    /* One write, so that the lines of several processes do not mix. A log that cannot be written is lost. */
    ssize_t written = write(STDERR_FILENO, lines.data, lines.length);
    (void)written;
}

void log_line(enum log_level level, const char *pattern, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, pattern);
    if (log_shows(level) && vsnprintf(text, sizeof(text), pattern, arguments) >= 0) {
        log_fields(level, text, NULL);
    }
    va_end(arguments);
}
