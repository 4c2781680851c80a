#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "octavo";
static enum log_level log_limit = LOG_WARNING;

void log_open(const char *program, enum log_level level) {
    log_program = program;
    log_limit = level;
}

void log_line(enum log_level level, const char *pattern, ...) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (level > log_limit) {
        return;
    }
    char line[1024];
    int length = snprintf(line, sizeof(line), "%s: %s: ", log_program, names[level]);
    va_list arguments;
    va_start(arguments, pattern);
    int more = vsnprintf(line + length, sizeof(line) - (size_t)length - 1, pattern, arguments);
    va_end(arguments);
    if (more < 0) {
        return;
    }
    size_t end = strlen(line);
    line[end++] = '\n';
    /* One write, so that the lines of several processes do not mix. A log that cannot be written is lost. */
    ssize_t written = write(STDERR_FILENO, line, end);
    (void)written;
}
