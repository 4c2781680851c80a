/*
 * API keys and the file that they are kept in.
 *
 * A key is "octavo_ID_SECRET": an id that may be seen by everybody, and 260 random bits. The file has a line for each:
 *
 *   ID SHA-256-OF-THE-KEY SCOPES [name=WORD] [created=TIME] [tasks=N] [bytes=SIZE] [rate=N]
 *
 * A fast hash is right here: slow ones are for what people choose, and nobody tries 2^260 keys. One thread.
 */
#ifndef OCTAVO_ACCESS_KEY_H
#define OCTAVO_ACCESS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

enum scope {
    SCOPE_OPEN = 0,
#define SCOPE(symbol, bit, word, about) SCOPE_##symbol = (bit),
#include "table/scopes.def"
#undef SCOPE
};

enum {
    KEY_ID_BYTES = 9,      /* with the NUL */
    KEY_SECRET_BYTES = 53, /* with the NUL */
    KEY_TEXT_BYTES = 7 + KEY_ID_BYTES + KEY_SECRET_BYTES,
    KEY_NAME_BYTES = 41,
    KEY_TIME_BYTES = 25
};

/* 0: as the settings say. */
struct key_limits {
    int64_t tasks, bytes; /* that have not ended; of their documents */
    int64_t rate;         /* requests per second */
};

struct key {
    char id[KEY_ID_BYTES], hash[DIGEST_BYTES];
    unsigned scopes; /* bits of enum scope */
    char name[KEY_NAME_BYTES];
    char created[KEY_TIME_BYTES];
    struct key_limits limits;
};

/* A new key with a name (NULL: none); its text, which nobody can find out again. ERR_USAGE for the name, ERR_INTERNAL.
 */
int key_new(unsigned scopes, const char *name, struct key *ret, char ret_text[KEY_TEXT_BYTES]);

/* The id of what looks like a key, whether there is one or not. False for all else. */
bool key_id(const char *text, char ret[KEY_ID_BYTES]);

/* Whether id, as somebody gives it, can be one. */
bool key_id_is_sound(const char *id);

/* Whether text is this key, in a time that tells nothing of it. */
bool key_matches(const struct key *key, const char *text);

/* Scopes from words with commas between, and back; the caller frees the text. ERR_USAGE. */
int key_scopes_read(const char *words, unsigned *ret);
char *key_scopes_text(unsigned scopes);

/* The word of one scope; "" for OPEN. Borrowed for ever. */
const char *key_scope_word(unsigned scope);

struct keys {
    struct key *list;
    size_t count;
};
void keys_done(struct keys *keys);

/* Reads text of a file of keys. ERR_KEYS with "LINE: what is wrong" as detail. */
int keys_parse(const char *text, size_t length, struct keys *ret);

/* Reads the file, which nobody but its owner may be able to write. ERR_KEYS with path and line. */
int keys_load(const char *path, struct keys *ret);

/* Adds a line to the file, which is made if it is missing and can be read by its owner only; takes the line of an id
 * out. All else stays as it is. ERR_KEYS, ERR_OUTPUT; ERR_NOT_FOUND. */
int keys_add(const char *path, const struct key *key);
int keys_remove(const char *path, const char *id);

#endif
