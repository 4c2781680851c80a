#include "base/digest.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

struct digest {
    struct sha256_ctx context;
};

struct digest *digest_new(void) {
    struct digest *digest = alloc(1, sizeof(*digest));
    sha256_init(&digest->context);
    return digest;
}

void digest_add(struct digest *digest, const void *bytes, size_t length) {
    sha256_update(&digest->context, length, bytes);
}

static void write_hex(const uint8_t bytes[SHA256_DIGEST_SIZE], char ret[DIGEST_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[DIGEST_BYTES - 1] = '\0';
}

void digest_take(struct digest **digest, char ret[DIGEST_BYTES]) {
    uint8_t bytes[SHA256_DIGEST_SIZE];
    sha256_digest(&(*digest)->context, sizeof(bytes), bytes);
    write_hex(bytes, ret);
    digest_drop(digest);
}

void digest_drop(struct digest **digest) {
    free(*digest);
    *digest = NULL;
}

void digest_hmac(const void *key, size_t key_length, const void *message, size_t length, char ret[DIGEST_BYTES]) {
    struct hmac_sha256_ctx context;
    uint8_t bytes[SHA256_DIGEST_SIZE];
    hmac_sha256_set_key(&context, key_length, key);
    hmac_sha256_update(&context, length, message);
    hmac_sha256_digest(&context, sizeof(bytes), bytes);
    write_hex(bytes, ret);
}

bool digest_equal(const char one[DIGEST_BYTES], const char other[DIGEST_BYTES]) {
    return memeql_sec(one, other, DIGEST_BYTES - 1) == 1;
}
