#include "base/log.h"

#include <stdarg.h>
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
static const char *const levels[] = {"error", "warning", "info", "debug"};

void log_open(const char *program, enum log_level level) {
    const char *lines = getenv(FORMAT_VARIABLE);
    log_program = program;
    log_limit = level;
    log_format = lines && strcmp(lines, "json") == 0 ? LOG_JSON : LOG_TEXT;
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

static void add_text(struct buffer *line, enum log_level level, const char *text) {
    buffer_add_format(line, "%s: %s: %s", log_program, levels[level], text);
    make_safe(line->data);
}

static void add_json(struct buffer *line, enum log_level level, const char *text) {
    struct json *object cleanup(json_drop) = json_object_new();
    char *now cleanup(drop_memory) = clock_text(clock_wall());
    json_set_string(object, "time", now);
    json_set_string(object, "level", levels[level]);
    json_set_string(object, "program", log_program);
    json_set_string(object, "message", text);
    char *written cleanup(drop_memory) = json_text(object, false);
    buffer_add_string(line, written);
}

static void write_line(enum log_level level, const char *pattern, va_list arguments) {
    char text[1024];
    struct buffer line cleanup(buffer_done) = {0};
    if (vsnprintf(text, sizeof(text), pattern, arguments) < 0) {
        return;
    }
    if (log_format == LOG_JSON) {
        add_json(&line, level, text);
    } else {
        add_text(&line, level, text);
    }
    buffer_add_string(&line, "\n");
    /* One write, so that the lines of several processes do not mix. A log that cannot be written is lost. */
    ssize_t written = write(STDERR_FILENO, line.data, line.length);
    (void)written;
}

void log_line(enum log_level level, const char *pattern, ...) {
    if (level <= log_limit) {
        va_list arguments;
        va_start(arguments, pattern);
        write_line(level, pattern, arguments);
        va_end(arguments);
    }
}
