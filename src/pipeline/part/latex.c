#include "pipeline/part/latex.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/utf8.h"

static bool is_letter(char c) { return isalpha((unsigned char)c) || (unsigned char)c >= 0x80; }

/* Length of the command at text, 0 if there is none: a backslash and letters, or and one other character. */
static size_t command_at(const char *text) {
    if (text[0] != '\\' || text[1] == '\0') {
        return 0;
    }
    size_t length = 1;
    while (isalpha((unsigned char)text[length])) {
        length++;
    }
    return length > 1 ? length : 2;
}

static size_t skip_blanks(const char *text) {
    size_t length = 0;
    while (text[length] == ' ') {
        length++;
    }
    return length;
}

/* Length of the group in braces at text, 0 if there is none or it is not closed. */
static size_t group_at(const char *text) {
    int depth = 0;
    for (size_t at = 0; text[at] && (at > 0 || text[0] == '{');) {
        size_t command = command_at(text + at);
        depth += text[at] == '{' ? 1 : text[at] == '}' ? -1 : 0;
        at += command > 0 ? command : 1;
        if (depth == 0) {
            return at;
        }
    }
    return 0;
}

static bool has_chinese(const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        uint32_t letter;
        at += utf8_next(text + at, length - at, &letter);
        if (letter >= 0x4E00 && letter <= 0x9FFF) {
            return true;
        }
    }
    return false;
}

static bool is_any(const char *command, size_t length, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == length && strncmp(command, names[i], length) == 0) {
            return true;
        }
    }
    return false;
}

/* What was written so far. */
struct writing {
    struct buffer to;
    bool open; /* it ends in a command that would take a letter for its own */
};

/* Text without anything that blanks stand for: what begins with a letter stays apart from a command before it. */
static void put(struct writing *writing, const char *text, size_t length, bool apart) {
    struct buffer *to = &writing->to;
    bool word_before = to->length > 0 && is_letter(to->data[to->length - 1]);
    if (is_letter(text[0]) && word_before && (writing->open || apart)) {
        buffer_add(to, " ", 1);
    }
    buffer_add(to, text, length);
}

/* The inside of a group of text: no blanks but behind commands. */
static void put_tight(struct writing *writing, const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        size_t command = command_at(text + at), size = command ? command : 1;
        if (text[at] != ' ') {
            put(writing, text + at, size, false);
            writing->open = command > 2 || (command == 2 && isalpha((unsigned char)text[at + 1]));
        }
        at += size;
    }
}

/* A command of text with its group, if that is what stands at text; returns its length. */
static size_t put_text_group(struct writing *writing, const char *text, size_t command) {
    static const char *const names[] = {"\\operatorname", "\\mathrm", "\\text", "\\mathbf"};
    size_t group = command;
    if (!is_any(text, command, names, array_length(names))) {
        return 0;
    }
    group += skip_blanks(text + group);
    bool starred = text[group] == '*';
    group += starred ? 1 + skip_blanks(text + group + 1) : 0;
    size_t length = group_at(text + group);
    if (length == 0) {
        return 0;
    }
    if (is_any(text, command, &names[2], 1) && has_chinese(text + group, length)) {
        writing->open = false;
        put_tight(writing, text + group + 1, length - 2);
        return group + length;
    }
    buffer_add(&writing->to, text, command);
    buffer_add_string(&writing->to, starred ? "*" : "");
    writing->open = false;
    put_tight(writing, text + group, length);
    return group + length;
}

char *latex_clean(const char *text) {
    char *valid cleanup(drop_memory) = utf8_valid_copy(text, strlen(text));
    struct writing writing = {0};
    bool apart = false; /* a blank was before */
    for (char *at = valid; *at; at++) {
        *at = iscntrl((unsigned char)*at) ? ' ' : *at;
    }
    for (size_t at = 0; valid[at];) {
        size_t command = command_at(valid + at), size = command ? command : 1;
        size_t group = command ? put_text_group(&writing, valid + at, command) : 0;
        if (group > 0) {
            size = group;
        } else if (!command && strchr(" \"$", valid[at])) {
            apart = apart || valid[at] == ' ';
            at++;
            continue;
        } else {
            put(&writing, valid + at, size, apart);
            writing.open = false; /* what was written together in the text may stay so */
        }
        apart = false;
        at += size;
    }
    return buffer_take(&writing.to);
}
