#include "raster/confine.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

enum {
    DESCRIPTORS = 32,
    STACK_BYTES = 96 << 20, /* parsers recurse; less than the 128 MiB that the kernel always leaves below the stack */
    LARGE_BYTES = 256 << 10,
};

#define BASE_BYTES ((rlim_t)256 << 20)
#define SLACK_BYTES ((rlim_t)8 << 20)

static void lower(__rlimit_resource_t resource, rlim_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) == 0) {
        limit.rlim_cur = value < limit.rlim_max ? value : limit.rlim_max;
        limit.rlim_max = limit.rlim_cur;
        setrlimit(resource, &limit);
    }
}

void confine(void) {
    lower(RLIMIT_NOFILE, DESCRIPTORS);
    lower(RLIMIT_STACK, STACK_BYTES);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES); /* large blocks go straight back when freed */
    mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

void confine_memory(size_t document_bytes, uint64_t max_pixels, uint32_t bytes_per_pixel) {
    (void)document_bytes, (void)max_pixels, (void)bytes_per_pixel;
}

void confine_begin(uint64_t bytes) { heap_bound(bytes > 0 ? bytes : SIZE_MAX, SIZE_MAX); }

void confine_lend(bool lends) { heap_lend(lends); }

struct heap_use confine_end(void) {
    return heap_use();
}

#else

void confine_memory(size_t document_bytes, uint64_t max_pixels, uint32_t bytes_per_pixel) {
    rlim_t bytes;
    if (!__builtin_mul_overflow(max_pixels, (rlim_t)bytes_per_pixel, &bytes) &&
        !__builtin_add_overflow(bytes, BASE_BYTES + document_bytes, &bytes)) {
        lower(RLIMIT_AS, bytes);
    }
}

/* Bytes of address space that are mapped now; where that cannot be read (no /proc), a bound that never bites. */
static rlim_t mapped(void) {
    char text[64] = "";
    unsigned long pages;
    int fd cleanup(drop_fd) = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || sscanf(text, "%lu", &pages) != 1) {
        return RLIM_INFINITY / 2;
    }
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

void confine_begin(uint64_t bytes) {
    struct rlimit limit;
    rlim_t wanted;
    bool known = getrlimit(RLIMIT_AS, &limit) == 0;
    if (bytes == 0 || !known || __builtin_add_overflow(mapped() + SLACK_BYTES, bytes, &wanted) ||
        wanted >= limit.rlim_max) {
        heap_bound(SIZE_MAX, SIZE_MAX);
        return;
    }
    heap_bound(bytes, limit.rlim_max);
    limit.rlim_cur = wanted;
    setrlimit(RLIMIT_AS, &limit);
}

void confine_lend(bool lends) {
    static rlim_t bound;
    struct rlimit limit;
    heap_lend(lends);
    if (getrlimit(RLIMIT_AS, &limit) == 0) {
        bound = lends ? limit.rlim_cur : bound;
        limit.rlim_cur = lends ? limit.rlim_max : bound;
        setrlimit(RLIMIT_AS, &limit);
    }
}

struct heap_use confine_end(void) {
    struct heap_use use = heap_use();
    struct rlimit limit;
    heap_bound(SIZE_MAX, SIZE_MAX);
    if (getrlimit(RLIMIT_AS, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_AS, &limit);
    }
    return use;
}

#endif
