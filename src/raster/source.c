#include "raster/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"

#define PIPE_BYTES ((size_t)1 << 30)

static int map(int fd, size_t length, struct source *ret) {
    void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return fail(ERR_NO_INPUT, "%s", strerror(errno));
    }
    *ret = (struct source){.bytes = bytes, .length = length, .mapped = true};
    return 0;
}

static int read_pipe(int fd, uint64_t granted, char **ret, size_t *ret_length) {
    size_t limit = granted > 0 && granted / 2 < PIPE_BYTES ? granted / 2 : PIPE_BYTES;
    int result = file_read(fd, limit, ret, ret_length);
    if (result == ERR_TOO_LARGE && limit < PIPE_BYTES) {
        return fail(ERR_NO_MEMORY, "%llu bytes were granted for opening it, and it is longer than half of them",
                    (unsigned long long)granted);
    }
    return result;
}

int source_open(int fd, uint64_t granted, struct source *ret) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail(ERR_NO_INPUT, "%s", strerror(errno));
    }
    if (S_ISREG(status.st_mode)) {
        return status.st_size == 0 ? fail(ERR_EMPTY, "%s", "") : map(fd, (size_t)status.st_size, ret);
    }
    char *bytes;
    size_t length;
    int result = read_pipe(fd, granted, &bytes, &length);
    if (result != 0) {
        return result;
    }
    if (length == 0) {
        free(bytes);
        return fail(ERR_EMPTY, "%s", "");
    }
    *ret = (struct source){.bytes = (unsigned char *)bytes, .length = length};
    return 0;
}

void source_rest(const struct source *source) {
    if (source->mapped) {
        madvise((void *)(uintptr_t)source->bytes, source->length, MADV_DONTNEED);
    }
}

void source_drop(struct source *source) {
    if (source->mapped) {
        munmap((void *)(uintptr_t)source->bytes, source->length);
    } else {
        free((void *)(uintptr_t)source->bytes);
    }
    *source = (struct source){0};
}
