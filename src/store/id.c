#include "store/id.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"

static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

int id_new(char ret[ID_BYTES]) {
    uint8_t bits[ID_BYTES - 1];
    if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
        return fail(ERR_INTERNAL, "random bytes: %s", strerror(errno));
    }
    for (int i = 0; i < ID_BYTES - 1; i++) {
        ret[i] = letters[bits[i] & 31];
    }
    ret[ID_BYTES - 1] = '\0';
    return 0;
}

bool id_is_sound(const char *text) { return strlen(text) == ID_BYTES - 1 && strspn(text, letters) == ID_BYTES - 1; }
