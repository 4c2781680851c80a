#include "cli/terminal.h"

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"

#define CLEAR_LINE "\r\033[K"

static bool progress_shown;

static bool is_direction_mark(uint32_t point) {
    return point == 0x061C || point == 0x200E || point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069);
}

char *terminal_safe(const char *text) {
    struct buffer safe = {0};
    size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        uint32_t point;
        size_t size = utf8_next(text + i, length - i, &point);
        bool broken = point == 0xFFFD && size == 1;
        if (broken || point < 0x20 || (point >= 0x7F && point < 0xA0)) {
            buffer_add_format(&safe, "\\x%02X", broken ? (unsigned char)text[i] : (unsigned)point);
        } else if (is_direction_mark(point)) {
            buffer_add_format(&safe, "\\u{%04X}", (unsigned)point);
        } else {
            buffer_add(&safe, text + i, size);
        }
        i += size;
    }
    return buffer_take(&safe);
}

/* One write for the whole line, so that lines of several processes do not mix. What cannot be written is lost. */
static void write_line(const char *text) {
    char *safe cleanup(drop_memory) = terminal_safe(text);
    char *line cleanup(drop_memory) = format("%s%s\n", progress_shown ? CLEAR_LINE : "", safe);
    progress_shown = false;
    file_write(STDERR_FILENO, line, strlen(line));
}

static void add_place(struct buffer *line, const char *file, uint32_t page) {
    buffer_add_string(line, "octavo: ");
    if (file) {
        buffer_add_format(line, "%s: ", file);
    }
    if (page > 0) {
        buffer_add_format(line, "page %u: ", page);
    }
}

void terminal_error(const char *file, uint32_t page, int error, const char *detail) {
    struct buffer line cleanup(buffer_done) = {0};
    add_place(&line, file, page);
    buffer_add_string(&line, error_sentence(error));
    if (detail && *detail) {
        buffer_add_format(&line, ": %s", detail);
    }
    buffer_add_format(&line, "; %s", error_advice(error));
    write_line(line.data);
}

void terminal_note(const char *file, uint32_t page, const char *text) {
    struct buffer line cleanup(buffer_done) = {0};
    add_place(&line, file, page);
    buffer_add_string(&line, text);
    write_line(line.data);
}

unsigned terminal_width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

unsigned terminal_height(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

void terminal_progress(const char *text) {
    char *line cleanup(drop_memory) = format(CLEAR_LINE "%s", text ? text : "");
    if (text || progress_shown) {
        file_write(STDERR_FILENO, line, strlen(line));
    }
    progress_shown = text != NULL;
}
