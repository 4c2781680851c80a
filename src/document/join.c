#include "document/join.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
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

static bool is_of_word(char byte) { return isalnum((unsigned char)byte) || ((unsigned char)byte & 0x80) != 0; }

/* The bytes of a hyphen or dash at the end of text that stands right behind a word or number; 0: none does. */
static size_t dash_bytes(const struct buffer *text) {
    static const char *const dashes[] = {"-", "\u2010", "\u2013"};
    for (size_t i = 0; i < array_length(dashes); i++) {
        size_t bytes = strlen(dashes[i]);
        if (text->length > bytes && memcmp(text->data + text->length - bytes, dashes[i], bytes) == 0) {
            return is_of_word(text->data[text->length - bytes - 1]) ? bytes : 0;
        }
    }
    return 0;
}

/* Whether the last word of text is an address of the web. */
static bool ends_in_address(const struct buffer *text) {
    const char *blank = memrchr(text->data, ' ', text->length);
    return strstr(blank ? blank : text->data, "://") != NULL;
}

/*
 * What is between text and line: a hyphen between small letters is of the break, all other hyphens and dashes are of
 * the word, as those of abbreviations, names, numbers and addresses.
 */
static void join(struct buffer *text, const char *line) {
    size_t dash = dash_bytes(text);
    bool address = ends_in_address(text);
    uint32_t first = 0, last = last_character(text->data, text->length);
    (void)utf8_next(line, strlen(line), &first);
    if (dash > 0 && is_of_word(line[0])) {
        char before = text->data[text->length - dash - 1];
        bool broken = last != 0x2013 && !address && islower((unsigned char)line[0]) &&
                      !isupper((unsigned char)before) && !isdigit((unsigned char)before);
        text->length -= broken ? dash : 0;
        text->data[text->length] = '\0';
        return;
    }
    bool goes_on = address && last == '/' && (islower((unsigned char)line[0]) || isdigit((unsigned char)line[0]));
    bool close = stands_close(first) && stands_close(last);
    buffer_add_string(text, close || goes_on ? "" : " ");
}

void join_line(struct buffer *text, const char *line) {
    if (*line && text->length > 0) {
        join(text, line);
    }
    buffer_add_string(text, line);
}
