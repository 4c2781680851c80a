#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "conf/settings.h"

enum { WIDTH = 100 };

/* Values in YAML */

/* Whether text may stand without quotes: nothing in it means something to YAML. */
static bool is_plain(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char *const others[] = {"null", "Null", "NULL"};
    for (size_t i = 0; i < array_length(others); i++) {
        if (strcmp(text, others[i]) == 0) {
            return false;
        }
    }
    bool begins = *text == '/' || (*text && strchr(letters, *text));
    for (; *text; text++) {
        if (!strchr(letters, *text) && !strchr("/._+-", *text)) {
            return false;
        }
    }
    return begins;
}

/* Controls, marks that turn or break lines, and what is no character at all. */
static bool is_escaped(uint32_t point) {
    return point < 0x20 || (point >= 0x7F && point <= 0xA0) || point == 0x061C || (point >= 0x2000 && point < 0x2070) ||
           (point >= 0xE000 && point < 0xF900) || point == 0xFEFF || (point >= 0xFFF0 && point < 0x10000);
}

char *settings_quoted(const char *text) {
    if (is_plain(text)) {
        return copy_string(text);
    }
    struct buffer quoted = {0};
    buffer_add_string(&quoted, "\"");
    for (size_t length = strlen(text); length > 0;) {
        uint32_t point;
        size_t size = utf8_next(text, length, &point);
        if (is_escaped(point)) {
            buffer_add_format(&quoted, "\\u%04X", (unsigned)point);
        } else {
            buffer_add_string(&quoted, point == '"' || point == '\\' ? "\\" : "");
            buffer_add(&quoted, text, size);
        }
        text += size;
        length -= size;
    }
    buffer_add_string(&quoted, "\"");
    return buffer_take(&quoted);
}

/* The sample */

static void add_comment(struct buffer *sample, size_t indent, const char *text) {
    buffer_add_format(sample, "%*s#", (int)indent, "");
    size_t column = indent + 1;
    while (*text) {
        size_t length = strcspn(text, " ");
        if (column + 1 + length > WIDTH) {
            buffer_add_format(sample, "\n%*s#", (int)indent, "");
            column = indent + 1;
        }
        buffer_add_format(sample, " %.*s", (int)length, text);
        column += 1 + length;
        text += length + strspn(text + length, " ");
    }
    buffer_add_string(sample, "\n");
}

static void add_option(struct buffer *sample, const struct option_row *row) {
    const char *dot = strchr(row->key, '.'), *unit = option_unit(row);
    int indent = dot ? 2 : 0;
    char *about cleanup(drop_memory) = option_about(row), *expected cleanup(drop_memory) = option_expected(row);
    char *otherwise cleanup(drop_memory) = row->preset ? NULL : option_otherwise(row);
    char *values cleanup(drop_memory) = format("%s%s%s%s%s", expected, *unit ? ", " : "", unit,
                                               otherwise ? "; left out: " : "", otherwise ? otherwise : "");
    char *value cleanup(drop_memory) = row->preset ? settings_quoted(row->preset) : copy_string(row->argument);
    add_comment(sample, (size_t)indent, about);
    add_comment(sample, (size_t)indent, values);
    buffer_add_format(sample, "%*s%s%s: %s\n", indent, "", row->preset ? "" : "# ", dot ? dot + 1 : row->key, value);
}

/* Bytes of the section of a key; 0: it is in none. */
static size_t section_of(const char *key) {
    const char *dot = strchr(key, '.');
    return dot ? (size_t)(dot - key) : 0;
}

static bool same_section(const struct option_row *one, const struct option_row *other) {
    if (!one->key || !other->key) {
        return false;
    }
    size_t length = section_of(one->key);
    return length == section_of(other->key) && strncmp(one->key, other->key, length) == 0;
}

/* Whether it has a key, and no option before it is of its section. */
static bool begins_section(const struct option_row *row) {
    for (const struct option_row *before = option_rows; before < row; before++) {
        if (same_section(before, row)) {
            return false;
        }
    }
    return row->key != NULL;
}

static void add_section(struct buffer *sample, const struct option_row *first) {
    size_t length = section_of(first->key);
    buffer_add_string(sample, "\n");
    if (length > 0) {
        buffer_add_format(sample, "%.*s:\n", (int)length, first->key);
    }
    for (const struct option_row *row = first; row < option_rows + OPTION_COUNT; row++) {
        if (same_section(row, first)) {
            add_option(sample, row);
        }
    }
}

char *settings_sample(void) {
    struct buffer sample = {0};
    buffer_add_string(
        &sample, "# Configuration of Octavo, with every key and its preset; a line that is left out changes nothing.\n"
                 "# Flags and environment variables go before it. `octavo config check` tells what is wrong in it,\n"
                 "# `octavo config explain KEY` more about a key.\n");
    for (const struct option_row *row = option_rows; row < option_rows + OPTION_COUNT; row++) {
        if (begins_section(row)) {
            add_section(&sample, row);
        }
    }
    return buffer_take(&sample);
}
