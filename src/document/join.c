#include "document/join.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

/* Ideographs, kana and the punctuation that goes with them. */
static bool stands_close(uint32_t character) {
    return (character >= 0x2E80 && character <= 0x9FFF) || (character >= 0xF900 && character <= 0xFAFF) ||
           (character >= 0xFF00 && character <= 0xFFEF) || (character >= 0x20000 && character <= 0x3FFFF);
}

static uint32_t last_character(const char *text, size_t length) {
    size_t start = length - 1;
    while (start > 0 && ((unsigned char)text[start] & 0xC0) == 0x80) {
        start--;
    }
    uint32_t character = 0;
    (void)utf8_next(text + start, length - start, &character);
    return character;
}

/* Letters beyond ASCII count as letters before a hyphen, not as small ones after it. */
static bool is_broken_word(const struct buffer *text, const char *line) {
    size_t length = text->length;
    return length >= 2 && text->data[length - 1] == '-' &&
           (isalpha((unsigned char)text->data[length - 2]) || ((unsigned char)text->data[length - 2] & 0x80) != 0) &&
           islower((unsigned char)line[0]);
}

void join_line(struct buffer *text, const char *line) {
    if (!*line) {
        return;
    }
    if (is_broken_word(text, line)) {
        text->data[--text->length] = '\0';
    } else if (text->length > 0) {
        uint32_t first = 0;
        (void)utf8_next(line, strlen(line), &first);
        bool close = stands_close(first) && stands_close(last_character(text->data, text->length));
        buffer_add_string(text, close ? "" : " ");
    }
    buffer_add_string(text, line);
}
