#include "api/sieve.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

enum { PIECE_BYTES = 4096, BEGINNING = 8 /* "https://" */ };
static const char NO_LETTER = 0x7F; /* what stands for characters beyond ASCII */

enum place { BEFORE_KEY, AFTER_KEY, BEFORE_VALUE, ELSEWHERE }; /* within the outermost object */
enum what { UNDECIDED, URL, BASE64 };

struct sieve {
    struct sieve_sink sink;
    struct buffer kept;
    uint32_t depth;
    enum place place;
    /* The string in hand */
    bool in_string, is_key, is_file;
    int escape; /* 0; 1: behind a backslash; 2 to 5: digits of \uXXXX that are still to come, and 1 */
    uint32_t code;
    char key[BEGINNING];
    size_t key_length;
    /* The document */
    bool seen;
    enum what what;
    char beginning[BEGINNING];
    size_t beginning_length;
    struct buffer url;
    uint32_t bits;
    int digits, pads; /* of the four in hand */
    bool padded;      /* nothing more is taken */
    char piece[PIECE_BYTES];
    size_t piece_length;
};

struct sieve *sieve_new(const struct sieve_sink *sink) {
    struct sieve *sieve = alloc(1, sizeof(*sieve));
    sieve->sink = *sink;
    return sieve;
}

void sieve_drop(struct sieve **sieve) {
    if (*sieve) {
        buffer_done(&(*sieve)->kept);
        buffer_done(&(*sieve)->url);
        free(*sieve);
    }
    *sieve = NULL;
}

static int refuse(const char *why) { return fail(ERR_UNPROCESSABLE, "%s", why); }

/* Base64 */

static int digit_of(char letter) {
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    return letter >= '0' && letter <= '9' ? letter - '0' + 52 : letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

static int pass_on(struct sieve *sieve) {
    size_t length = sieve->piece_length;
    sieve->piece_length = 0;
    return length > 0 ? sieve->sink.write(sieve->sink.context, sieve->piece, length) : 0;
}

static int decode(struct sieve *sieve, char letter) {
    int digit = digit_of(letter);
    if (letter == '=' && sieve->digits >= 2 && sieve->digits + ++sieve->pads >= 4) {
        sieve->padded = true;
    }
    if (sieve->padded || digit < 0) {
        return 0;
    }
    sieve->pads = 0;
    sieve->bits = sieve->bits << 6 | (uint32_t)digit;
    sieve->digits = (sieve->digits + 1) % 4;
    if (sieve->digits != 1) { /* 12, 18, 24 bits have come: one more byte is whole, above 4, 2, 0 bits */
        int below = sieve->digits == 0 ? 0 : 8 - 2 * sieve->digits;
        sieve->piece[sieve->piece_length++] = (char)(sieve->bits >> below & 0xFF);
    }
    return sieve->piece_length == PIECE_BYTES ? pass_on(sieve) : 0;
}

/* The document */

static int begin_base64(struct sieve *sieve) {
    int result = 0;
    sieve->what = BASE64;
    for (size_t i = 0; i < sieve->beginning_length && result == 0; i++) {
        result = decode(sieve, sieve->beginning[i]);
    }
    return result;
}

/* Whether it begins as text does, so far. */
static bool may_be(const struct sieve *sieve, const char *text) {
    size_t length = sieve->beginning_length;
    return length <= strlen(text) && strncasecmp(text, sieve->beginning, length) == 0;
}

static int decide(struct sieve *sieve, char letter) {
    static const char *const schemes[] = {"http://", "https://", "data:"};
    sieve->beginning[sieve->beginning_length++] = letter;
    for (size_t i = 0; i < array_length(schemes); i++) {
        bool whole = sieve->beginning_length == strlen(schemes[i]);
        if (may_be(sieve, schemes[i]) && whole && i == 2) {
            return refuse("file: base64 without \"data:...\" before it is expected");
        }
        if (may_be(sieve, schemes[i])) {
            sieve->what = whole ? URL : UNDECIDED;
            buffer_add(&sieve->url, sieve->beginning, whole ? sieve->beginning_length : 0);
            return 0;
        }
    }
    return begin_base64(sieve);
}

static int take_letter(struct sieve *sieve, char letter) {
    switch (sieve->what) {
    case UNDECIDED:
        return decide(sieve, letter);
    case URL:
        if (sieve->url.length == SIEVE_URL) {
            return fail(ERR_UNPROCESSABLE, "file: an URL of at most %d bytes is expected", SIEVE_URL);
        }
        buffer_add(&sieve->url, &letter, 1);
        return 0;
    case BASE64:
        break;
    }
    return decode(sieve, letter);
}

static int end_document(struct sieve *sieve) {
    int result = sieve->what == UNDECIDED ? begin_base64(sieve) : 0;
    if (result == 0 && sieve->digits != 0 && !sieve->padded) {
        return refuse("file: base64 whose length is a multiple of 4, with = at its end if need be, is expected");
    }
    return result ? result : pass_on(sieve);
}

/* Strings */

static int begin_string(struct sieve *sieve) {
    bool outermost = sieve->depth == 1;
    sieve->in_string = true;
    sieve->is_key = outermost && sieve->place == BEFORE_KEY;
    sieve->is_file = outermost && sieve->place == BEFORE_VALUE && sieve->key_length == strlen("file") &&
                     memcmp(sieve->key, "file", strlen("file")) == 0;
    sieve->key_length = sieve->is_key ? 0 : sieve->key_length;
    if (sieve->is_file && sieve->seen) {
        return refuse("file: it is there more than once");
    }
    sieve->seen = sieve->seen || sieve->is_file;
    return 0;
}

static int end_string(struct sieve *sieve) {
    sieve->in_string = false;
    if (sieve->depth == 1) {
        sieve->place = sieve->is_key ? AFTER_KEY : ELSEWHERE;
    }
    return sieve->is_file ? end_document(sieve) : 0;
}

static int take_character(struct sieve *sieve, char character) {
    if (sieve->is_key && sieve->key_length < sizeof(sieve->key)) {
        sieve->key[sieve->key_length++] = character;
    }
    return sieve->is_file ? take_letter(sieve, character) : 0;
}

static int hex_of(char byte) {
    int digit = isdigit((unsigned char)byte) ? byte - '0' : (byte | 0x20) - 'a' + 10;
    return isxdigit((unsigned char)byte) ? digit : -1;
}

/* The rest of an escape. What is none is found at the end, in what is kept; or here, in what is not. */
static int take_escaped(struct sieve *sieve, char byte) {
    int hex = hex_of(byte);
    if (sieve->escape == 1 && byte == 'u') {
        sieve->escape = 5;
        sieve->code = 0;
        return 0;
    }
    if (sieve->escape == 1) {
        sieve->escape = 0;
        bool sound = byte && strchr("\"\\/bfnrt", byte);
        return !sound && sieve->is_file ? refuse("file: an escape that JSON does not have")
                                        : take_character(sieve, strchr("\"\\/", byte) ? byte : '\n');
    }
    if (hex < 0) {
        return refuse("\\u without four hexadecimal digits");
    }
    sieve->code = sieve->code << 4 | (uint32_t)hex;
    sieve->escape = sieve->escape == 2 ? 0 : sieve->escape - 1;
    return sieve->escape > 0 ? 0 : take_character(sieve, sieve->code < 0x80 ? (char)sieve->code : NO_LETTER);
}

static int in_string(struct sieve *sieve, char byte) {
    if (sieve->escape > 0) {
        return take_escaped(sieve, byte);
    }
    if (byte == '"') {
        return end_string(sieve);
    }
    if (byte == '\\') {
        sieve->escape = 1;
        return 0;
    }
    return take_character(sieve, byte);
}

/* Between strings. That brackets match is seen when all is parsed. */
static int between_strings(struct sieve *sieve, char byte) {
    switch (byte) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return 0;
    case '"':
        return begin_string(sieve);
    case '{':
    case '[':
        sieve->depth++;
        sieve->place = sieve->depth == 1 ? BEFORE_KEY : ELSEWHERE;
        return 0;
    case '}':
    case ']':
        sieve->depth -= sieve->depth > 0;
        sieve->place = ELSEWHERE;
        return 0;
    case ',':
        sieve->place = BEFORE_KEY;
        return 0;
    case ':':
        sieve->place = sieve->place == AFTER_KEY ? BEFORE_VALUE : ELSEWHERE;
        return 0;
    default:
        sieve->place = ELSEWHERE;
        return 0;
    }
}

/* All of it */

static int keep(struct sieve *sieve, char byte) {
    if (sieve->kept.length == SIEVE_KEPT) {
        return fail(ERR_BODY_TOO_LARGE, "all but the member \"file\" has more than %d bytes", SIEVE_KEPT);
    }
    buffer_add(&sieve->kept, &byte, 1);
    return 0;
}

int sieve_add(struct sieve *sieve, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bool was_file = sieve->in_string && sieve->is_file;
        int result = sieve->in_string ? in_string(sieve, bytes[i]) : between_strings(sieve, bytes[i]);
        bool is_file = sieve->in_string && sieve->is_file; /* its quotes are kept, what is between them is not */
        result = result || (was_file && is_file) ? result : keep(sieve, bytes[i]);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int sieve_end(struct sieve *sieve, struct json **ret) {
    struct json *json cleanup(json_drop) = NULL;
    const char *text = sieve->kept.data ? sieve->kept.data : "";
    if (json_parse(text, sieve->kept.length, &json) != 0 || !json_is_object(json)) {
        return refuse("a JSON object is expected");
    }
    *ret = take(json);
    return 0;
}

const char *sieve_url(const struct sieve *sieve) { return sieve->what == URL ? sieve->url.data : NULL; }
