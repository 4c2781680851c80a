/*
 * A JSON object with a document in it, as it comes: the string that is its member "file" goes on to whoever takes
 * documents, decoded from base64, a piece at a time; all other text is kept, so many bytes at the most, and parsed at
 * the end. A string that begins as an URL does is no document and is kept as well. One thread.
 *
 * Base64 is read as PaddleX does: what is no letter of its alphabet is passed over, and so is what follows the padding.
 */
#ifndef OCTAVO_API_SIEVE_H
#define OCTAVO_API_SIEVE_H

#include <stddef.h>

struct json;
struct sieve;

enum { SIEVE_KEPT = 16 * 1024, SIEVE_URL = 2000 /* bytes at the most */ };

struct sieve_sink {
    int (*write)(void *context, const char *bytes, size_t length);
    void *context;
};

/* The caller drops it. */
struct sieve *sieve_new(const struct sieve_sink *sink);
void sieve_drop(struct sieve **sieve);

/* Takes what comes next. ERR_UNPROCESSABLE with what is expected, ERR_BODY_TOO_LARGE, or as the sink answers; it is not
 * to be called again then. */
int sieve_add(struct sieve *sieve, const char *bytes, size_t length);

/* All has come: the object, in which a "file" that was a string is "" now; the caller drops it. ERR_UNPROCESSABLE. */
int sieve_end(struct sieve *sieve, struct json **ret);

/* The URL that "file" is; NULL: it is none. Borrowed. */
const char *sieve_url(const struct sieve *sieve);

#endif
