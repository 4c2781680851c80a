#include "raster/confine.h"

#include <malloc.h>
#include <sys/resource.h>

enum {
    DESCRIPTORS = 32,
    STACK_BYTES = 96 << 20, /* parsers recurse; less than the 128 MiB that the kernel always leaves below the stack */
    LARGE_BYTES = 256 << 10,
};

#define BASE_BYTES ((rlim_t)256 << 20)

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

#else

void confine_memory(size_t document_bytes, uint64_t max_pixels, uint32_t bytes_per_pixel) {
    rlim_t bytes;
    if (!__builtin_mul_overflow(max_pixels, (rlim_t)bytes_per_pixel, &bytes) &&
        !__builtin_add_overflow(bytes, BASE_BYTES + document_bytes, &bytes)) {
        lower(RLIMIT_AS, bytes);
    }
}

#endif
