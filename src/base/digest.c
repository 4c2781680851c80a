#include "base/digest.h"

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

void digest_take(struct digest **digest, char ret[DIGEST_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[SHA256_DIGEST_SIZE];
    sha256_digest(&(*digest)->context, sizeof(bytes), bytes);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        ret[2 * i] = digits[bytes[i] >> 4];
        ret[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[DIGEST_BYTES - 1] = '\0';
    digest_drop(digest);
}

void digest_drop(struct digest **digest) {
    free(*digest);
    *digest = NULL;
}

bool digest_equal(const char one[DIGEST_BYTES], const char other[DIGEST_BYTES]) {
    return memeql_sec(one, other, DIGEST_BYTES - 1) == 1;
}
