/*
 * Bytes as a file of pictures that a raster wrote: what is taken of it lies within it, in the order of its pages
 * and regions.
 * Built with -fsanitize=fuzzer it is a libFuzzer target; the main() below replays files, or made-up bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "document/album.h"
#include "replay.h"

enum { PAGES = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct album *album cleanup(album_drop) = NULL;
    int fd cleanup(drop_fd) = memfd_create("album", MFD_CLOEXEC);
    if (fd < 0 || file_write(fd, bytes, length) != 0 || album_open(fd, PAGES, &album) != 0) {
        return 0;
    }
    struct buffer taken cleanup(buffer_done) = {0};
    for (size_t i = 0; i < album->count; i++) {
        const struct album_entry *entry = &album->entries[i];
        if (entry->page > PAGES || album_find(album, entry->page, entry->region) != entry ||
            album_read(album, entry, &taken) != 0) {
            abort();
        }
    }
    if (taken.length + album->count * ALBUM_HEAD != length) {
        abort();
    }
    return 0;
}

#ifndef OCTAVO_LIBFUZZER
int main(int count, char **arguments) {
    static const char odd[] = {'\0', '\1', '\x7F', (char)0xFF};
    char sound[] = "\1...\2...\4.......abcd\1...\3...\6.......abcdef\2.......\2.......gh";
    for (char *at = sound; *at; at++) {
        *at = *at == '.' ? '\0' : *at;
    }
    replay_changed(sound, sizeof(sound) - 1, odd, sizeof(odd));
    return replay_files(count, arguments);
}
#endif
