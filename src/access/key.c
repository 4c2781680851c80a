#include "access/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "conf/option.h"

#define PREFIX "octavo_"
static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* 32, none taken for another */
static const char name_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.@";

static const struct {
    unsigned scope;
    const char *word;
} rows[] = {
#define SCOPE(symbol, bit, word, about) {bit, word},
#include "table/scopes.def"
#undef SCOPE
};

/* Scopes */

const char *key_scope_word(unsigned scope) {
    for (size_t i = 0; i < array_length(rows); i++) {
        if (rows[i].scope == scope) {
            return rows[i].word;
        }
    }
    return "";
}

int key_scopes_read(const char *words, unsigned *ret) {
    unsigned found = 0;
    char *copy cleanup(drop_memory) = copy_string(words), *rest = NULL;
    for (const char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        unsigned one = 0;
        for (size_t i = 0; i < array_length(rows); i++) {
            one = strcmp(rows[i].word, word) == 0 ? rows[i].scope : one;
        }
        if (one == 0) {
            return fail(ERR_USAGE, "\"%.40s\" is none of submit, read, admin", word);
        }
        found |= one;
    }
    if (found == 0) {
        return fail(ERR_USAGE, "one or more of submit, read, admin are expected");
    }
    *ret = found;
    return 0;
}

char *key_scopes_text(unsigned scopes) {
    struct buffer text = {0};
    for (size_t i = 0; i < array_length(rows); i++) {
        if (scopes & rows[i].scope) {
            buffer_add_format(&text, "%s%s", text.length > 0 ? "," : "", rows[i].word);
        }
    }
    return buffer_take(&text);
}

/* Keys */

static int fill_random(char *to, size_t count) {
    uint8_t bits[64];
    if (getrandom(bits, count, 0) != (ssize_t)count) {
        return fail(ERR_INTERNAL, "random bytes: %s", strerror(errno));
    }
    for (size_t i = 0; i < count; i++) {
        to[i] = letters[bits[i] & 31];
    }
    to[count] = '\0';
    return 0;
}

static void hash_of(const char *text, char ret[DIGEST_BYTES]) {
    struct digest *digest = digest_new();
    digest_add(digest, text, strlen(text));
    digest_take(&digest, ret);
}

static int set_word(const char *what, const char *text, char *to, size_t size) {
    size_t length = strlen(text);
    if (length == 0 || length >= size || strspn(text, name_letters) != length) {
        return fail(ERR_USAGE, "%s: up to %zu letters, digits, \"-_.@\" are expected", what, size - 1);
    }
    memcpy(to, text, length + 1);
    return 0;
}

int key_new(unsigned scopes, const char *name, struct key *ret, char ret_text[KEY_TEXT_BYTES]) {
    struct key key = {.scopes = scopes};
    char secret[KEY_SECRET_BYTES];
    int result = name ? set_word("name", name, key.name, sizeof(key.name)) : 0;
    result = result ? result : fill_random(key.id, KEY_ID_BYTES - 1);
    result = result ? result : fill_random(secret, KEY_SECRET_BYTES - 1);
    if (result != 0) {
        return result;
    }
    char *text cleanup(drop_memory) = format(PREFIX "%s_%s", key.id, secret);
    char *now cleanup(drop_memory) = clock_text(clock_wall());
    hash_of(text, key.hash);
    memcpy(key.created, now, strlen(now) + 1);
    memcpy(ret_text, text, KEY_TEXT_BYTES);
    *ret = key;
    return 0;
}

bool key_id_is_sound(const char *id) {
    return strlen(id) == KEY_ID_BYTES - 1 && strspn(id, letters) == KEY_ID_BYTES - 1;
}

bool key_id(const char *text, char ret[KEY_ID_BYTES]) {
    const size_t prefix = sizeof(PREFIX) - 1, id = KEY_ID_BYTES - 1;
    if (strlen(text) != KEY_TEXT_BYTES - 1 || strncmp(text, PREFIX, prefix) != 0 ||
        strspn(text + prefix, letters) != id || text[prefix + id] != '_' ||
        strspn(text + prefix + id + 1, letters) != KEY_SECRET_BYTES - 1) {
        return false;
    }
    memcpy(ret, text + prefix, id);
    ret[id] = '\0';
    return true;
}

bool key_matches(const struct key *key, const char *text) {
    char hash[DIGEST_BYTES];
    hash_of(text, hash);
    return digest_equal(key->hash, hash);
}

/* The file */

void keys_done(struct keys *keys) {
    free(keys->list);
    *keys = (struct keys){0};
}

static int set_limit(const char *value, enum option_index option, int64_t *ret) {
    return option_read(&option_rows[option], value, ret);
}

/* NAME=VALUE behind the scopes. */
static int set_more(struct key *key, char *word) {
    char *value = strchr(word, '=');
    if (!value) {
        return fail(ERR_USAGE, "\"%.40s\": NAME=VALUE is expected", word);
    }
    *value++ = '\0';
    int result = ERR_NOT_FOUND;
    result = strcmp(word, "name") == 0 ? set_word(word, value, key->name, sizeof(key->name)) : result;
    result = strcmp(word, "tasks") == 0 ? set_limit(value, OPTION_INDEX_key_tasks, &key->limits.tasks) : result;
    result = strcmp(word, "bytes") == 0 ? set_limit(value, OPTION_INDEX_key_bytes, &key->limits.bytes) : result;
    result = strcmp(word, "rate") == 0 ? set_limit(value, OPTION_INDEX_key_rate, &key->limits.rate) : result;
    if (strcmp(word, "created") == 0) {
        size_t length = strlen(value);
        bool sound = length == KEY_TIME_BYTES - 1 && strspn(value, "0123456789-:.TZ") == length;
        result = sound ? 0 : fail(ERR_USAGE, "a time as in 2026-11-25T08:30:00.000Z is expected");
        memcpy(key->created, sound ? value : "", sound ? length + 1 : 1);
    }
    if (result == ERR_NOT_FOUND) {
        return fail(ERR_USAGE, "\"%.40s\" is none of name, created, tasks, bytes, rate", word);
    }
    return result ? fail(result, "%s=%.40s: %s", word, value, error_detail()) : 0;
}

static int read_line(char *line, struct key *ret) {
    struct key key = {0};
    char *rest = NULL;
    const char *id = strtok_r(line, " \t\r", &rest), *hash = strtok_r(NULL, " \t\r", &rest),
               *words = strtok_r(NULL, " \t\r", &rest);
    if (!key_id_is_sound(id)) {
        return fail(ERR_USAGE, "\"%.40s\": an id of %d letters and digits is expected", id, KEY_ID_BYTES - 1);
    }
    if (!hash || strlen(hash) != DIGEST_BYTES - 1 || strspn(hash, "0123456789abcdef") != DIGEST_BYTES - 1) {
        return fail(ERR_USAGE, "behind the id the SHA-256 of the key is expected, %d hex digits", DIGEST_BYTES - 1);
    }
    memcpy(key.id, id, KEY_ID_BYTES);
    memcpy(key.hash, hash, DIGEST_BYTES);
    int result = key_scopes_read(words ? words : "", &key.scopes);
    for (char *word; result == 0 && (word = strtok_r(NULL, " \t\r", &rest));) {
        result = set_more(&key, word);
    }
    if (result == 0) {
        *ret = key;
    }
    return result;
}

static int add_line(struct keys *keys, char *line) {
    struct key key;
    line += strspn(line, " \t\r");
    if (*line == '\0' || *line == '#') {
        return 0;
    }
    int result = read_line(line, &key);
    for (size_t i = 0; i < keys->count && result == 0; i++) {
        if (strcmp(keys->list[i].id, key.id) == 0) {
            result = fail(ERR_USAGE, "%s: there is a line with this id before", key.id);
        }
    }
    if (result == 0) {
        keys->list = resize(keys->list, keys->count + 1, sizeof(*keys->list));
        keys->list[keys->count++] = key;
    }
    return result;
}

int keys_parse(const char *text, size_t length, struct keys *ret) {
    struct keys keys cleanup(keys_done) = {0};
    size_t number = 0;
    for (const char *at = text, *end = text + length; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop ? stop : end) - at);
        char *line cleanup(drop_memory) = copy_bytes(at, size);
        int result = strlen(line) == size ? add_line(&keys, line) : fail(ERR_USAGE, "there is a NUL");
        if (result != 0) {
            return fail(ERR_KEYS, "%zu: %s", number + 1, error_detail());
        }
        at += size + 1;
    }
    *ret = keys;
    keys = (struct keys){0};
    return 0;
}
