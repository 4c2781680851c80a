/*
 * Allocations that fail. A program that has a malloc() of its own calls the C library's by its inner names, and its
 * libraries call the program's: so both families stand here, and no allocation passes through two of them.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "fault.h"

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static bool refused(size_t bytes, const char *step) {
    if (!fault_allocation_due(bytes, step)) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

/* Of a product that is too large the real function knows better what to say. */
static size_t product(size_t count, size_t size) {
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? 0 : bytes;
}

void *malloc(size_t bytes) { return refused(bytes, "malloc") ? NULL : FAULT_NEXT(malloc)(bytes); }

void *calloc(size_t count, size_t size) {
    return refused(product(count, size), "calloc") ? NULL : FAULT_NEXT(calloc)(count, size);
}

void *realloc(void *block, size_t bytes) {
    return refused(bytes, "realloc") ? NULL : FAULT_NEXT(realloc)(block, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    return refused(bytes, "memalign") ? NULL : FAULT_NEXT(memalign)(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    return refused(bytes, "aligned_alloc") ? NULL : FAULT_NEXT(aligned_alloc)(alignment, bytes);
}

int posix_memalign(void **ret, size_t alignment, size_t bytes) {
    return fault_allocation_due(bytes, "posix_memalign") ? ENOMEM : FAULT_NEXT(posix_memalign)(ret, alignment, bytes);
}

void *__libc_malloc(size_t bytes) { return refused(bytes, "malloc") ? NULL : FAULT_NEXT(__libc_malloc)(bytes); }

void *__libc_calloc(size_t count, size_t size) {
    return refused(product(count, size), "calloc") ? NULL : FAULT_NEXT(__libc_calloc)(count, size);
}

void *__libc_realloc(void *block, size_t bytes) {
    return refused(bytes, "realloc") ? NULL : FAULT_NEXT(__libc_realloc)(block, bytes);
}

void *__libc_memalign(size_t alignment, size_t bytes) {
    return refused(bytes, "memalign") ? NULL : FAULT_NEXT(__libc_memalign)(alignment, bytes);
}
