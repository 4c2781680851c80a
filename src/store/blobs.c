#include "store/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/id.h"

struct blobs {
    int documents, pages, made[MADE_COUNT]; /* folders */
    struct flusher *flusher;
};

static int trouble(const char *what) {
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return fail(full ? ERR_DISK_FULL : ERR_STORE, "%s: %s", what, strerror(errno));
}

static int open_folder(const char *folder, const char *name, int *ret) {
    char *path cleanup(drop_memory) = format("%s/%s", folder, name);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return trouble(path);
    }
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 || faccessat(*ret, ".", W_OK | X_OK, AT_EACCESS) != 0 ? trouble(path) : 0;
}

int blobs_open(const char *folder, struct blobs **ret) {
    struct blobs *blobs cleanup(blobs_drop) = alloc(1, sizeof(*blobs));
    *blobs = (struct blobs){.documents = -1, .pages = -1};
    for (int i = 0; i < MADE_COUNT; i++) {
        blobs->made[i] = -1;
    }
    int result = open_folder(folder, "documents", &blobs->documents);
    result = result ? result : open_folder(folder, "pages", &blobs->pages);
    for (int i = MADE_NONE + 1; i < MADE_COUNT && result == 0; i++) {
        char *name cleanup(drop_memory) = format("%ss", made_word((enum made)i));
        result = open_folder(folder, name, &blobs->made[i]);
    }
    result = result ? result : flusher_new(&blobs->flusher);
    if (result == 0) {
        *ret = take(blobs);
    }
    return result;
}

void blobs_drop(struct blobs **blobs) {
    if (*blobs) {
        flusher_drop(&(*blobs)->flusher);
        drop_fd(&(*blobs)->documents);
        drop_fd(&(*blobs)->pages);
        for (int i = 0; i < MADE_COUNT; i++) {
            drop_fd(&(*blobs)->made[i]);
        }
        free(*blobs);
    }
    *blobs = NULL;
}

int blobs_new(struct blobs *blobs, const char *id, int *ret_fd) {
    int fd = openat(blobs->documents, id, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return trouble("a new document");
    }
    *ret_fd = fd;
    return 0;
}

struct flush *blobs_keep(struct blobs *blobs, int fd, void (*done)(void *context, struct flush *flush, int error),
                         void *context) {
    return flusher_begin(blobs->flusher, fd, blobs->documents, done, context);
}

int blobs_kept(int error) {
    errno = error;
    return error ? trouble("a document") : 0;
}

int blobs_descriptor(const struct blobs *blobs) { return flusher_descriptor(blobs->flusher); }

void blobs_take(struct blobs *blobs) { flusher_take(blobs->flusher); }

int blobs_scratch(struct blobs *blobs, int *ret_fd) {
    char id[ID_BYTES];
    int fd = -1;
    int result = id_new(id);
    result = result ? result : blobs_new(blobs, id, &fd);
    if (result != 0) {
        return result;
    }
    unlinkat(blobs->documents, id, 0);
    *ret_fd = fd;
    return 0;
}

int blobs_write(int fd, const void *bytes, size_t length) {
    const char *rest = bytes;
    while (length > 0) {
        ssize_t written = write(fd, rest, length);
        if (written < 0 && errno != EINTR) {
            return trouble("a document");
        }
        rest += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return 0;
}

int blobs_check(struct blobs *blobs) {
    static const char block[4096];
    int fd cleanup(drop_fd) = -1;
    int result = blobs_scratch(blobs, &fd);
    return result ? result : blobs_write(fd, block, sizeof(block));
}

int blobs_read(struct blobs *blobs, const char *id, int *ret_fd) {
    int fd = openat(blobs->documents, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        return fail(ERR_STORE_DAMAGED, "the document of a task is missing");
    }
    if (fd < 0) {
        return trouble("a document");
    }
    *ret_fd = fd;
    return 0;
}

/* What a crash has left of an earlier page is stepped over: the store knows nothing of it. */
int blobs_add_page(struct blobs *blobs, const char *id, const char *text, size_t length, uint64_t *ret_offset) {
    bool is_new = faccessat(blobs->pages, id, F_OK, 0) != 0;
    int fd cleanup(drop_fd) = openat(blobs->pages, id, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    off_t offset = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    if (offset < 0) {
        return trouble("a page's result");
    }
    int result = blobs_write(fd, text, length);
    if (result == 0 && (fdatasync(fd) != 0 || (is_new && fsync(blobs->pages) != 0))) {
        result = trouble("a page's result");
    }
    if (result != 0) {
        int kept = ftruncate(fd, offset); /* half a page takes room for nothing; where it stays it does no harm */
        (void)kept;
        return result;
    }
    *ret_offset = (uint64_t)offset;
    return 0;
}

int blobs_read_page(struct blobs *blobs, const char *id, uint64_t offset, size_t length, char **ret) {
    int fd cleanup(drop_fd) = openat(blobs->pages, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    void *text cleanup(drop_memory) = NULL;
    int result = try_alloc(length + 1, 1, &text);
    if (result != 0) {
        return result;
    }
    size_t done = 0;
    while (fd >= 0 && done < length) {
        ssize_t got = pread(fd, (char *)text + done, length - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    if (done < length) {
        return fail(ERR_STORE_DAMAGED, "a page's result is missing");
    }
    ((char *)text)[length] = '\0';
    *ret = take(text);
    return 0;
}

int blobs_new_made(struct blobs *blobs, enum made made, const char *id, int *ret_fd) {
    int fd = openat(blobs->made[made], id, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return trouble(made_about(made));
    }
    *ret_fd = fd;
    return 0;
}

int blobs_keep_made(struct blobs *blobs, enum made made, int fd) {
    return fsync(fd) != 0 || fsync(blobs->made[made]) != 0 ? trouble(made_about(made)) : 0;
}

int blobs_read_made(struct blobs *blobs, enum made made, const char *id, int *ret_fd) {
    int fd = openat(blobs->made[made], id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? fail(ERR_NOT_FOUND, "%s", "") : trouble(made_about(made));
    }
    *ret_fd = fd;
    return 0;
}

void blobs_remove_made(struct blobs *blobs, enum made made, const char *id) { unlinkat(blobs->made[made], id, 0); }

void blobs_remove_all_made(struct blobs *blobs, const char *id) {
    for (int i = MADE_NONE + 1; i < MADE_COUNT; i++) {
        blobs_remove_made(blobs, (enum made)i, id);
    }
}

void blobs_remove_document(struct blobs *blobs, const char *id) { unlinkat(blobs->documents, id, 0); }

void blobs_remove(struct blobs *blobs, const char *id) {
    blobs_remove_document(blobs, id);
    blobs_remove_all_made(blobs, id);
    unlinkat(blobs->pages, id, 0);
}

static size_t sweep_folder(int folder, bool (*is_wanted)(void *context, const char *id), void *context) {
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    size_t count = 0;
    for (const struct dirent *entry; entries && (entry = readdir(entries));) {
        if (id_is_sound(entry->d_name) && !is_wanted(context, entry->d_name)) {
            count += unlinkat(folder, entry->d_name, 0) == 0;
        }
    }
    if (entries) {
        closedir(entries);
    } else {
        drop_fd(&fd);
    }
    return count;
}

size_t blobs_sweep(struct blobs *blobs, bool (*wants_document)(void *context, const char *id),
                   bool (*wants_pages)(void *context, const char *id), void *context) {
    size_t count =
        sweep_folder(blobs->documents, wants_document, context) + sweep_folder(blobs->pages, wants_pages, context);
    for (int i = MADE_NONE + 1; i < MADE_COUNT; i++) {
        count += sweep_folder(blobs->made[i], wants_pages, context);
    }
    return count;
}
