#include "task/wish.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "conf/ranges.h"
#include "memory/placement.h"

enum kind { NUMBER, TEXT, PAGES, CHOICE, DEVICE };

static const struct {
    enum kind kind;
    const char *word, *argument;
    int64_t low, high;
    size_t offset;
} rows[] = {
#define TASK_OPTION(kind, symbol, word, flag, argument, low, high, about)                                              \
    {kind, word, argument, low, high, offsetof(struct wish, symbol)},
#include "table/task_options.def"
#undef TASK_OPTION
};

static void *member(struct wish *wish, size_t row) { return (char *)wish + rows[row].offset; }

void wish_done(struct wish *wish) {
    for (size_t i = 0; i < array_length(rows); i++) {
        if (rows[i].kind != NUMBER) {
            free(*(char **)member(wish, i));
        }
    }
    *wish = (struct wish){0};
}

void wish_copy(const struct wish *wish, struct wish *ret) {
    *ret = *wish;
    for (size_t i = 0; i < array_length(rows); i++) {
        if (rows[i].kind != NUMBER) {
            char **text = member(ret, i);
            *text = copy_string(*text);
        }
    }
}

static int set_number(struct wish *wish, size_t row, const char *value) {
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool clean = (*value >= '0' && *value <= '9') || (*value == '-' && value[1] >= '0' && value[1] <= '9');
    if (!clean || errno != 0 || *end || number < rows[row].low || number > rows[row].high) {
        return fail(ERR_BAD_REQUEST, "%s: \"%.40s\" is no whole number from %lld to %lld", rows[row].word, value,
                    (long long)rows[row].low, (long long)rows[row].high);
    }
    *(int64_t *)member(wish, row) = number;
    return 0;
}

static int set_choice(struct wish *wish, size_t row, const char *value) {
    size_t length = strlen(value);
    const char *entry = rows[row].argument;
    for (; entry; entry = strchr(entry, '|'), entry = entry ? entry + 1 : NULL) {
        if (length > 0 && strcspn(entry, "|") == length && strncmp(entry, value, length) == 0) {
            char **place = member(wish, row);
            free(*place);
            *place = copy_string(value);
            return 0;
        }
    }
    return fail(ERR_BAD_REQUEST, "%s: \"%.40s\" is none of %s", rows[row].word, value, rows[row].argument);
}

static bool has_controls(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7F) {
            return true;
        }
    }
    return false;
}

static int set_text(struct wish *wish, size_t row, const char *value) {
    char *text cleanup(drop_memory) = utf8_valid_copy(value, strlen(value));
    size_t length = strlen(text);
    if (length < (size_t)rows[row].low || length > (size_t)rows[row].high || has_controls(text)) {
        return fail(ERR_BAD_REQUEST, "%s: from %lld to %lld bytes without control characters are expected",
                    rows[row].word, (long long)rows[row].low, (long long)rows[row].high);
    }
    if (rows[row].kind == PAGES) {
        struct ranges ranges cleanup(ranges_done) = {0};
        if (ranges_parse(text, &ranges) != 0) {
            return fail(ERR_BAD_REQUEST, "%s: %s", rows[row].word, error_detail());
        }
    }
    int device;
    if (rows[row].kind == DEVICE && placement_parse(text, &device) != 0) {
        return fail(ERR_BAD_REQUEST, "%s: %s", rows[row].word, error_detail());
    }
    char **place = member(wish, row);
    free(*place);
    *place = take(text);
    return 0;
}

int wish_unknown(const char *what, const char *word) {
    if (strcmp(word, "format") == 0 || strcmp(word, "words") == 0) {
        return fail(ERR_BAD_REQUEST,
                    "there is %s \"%s\", which belongs in the address of the result: /v1/ocr?%s=... or "
                    "/v1/tasks/ID/result?%s=...",
                    what, word, word, word);
    }
    return fail(ERR_BAD_REQUEST, "there is %s \"%.40s\"", what, word);
}

bool wish_has(const char *word) {
    for (size_t i = 0; i < array_length(rows); i++) {
        if (strcmp(rows[i].word, word) == 0) {
            return true;
        }
    }
    return false;
}

int wish_set(struct wish *wish, const char *word, const char *value) {
    for (size_t i = 0; i < array_length(rows); i++) {
        if (strcmp(rows[i].word, word) == 0) {
            return rows[i].kind == NUMBER   ? set_number(wish, i, value)
                   : rows[i].kind == CHOICE ? set_choice(wish, i, value)
                                            : set_text(wish, i, value);
        }
    }
    return wish_unknown("no option", word);
}

int wish_device(const struct wish *wish) {
    int device = PLACE_AUTO;
    if (wish->device) {
        placement_parse(wish->device, &device); /* it was checked when it was set */
    }
    return device;
}

void wish_take_file_name(struct wish *wish, const char *file_name) {
    enum { MOST_BYTES = 255 };
    const char *slash = strrchr(file_name, '/'), *other = strrchr(file_name, '\\');
    slash = other > slash ? other : slash;
    const char *piece = slash ? slash + 1 : file_name;
    if (wish->name || !*piece) {
        return;
    }
    char *name = utf8_valid_copy(piece, strlen(piece));
    size_t length = strnlen(name, MOST_BYTES);
    while ((name[length] & 0xC0) == 0x80) { /* not in the middle of a character */
        length--;
    }
    name[length] = '\0';
    for (char *byte = name; *byte; byte++) {
        *byte = (unsigned char)*byte < 0x20 || *byte == 0x7F ? '?' : *byte;
    }
    wish->name = name;
}

static int set_member(struct wish *wish, const char *word, const struct json *value) {
    const char *text = json_as_string(value);
    double number = json_as_real(value, NAN);
    if (text) {
        return wish_set(wish, word, text);
    }
    if (!isfinite(number) || number != trunc(number) || fabs(number) > 1e15) {
        return fail(ERR_BAD_REQUEST, "%s: a string or a whole number is expected", word);
    }
    char *digits cleanup(drop_memory) = format("%.0f", number);
    return wish_set(wish, word, digits);
}

int wish_set_json(struct wish *wish, const char *text, size_t length) {
    struct json *json cleanup(json_drop) = NULL;
    if (json_parse(text, length, &json) != 0 || !json_is_object(json)) {
        return fail(ERR_BAD_REQUEST, "options: a JSON object is expected");
    }
    for (const struct json *value = json_first(json); value; value = json_next(value)) {
        int result = json_is_null(value) ? 0 : set_member(wish, json_key(value), value);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

struct json *wish_to_json(const struct wish *wish) {
    struct json *json = json_object_new();
    for (size_t i = 0; i < array_length(rows); i++) {
        const void *place = (const char *)wish + rows[i].offset;
        if (rows[i].kind == NUMBER && *(const int64_t *)place != 0) {
            json_set_int(json, rows[i].word, *(const int64_t *)place);
        } else if (rows[i].kind != NUMBER && *(char *const *)place && strcmp(rows[i].word, "key") != 0) {
            json_set_string(json, rows[i].word, *(char *const *)place);
        }
    }
    return json;
}
