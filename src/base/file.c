#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

#define SHARED_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define SEALS (SHARED_SEALS | F_SEAL_WRITE)

void drop_fd(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

int take_fd(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}

int file_read(int fd, size_t limit, char **ret, size_t *ret_length) {
    struct buffer buffer cleanup(buffer_done) = {0};
    char chunk[65536];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got == 0) {
            break;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(ERR_NO_INPUT, "%s", strerror(errno));
        }
        if ((size_t)got > limit - buffer.length) {
            return fail(ERR_TOO_LARGE, "more than %zu bytes", limit);
        }
        buffer_add(&buffer, chunk, (size_t)got);
    }
    *ret_length = buffer.length;
    *ret = buffer_take(&buffer);
    return 0;
}

int file_read_path(const char *path, size_t limit, char **ret, size_t *ret_length) {
    int fd cleanup(drop_fd) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(ERR_NO_INPUT, "%s: %s", path, strerror(errno));
    }
    int result = file_read(fd, limit, ret, ret_length);
    return result ? fail(result, "%s: %s", path, error_detail()) : 0;
}

int file_write(int fd, const void *bytes, size_t length) {
    const char *rest = bytes;
    while (length > 0) {
        ssize_t written = write(fd, rest, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return fail(ERR_OUTPUT, "%s", strerror(errno));
        }
        rest += written;
        length -= (size_t)written;
    }
    return 0;
}

int file_copy(int from, int to) {
    char chunk[65536];
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(from, chunk, sizeof(chunk), at);
        if (got < 0 && errno != EINTR) {
            return fail(ERR_OUTPUT, "%s", strerror(errno));
        }
        int result = got > 0 ? file_write(to, chunk, (size_t)got) : 0;
        if (got == 0 || result != 0) {
            return result;
        }
        at += got > 0 ? got : 0;
    }
}

/*
 * The name of path with something behind it could be too long. Processes of two containers may have the same number,
 * and one that was killed leaves its draft: so a name that is there is not taken.
 */
int file_draft(const char *path, char **ret_draft, int *ret_fd) {
    static atomic_uint drafts;
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash + 1 - path) : 0;
    char *draft cleanup(drop_memory) = NULL;
    int fd;
    do {
        free(draft);
        draft = format("%.*s.octavo-%ld-%u", folder, path, (long)getpid(), atomic_fetch_add(&drafts, 1));
        fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0) {
        return fail(ERR_OUTPUT, "%s: %s", path, strerror(errno));
    }
    *ret_draft = take(draft);
    *ret_fd = fd;
    return 0;
}

int file_settle(const char *draft, const char *path, int result) {
    if (result == 0 && rename(draft, path) != 0) {
        result = fail(ERR_OUTPUT, "%s: %s", path, strerror(errno));
    }
    if (result != 0) {
        unlink(draft);
    }
    return result;
}

/* Replaces path by bytes, or where they are NULL by the file from. */
static int replace(const char *path, const void *bytes, size_t length, int from) {
    char *draft cleanup(drop_memory) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = file_draft(path, &draft, &fd);
    if (result != 0) {
        return result;
    }
    result = bytes ? file_write(fd, bytes, length) : file_copy(from, fd);
    result = result ? fail(result, "%s: %s", path, error_detail()) : 0;
    return file_settle(draft, path, result);
}

int file_replace(const char *path, const void *bytes, size_t length) {
    return replace(path, bytes ? bytes : "", length, -1);
}

int file_replace_by(const char *path, int from) { return replace(path, NULL, 0, from); }

int file_scratch(const char *folder, int *ret_fd) {
    int fd cleanup(drop_fd) = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* the file system has no such files */
        char *name cleanup(drop_memory) = format("%s/.octavo-XXXXXX", folder);
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0) {
            unlink(name);
        }
    }
    if (fd < 0) {
        return fail(ERR_OUTPUT, "folder %s: %s", folder, strerror(errno));
    }
    *ret_fd = take_fd(&fd);
    return 0;
}

int file_make_folder(const char *path) {
    char *part cleanup(drop_memory) = copy_string(path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(part, 0700); /* one that fails shows below */
        *slash = '/';
    }
    struct stat status;
    int result = mkdir(path, 0700) == 0 || errno == EEXIST ? stat(path, &status) : -1;
    if (result == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        result = -1;
    }
    return result == 0 ? 0 : fail(ERR_OUTPUT, "folder %s: %s", path, strerror(errno));
}

int file_memory_new(const char *name, size_t length, int *ret_fd, void **ret_bytes) {
    int fd cleanup(drop_fd) = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || length == 0 || length > (size_t)LONG_MAX || ftruncate(fd, (off_t)length) != 0) {
        return fail(ERR_NO_MEMORY, "shared memory of %zu bytes: %s", length, strerror(errno));
    }
    void *bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        return fail(ERR_NO_MEMORY, "shared memory of %zu bytes: %s", length, strerror(errno));
    }
    *ret_fd = take_fd(&fd);
    *ret_bytes = bytes;
    return 0;
}

int file_shared_new(const char *name, size_t length, int *ret_fd, void **ret_bytes) {
    int fd cleanup(drop_fd) = -1;
    void *bytes;
    int result = file_memory_new(name, length, &fd, &bytes);
    if (result != 0) {
        return result;
    }
    if (fcntl(fd, F_ADD_SEALS, SHARED_SEALS) != 0) {
        munmap(bytes, length);
        return fail(ERR_INTERNAL, "sealing shared memory: %s", strerror(errno));
    }
    *ret_fd = take_fd(&fd);
    *ret_bytes = bytes;
    return 0;
}

int file_shared_map(int fd, size_t length, void **ret_bytes) {
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SHARED_SEALS) != SHARED_SEALS || fstat(fd, &status) != 0 ||
        status.st_size != (off_t)length) {
        return fail(ERR_PROTOCOL, "a descriptor arrived that is no shared memory of %zu bytes", length);
    }
    void *bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        return fail(ERR_PROTOCOL, "mapping shared memory: %s", strerror(errno));
    }
    *ret_bytes = bytes;
    return 0;
}

/*
 * F_SEAL_WRITE is refused with EBUSY while anybody holds a page for writing. For a moment after munmap() that can be
 * the kernel itself (pages on a processor's list, seen on a machine whose processors were all taken), so it is tried
 * again.
 */
static int add_seals(int fd) {
    enum { TRIES = 300 };
    const struct timespec pause = {.tv_nsec = 10000000};
    int result = fcntl(fd, F_ADD_SEALS, SEALS);
    for (int i = 0; result != 0 && errno == EBUSY && i < TRIES; i++) {
        nanosleep(&pause, NULL);
        result = fcntl(fd, F_ADD_SEALS, SEALS);
    }
    return result;
}

int file_memory_seal(int fd, void *bytes, size_t length) {
    munmap(bytes, length); /* a writable mapping would refuse F_SEAL_WRITE */
    if (add_seals(fd) != 0) {
        return fail(ERR_INTERNAL, "sealing shared memory: %s", strerror(errno));
    }
    return 0;
}

int file_memory_from(const char *name, const void *bytes, size_t length, int *ret_fd) {
    int fd cleanup(drop_fd) = -1;
    void *target;
    int result = file_memory_new(name, length, &fd, &target);
    if (result != 0) {
        return result;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): file_memory_new() has set it */
    memcpy(target, bytes, length);
    result = file_memory_seal(fd, target, length);
    if (result == 0) {
        *ret_fd = take_fd(&fd);
    }
    return result;
}

int file_memory_map(int fd, size_t limit, const void **ret_bytes, size_t *ret_length) {
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) != 0) {
        return fail(ERR_PROTOCOL, "a descriptor arrived that is no sealed memory");
    }
    if (status.st_size <= 0 || (size_t)status.st_size > limit) {
        return fail(ERR_PROTOCOL, "shared memory of %lld bytes, limit %zu", (long long)status.st_size, limit);
    }
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        return fail(ERR_NO_MEMORY, "mapping %lld bytes: %s", (long long)status.st_size, strerror(errno));
    }
    *ret_bytes = bytes;
    *ret_length = (size_t)status.st_size;
    return 0;
}

int file_own_folder(char **ret) {
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length <= 0) {
        return fail(ERR_INTERNAL, "own executable: %s", strerror(errno));
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    *ret = copy_bytes(path, slash ? (size_t)(slash - path) : 0);
    return 0;
}
