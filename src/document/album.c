#include "document/album.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { PIECE_BYTES = 64 << 10 };

static void put(unsigned char *to, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        to[i] = (unsigned char)(value >> 8 * i);
    }
}

static uint64_t get(const unsigned char *from, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)from[i] << 8 * i;
    }
    return value;
}

void album_head(uint32_t page, uint32_t region, uint64_t length, unsigned char ret[ALBUM_HEAD]) {
    put(ret, page, 4);
    put(ret + 4, region, 4);
    put(ret + 8, length, 8);
}

/* As for qsort(): by page, then by region. */
static int compare(const void *one, const void *other) {
    const struct album_entry *a = one, *b = other;
    return a->page != b->page ? (a->page > b->page) - (a->page < b->page)
                              : (a->region > b->region) - (a->region < b->region);
}

/* Reads up to length bytes; fewer only at the end of the file, or where it cannot be read. */
static size_t read_at(int fd, void *to, size_t length, uint64_t offset) {
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(fd, (char *)to + done, length - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return done;
}

/* The picture whose head is at an offset of a file of so many bytes. */
static bool look_at(const struct album *album, uint64_t offset, uint64_t size, struct album_entry *ret) {
    unsigned char head[ALBUM_HEAD];
    if (read_at(album->fd, head, sizeof(head), offset) < sizeof(head)) {
        return false;
    }
    *ret = (struct album_entry){.page = (uint32_t)get(head, 4),
                                .region = (uint32_t)get(head + 4, 4),
                                .start = offset + ALBUM_HEAD,
                                .length = get(head + 8, 8)};
    bool in_order = album->count == 0 || compare(ret, &album->entries[album->count - 1]) > 0;
    return ret->page > 0 && in_order && ret->length > 0 && ret->length <= size - ret->start;
}

static int survey(struct album *album, uint32_t pages) {
    struct stat status;
    if (fstat(album->fd, &status) != 0) {
        return fail(ERR_OUTPUT, "pictures that were made: %s", strerror(errno));
    }
    const uint64_t size = (uint64_t)status.st_size;
    size_t room = 0;
    for (uint64_t offset = 0; offset < size;) {
        struct album_entry entry;
        if (!look_at(album, offset, size, &entry) || entry.page > pages) {
            return fail(ERR_OUTPUT, "pictures that were made are damaged at byte %llu", (unsigned long long)offset);
        }
        if (album->count == room) {
            room = room > 0 ? room * 2 : 16;
            album->entries = resize(album->entries, room, sizeof(*album->entries));
        }
        album->entries[album->count++] = entry;
        offset = entry.start + entry.length;
    }
    return 0;
}

void album_drop(struct album **album) {
    struct album *old = take(*album);
    if (old) {
        drop_fd(&old->fd);
        free(old->entries);
        free(old);
    }
}

int album_open(int fd, uint32_t pages, struct album **ret) {
    struct album *album cleanup(album_drop) = alloc(1, sizeof(*album));
    album->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int result =
        album->fd < 0 ? fail(ERR_OUTPUT, "pictures that were made: %s", strerror(errno)) : survey(album, pages);
    if (result == 0) {
        *ret = take(album);
    }
    return result;
}

void albums_done(struct albums *albums) {
    album_drop(&albums->pictures);
    album_drop(&albums->figures);
}

const struct album_entry *album_find(const struct album *album, uint32_t page, uint32_t region) {
    const struct album_entry key = {.page = page, .region = region};
    return album->count > 0 ? bsearch(&key, album->entries, album->count, sizeof(*album->entries), compare) : NULL;
}

int album_read(const struct album *album, const struct album_entry *entry, struct buffer *to) {
    char piece[PIECE_BYTES];
    for (uint64_t done = 0; done < entry->length;) {
        uint64_t rest = entry->length - done;
        size_t some = rest < sizeof(piece) ? (size_t)rest : sizeof(piece);
        if (read_at(album->fd, piece, some, entry->start + done) < some) {
            return fail(ERR_OUTPUT, "a picture that was made is not all there");
        }
        buffer_add(to, piece, some);
        done += some;
    }
    return 0;
}
