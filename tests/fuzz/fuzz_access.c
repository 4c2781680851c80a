/*
 * Bytes as a file of API keys and as the headers that carry a key. Built with -fsanitize=fuzzer it is a libFuzzer
 * target; the main() below replays made-up bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "base/memory.h"
#include "replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    static const struct key_limits limits = {.tasks = 1, .bytes = 1, .rate = 1000000};
    struct keys keys cleanup(keys_done) = {0};
    char *text cleanup(drop_memory) = copy_bytes((const char *)bytes, length);
    (void)keys_parse(text, length, &keys);
    struct access *access cleanup(access_drop) = access_new(&keys, &limits);
    struct account *account;
    int64_t wait;
    if (access_enter(access, text, NULL, SCOPE_READ, 1, &account, &wait) == 0 ||
        access_enter(access, NULL, text, SCOPE_READ, 1, &account, &wait) == 0) {
        abort(); /* a file cannot hold its own keys */
    }
    return 0;
}

#ifndef OCTAVO_LIBFUZZER
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

int main(void) {
    static const char *const sound[] = {"# keys\naaaaaaaa " HASH
                                        " submit,read name=a.b tasks=5 bytes=2M rate=7\nbbbbbbbb " HASH
                                        " admin created=2026-11-25T08:30:00.000Z\n",
                                        "Bearer octavo_aaaaaaaa_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjk",
                                        "octavo_aaaaaaaa_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjk"};
    static const char odd[] = {'\0', '\n', '\r', ' ', '=', ',', '#', '/', '.', '_', '0', '-', (char)0xFF};
    for (size_t i = 0; i < array_length(sound); i++) {
        replay_changed(sound[i], strlen(sound[i]), odd, sizeof(odd));
    }
    return 0;
}
#endif
