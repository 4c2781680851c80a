/* Replays for fuzz targets that are built without libFuzzer. */
#ifndef OCTAVO_FUZZ_REPLAY_H
#define OCTAVO_FUZZ_REPLAY_H

#include <stdint.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static inline void replay_with(const char *sound, size_t length, size_t at, char odd) {
    char *changed cleanup(drop_memory) = copy_bytes(sound, length);
    changed[at] = odd;
    LLVMFuzzerTestOneInput((const uint8_t *)changed, length);
}

/* What is sound as it is, with every byte replaced by each of a few odd ones, and cut off before every byte. */
static inline void replay_changed(const char *sound, size_t length, const char *odd, size_t odd_count) {
    for (size_t at = 0; at < length; at++) {
        for (size_t i = 0; i < odd_count; i++) {
            replay_with(sound, length, at, odd[i]);
        }
        LLVMFuzzerTestOneInput((const uint8_t *)sound, at);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)sound, length);
}

/* As replay_changed() for what is long: every byte replaced by one of the odd ones, which take turns. */
static inline void replay_changed_in_turn(const char *sound, size_t length, const char *odd, size_t odd_count) {
    for (size_t at = 0; at < length; at++) {
        replay_with(sound, length, at, odd[at % odd_count]);
        LLVMFuzzerTestOneInput((const uint8_t *)sound, at);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)sound, length);
}

/* The files that the command line names; the exit status: 1 if one cannot be read. */
static inline int replay_files(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        char *bytes cleanup(drop_memory) = NULL;
        size_t length;
        if (file_read_path(arguments[i], 1 << 26, &bytes, &length) != 0) {
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, length);
    }
    return 0;
}

#endif
