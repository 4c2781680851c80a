/* SHA-256 and HMAC with it (over Nettle, whose only home is digest.c). One digest belongs to one thread at a time. */
#ifndef OCTAVO_BASE_DIGEST_H
#define OCTAVO_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_BYTES = 65 }; /* as lower-case hex digits with the NUL */

struct digest;

/* The caller ends it with digest_take() or digest_drop(). Never NULL. */
struct digest *digest_new(void);
void digest_add(struct digest *digest, const void *bytes, size_t length);

/* The digest of all that was added; *digest is freed and becomes NULL. */
void digest_take(struct digest **digest, char ret[DIGEST_BYTES]);

void digest_drop(struct digest **digest);

/* HMAC-SHA-256 (RFC 2104) of a message under a key. */
void digest_hmac(const void *key, size_t key_length, const void *message, size_t length, char ret[DIGEST_BYTES]);

/* Whether two digests are the same, in a time that does not tell where they differ. */
bool digest_equal(const char one[DIGEST_BYTES], const char other[DIGEST_BYTES]);

#endif
