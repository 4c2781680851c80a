#include "model/tokenizer.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { BYTES = 256, LETTERS = 2 * BYTES };

/* Whether GPT-2's alphabet has the byte as the character of the same code point; the others follow from 256 on. */
static bool stands_for_itself(int byte) {
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

/* The byte of each character, -1 for those that are none. */
static void make_alphabet(int16_t ret[LETTERS]) {
    int next = BYTES;
    memset(ret, -1, LETTERS * sizeof(*ret));
    for (int byte = 0; byte < BYTES; byte++) {
        ret[stands_for_itself(byte) ? byte : next++] = (int16_t)byte;
    }
}

struct tokens {
    char **list; /* NULL for ids that are none */
    size_t count, capacity;
};

static void tokens_done(struct tokens *tokens) {
    for (size_t i = 0; i < tokens->count; i++) {
        free(tokens->list[i]);
    }
    free(tokens->list);
}

static bool is_id(double number) { return number >= 0 && number < TOKENIZER_TOKENS && number == floor(number); }

static void put(struct tokens *tokens, size_t id, char *text) {
    if (id >= tokens->capacity) {
        size_t capacity = 2 * id + 1;
        tokens->list = resize(tokens->list, capacity, sizeof(*tokens->list));
        memset(tokens->list + tokens->capacity, 0, (capacity - tokens->capacity) * sizeof(*tokens->list));
        tokens->capacity = capacity;
    }
    tokens->count = id >= tokens->count ? id + 1 : tokens->count;
    free(tokens->list[id]);
    tokens->list[id] = text;
}

/* The bytes of a token's characters; NUL, which no text has, is left out, and what is no byte stays as it is. */
static char *bytes_of(const char *token, const int16_t alphabet[LETTERS]) {
    struct buffer bytes = {0};
    size_t length = strlen(token);
    for (size_t at = 0; at < length;) {
        uint32_t letter;
        size_t size = utf8_next(token + at, length - at, &letter);
        int byte = letter < LETTERS ? alphabet[letter] : -1;
        if (byte > 0) {
            const char one = (char)byte;
            buffer_add(&bytes, &one, 1);
        } else if (byte < 0) {
            buffer_add(&bytes, token + at, size);
        }
        at += size;
    }
    return buffer_take(&bytes);
}

static int read_vocabulary(const struct json *vocabulary, struct tokens *tokens) {
    int16_t alphabet[LETTERS];
    make_alphabet(alphabet);
    if (!json_is_object(vocabulary) || !json_first(vocabulary)) {
        return fail(ERR_BAD_MODEL, "model.vocab must be an object from tokens to ids");
    }
    for (const struct json *member = json_first(vocabulary); member; member = json_next(member)) {
        double id = json_as_real(member, -1);
        if (!is_id(id)) {
            return fail(ERR_BAD_MODEL, "model.vocab: the id of \"%.40s\" must be a number from 0 to %d",
                        json_key(member), TOKENIZER_TOKENS - 1);
        }
        put(tokens, (size_t)id, bytes_of(json_key(member), alphabet));
    }
    return 0;
}

/* Tokens beside the vocabulary, which may repeat it; special ones (the end, padding) say nothing. */
static int read_added(const struct json *list, struct tokens *tokens) {
    for (const struct json *member = json_first(list); member; member = json_next(member)) {
        double id = json_real(member, "id", -1);
        const char *content = json_string(member, "content");
        if (!is_id(id) || !content) {
            return fail(ERR_BAD_MODEL, "added_tokens: each must have its content and an id from 0 to %d",
                        TOKENIZER_TOKENS - 1);
        }
        put(tokens, (size_t)id, copy_string(json_bool(member, "special", false) ? "" : content));
    }
    return 0;
}

int tokenizer_read(const char *text, size_t length, char ***ret, size_t *ret_count) {
    struct json *json cleanup(json_drop) = NULL;
    struct tokens tokens cleanup(tokens_done) = {0};
    if (json_parse(text, length, &json) != 0) {
        return fail(ERR_BAD_MODEL, "%s", error_detail());
    }
    const struct json *model = json_at(json, "model");
    const char *kind = json_string(model, "type"), *decoder = json_string(json_at(json, "decoder"), "type");
    if (!kind || strcmp(kind, "BPE") != 0 || !decoder || strcmp(decoder, "ByteLevel") != 0) {
        return fail(ERR_BAD_MODEL, "model.type must be BPE and decoder.type ByteLevel, not %s and %s",
                    kind ? kind : "nothing", decoder ? decoder : "nothing");
    }
    int result = read_vocabulary(json_at(model, "vocab"), &tokens);
    result = result ? result : read_added(json_at(json, "added_tokens"), &tokens);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < tokens.count; i++) {
        if (!tokens.list[i]) {
            tokens.list[i] = copy_string("");
        }
    }
    *ret = take(tokens.list);
    *ret_count = tokens.count;
    tokens.count = 0;
    return 0;
}
