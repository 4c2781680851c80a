#include "http/request_id.h"

#include <string.h>
#include <sys/random.h>

enum { OWN_LETTERS = 16 };

void request_id_choose(const char *theirs, char ret[HTTP_ID_BYTES]) {
    static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";
    size_t length = theirs ? strlen(theirs) : 0;
    if (length > 0 && length < HTTP_ID_BYTES && strspn(theirs, good) == length) {
        memcpy(ret, theirs, length + 1);
        return;
    }
    unsigned char bits[OWN_LETTERS] = {0}; /* where there are no random ones, ids are alike: nothing rests on them */
    ssize_t got = getrandom(bits, sizeof(bits), 0);
    (void)got;
    for (int i = 0; i < OWN_LETTERS; i++) {
        ret[i] = good[bits[i] & 31];
    }
    ret[OWN_LETTERS] = '\0';
}
