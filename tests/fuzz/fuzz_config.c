/*
 * Bytes as a configuration file. What is taken from one that is right must be within the table's bounds. Built with
 * -fsanitize=fuzzer it is a libFuzzer target; the main() below replays files, and the sample with changed bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "conf/settings.h"
#include "replay.h"

/* Ends the process where a value is not what option_read() would take. */
static void expect_values(const struct options *options) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        char *text cleanup(drop_memory) = row->key ? option_text(row, options) : NULL;
        struct options copy = {0};
        if (text && option_read(row, text, (char *)&copy + row->offset) != 0) {
            fprintf(stderr, "%s: %s\n", row->key, text);
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    void *room;
    int fd cleanup(drop_fd) = -1;
    if (length == 0 || file_memory_new("octavo-fuzz", length, &fd, &room) != 0) {
        return 0;
    }
    memcpy(room, bytes, length);
    file_memory_seal(fd, room, length);
    char *path cleanup(drop_memory) = format("/proc/self/fd/%d", fd);
    struct options options cleanup(options_done) = {.config = path};
    struct problems problems cleanup(problems_done) = {0};
    settings_load(&options, &problems);
    if (!problems_first(&problems)) {
        expect_values(&options);
    }
    return 0;
}

#ifndef OCTAVO_LIBFUZZER
int main(int count, char **arguments) {
    static const char odd[] = {0, '\n', '&', '*', '[', '{', '"', ':', '\xFF', '-', '#', '9', '\t', '|'};
    char *sample cleanup(drop_memory) = settings_sample();
    replay_changed_in_turn(sample, strlen(sample), odd, sizeof(odd));
    return replay_files(count, arguments);
}
#endif
