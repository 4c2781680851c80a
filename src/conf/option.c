#include "conf/option.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "table/formats.h"

enum { MOST_LANGUAGES = 16 /* in one list */ };

const struct option_row option_rows[OPTION_COUNT] = {
#define OPTION(kind, symbol, name, letter, argument, low, high, preset, commands, key, reload, help)                   \
    {kind, name, letter, argument, low, high, preset, commands, key, reload, help, offsetof(struct options, symbol)},
#include "table/options.def"
#undef OPTION
};

bool option_is_for(const struct option_row *row, int command) {
    return row->commands & command || (command == FOR_CONFIG && row->key);
}

/* Values */

/* Finds word (of so many bytes) among the words of list, which are parted by separator. */
static bool has_word(const char *list, char separator, const char *word, size_t length) {
    for (const char *entry = list; entry; entry = strchr(entry, separator), entry = entry ? entry + 1 : NULL) {
        if (strncmp(entry, word, length) == 0 && (entry[length] == separator || entry[length] == '\0')) {
            return true;
        }
    }
    return false;
}

bool options_list_has(const char *list, const char *word) { return has_word(list, ',', word, strlen(word)); }

bool options_list_is_of(const char *list, const char *known) {
    for (const char *word = list;; word++) {
        size_t length = strcspn(word, ",");
        if (length == 0 || !has_word(known, '|', word, length)) {
            return false;
        }
        word += length;
        if (*word == '\0') {
            return true;
        }
    }
}

/* Digits and, for sizes, one of the letters k M G T: powers of 1024. */
static bool parse_number(const char *text, bool suffixes, int64_t *ret) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || text[0] < '0' || text[0] > '9') {
        return false;
    }
    static const char letters[] = "kmgt";
    const char *letter = suffixes && *end ? strchr(letters, *end | 0x20) : NULL;
    int64_t scaled = value;
    for (const char *step = letters; letter && step <= letter; step++) {
        if (__builtin_mul_overflow(scaled, INT64_C(1024), &scaled)) {
            return false;
        }
    }
    if (letter ? end[1] != '\0' : *end != '\0') {
        return false;
    }
    *ret = scaled;
    return true;
}

/* Digits, perhaps a point and more digits: strtod() would take much else. */
static bool parse_decimal(const char *text, double *ret) {
    static const char digits[] = "0123456789";
    size_t whole = strspn(text, digits);
    size_t point = text[whole] == '.', fraction = point ? strspn(text + whole + 1, digits) : 0;
    if (whole == 0 || (point && fraction == 0) || text[whole + point + fraction] != '\0') {
        return false;
    }
    *ret = strtod(text, NULL);
    return true;
}

char *options_size_text(int64_t size) {
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;
    while (size != 0 && size % 1024 == 0 && unit + 1 < array_length(units)) {
        size /= 1024;
        unit++;
    }
    return format("%lld%s", (long long)size, units[unit]);
}

char *option_expected(const struct option_row *row) {
    char *low cleanup(drop_memory) =
        row->kind == SIZE ? options_size_text(row->low) : format("%lld", (long long)row->low);
    char *high cleanup(drop_memory) =
        row->kind == SIZE ? options_size_text(row->high) : format("%lld", (long long)row->high);
    switch (row->kind) {
    case FLAG:
        return copy_string("true or false");
    case NUMBER:
    case SIZE:
        return format("a whole number from %s to %s", low, high);
    case DECIMAL:
        return format("a number from %s to %s", low, high);
    case CHOICE:
        return format("one of %s", row->argument);
    case TEXT:
    case LIST:
    case PAGES:
    case LANGUAGES:
        break;
    }
    return copy_string(row->argument);
}

static int refuse(const struct option_row *row) {
    char *expected cleanup(drop_memory) = option_expected(row);
    const char *form = row->kind == LIST   ? ", several with commas and no blanks"
                       : row->kind == SIZE ? ", alone or with one of k, M, G, T behind it"
                                           : "";
    return fail(ERR_USAGE, "%s is expected%s", expected, form);
}

static int read_flag(const struct option_row *row, const char *text, bool *ret) {
    if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        return refuse(row);
    }
    *ret = !text || strcmp(text, "true") == 0;
    return 0;
}

static int read_number(const struct option_row *row, const char *text, int64_t *ret) {
    int64_t value;
    if (!parse_number(text, row->kind == SIZE, &value) || value < row->low || value > row->high) {
        return refuse(row);
    }
    *ret = value;
    return 0;
}

static int read_decimal(const struct option_row *row, const char *text, double *ret) {
    double value;
    if (!parse_decimal(text, &value) || value < (double)row->low || value > (double)row->high) {
        return refuse(row);
    }
    *ret = value;
    return 0;
}

static int read_pages(const char *text, struct ranges *ret) {
    struct ranges parsed;
    int result = ranges_parse(text, &parsed);
    if (result == 0) {
        ranges_done(ret);
        *ret = parsed;
    }
    return result;
}

static bool is_language(const char *name, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-') {
            return false;
        }
    }
    return length > 0 && name[0] != '-';
}

int option_check_languages(const char *text) {
    size_t count = 0;
    for (const char *name = text; name; count++) {
        size_t length = strcspn(name, "+");
        if (!is_language(name, length) || count == MOST_LANGUAGES) {
            return fail(ERR_USAGE, "it is no list of at most %d languages: eng or eng+deu is expected", MOST_LANGUAGES);
        }
        name = name[length] ? name + length + 1 : NULL;
    }
    return 0;
}

static int read_text(const struct option_row *row, const char *text, const char **ret) {
    if (row->kind == TEXT && !*text) {
        return fail(ERR_USAGE, "%s must not be empty", row->argument);
    }
    if (row->kind == CHOICE && (strchr(text, '|') || !has_word(row->argument, '|', text, strlen(text)))) {
        return refuse(row);
    }
    if (row->kind == LIST && !options_list_is_of(text, row->argument)) {
        return refuse(row);
    }
    if (row->kind == LANGUAGES && option_check_languages(text) != 0) {
        return ERR_USAGE;
    }
    *ret = text;
    return 0;
}

int option_read(const struct option_row *row, const char *text, void *field) {
    switch (row->kind) {
    case FLAG:
        return read_flag(row, text, field);
    case NUMBER:
    case SIZE:
        return read_number(row, text, field);
    case DECIMAL:
        return read_decimal(row, text, field);
    case PAGES:
        return read_pages(text, field);
    case TEXT:
    case CHOICE:
    case LIST:
    case LANGUAGES:
        break;
    }
    return read_text(row, text, field);
}

char *option_text(const struct option_row *row, const struct options *options) {
    const void *field = (const char *)options + row->offset;
    if (options->origins[row - option_rows] == ORIGIN_NONE) {
        return NULL;
    }
    switch (row->kind) {
    case FLAG:
        return copy_string(*(const bool *)field ? "true" : "false");
    case NUMBER:
        return format("%lld", (long long)*(const int64_t *)field);
    case SIZE:
        return options_size_text(*(const int64_t *)field);
    case DECIMAL:
        return format("%.15g", *(const double *)field);
    default:
        return copy_string(*(const char *const *)field);
    }
}

/* Words about it */

const char *option_unit(const struct option_row *row) {
    return !row->argument                          ? ""
           : strcmp(row->argument, "SECONDS") == 0 ? "seconds"
           : strcmp(row->argument, "PERCENT") == 0 ? "percent"
           : strcmp(row->argument, "SIZE") == 0    ? "bytes"
                                                   : "";
}

static const char opening[] = " (default: ";

char *option_about(const struct option_row *row) {
    const char *end = strstr(row->help, opening);
    return copy_bytes(row->help, end ? (size_t)(end - row->help) : strlen(row->help));
}

char *option_otherwise(const struct option_row *row) {
    const char *start = strstr(row->help, opening);
    return start ? copy_bytes(start + strlen(opening), strlen(start) - strlen(opening) - 1) : NULL;
}

char *option_variable(const struct option_row *row) {
    char *name = format("OCTAVO_%s", row->key);
    for (char *letter = name; *letter; letter++) {
        *letter = *letter == '.' ? '_' : *letter >= 'a' && *letter <= 'z' ? (char)(*letter - 'a' + 'A') : *letter;
    }
    return name;
}

/* Keys */

const struct option_row *option_find(const char *key) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (option_rows[i].key && strcmp(option_rows[i].key, key) == 0) {
            return &option_rows[i];
        }
    }
    return NULL;
}

bool option_is_section(const char *word) {
    size_t length = strlen(word);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *key = option_rows[i].key;
        if (key && strncmp(key, word, length) == 0 && key[length] == '.') {
            return true;
        }
    }
    return false;
}

enum { LONGEST = 48 }; /* bytes of a word that may be near another */

static bool same_letter(char one, char other) {
    static const char between[] = "-_.";
    return one == other || (strchr(between, one) && strchr(between, other));
}

/* Letters to insert, drop or replace to make one word of the other; "-", "_", "." are the same. LONGEST: very many. */
static size_t distance(const char *one, const char *other) {
    size_t length = strlen(one), width = strlen(other);
    size_t costs[LONGEST + 1];
    if (length >= LONGEST || width >= LONGEST) {
        return LONGEST;
    }
    for (size_t k = 0; k <= width; k++) {
        costs[k] = k;
    }
    for (size_t i = 0; i < length; i++) {
        size_t diagonal = costs[0];
        costs[0] = i + 1;
        for (size_t k = 0; k < width; k++) {
            size_t replaced = diagonal + !same_letter(one[i], other[k]);
            size_t moved = (costs[k] < costs[k + 1] ? costs[k] : costs[k + 1]) + 1;
            diagonal = costs[k + 1];
            costs[k + 1] = replaced < moved ? replaced : moved;
        }
    }
    return costs[width];
}

/* As distance(), for words that say the same elsewhere: hardly misspelt, and farther than such a key. */
static size_t distance_elsewhere(const char *one, const char *other) {
    size_t far = distance(one, other);
    return far <= 1 ? far + 1 : LONGEST;
}

/* How far key is from the option: from its key; its last word from that of the key, or from the flag. */
static size_t distance_to(const struct option_row *row, const char *key) {
    const char *last = strrchr(key, '.'), *own_last = strrchr(row->key, '.');
    last = last ? last + 1 : key;
    own_last = own_last ? own_last + 1 : row->key;
    const size_t all[] = {distance(key, row->key), distance_elsewhere(last, own_last),
                          row->name ? distance_elsewhere(last, row->name) : LONGEST,
                          row->name ? distance_elsewhere(key, row->name) : LONGEST};
    size_t least = all[0];
    for (size_t i = 1; i < array_length(all); i++) {
        least = all[i] < least ? all[i] : least;
    }
    return least;
}

const char *option_nearest(const char *key) {
    const char *nearest = NULL;
    size_t least = strlen(key) / 4 + 2; /* farther ones are others, not misspelt */
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        size_t far = option_rows[i].key ? distance_to(&option_rows[i], key) : LONGEST;
        if (far < least) {
            least = far;
            nearest = option_rows[i].key;
        }
    }
    return nearest;
}
