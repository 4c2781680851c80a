/*
 * For a file that puts functions of its own in the place of malloc() and its family, for its process and all libraries
 * in it: glibc's, which it exports for them under other names, and REPLACE_HEAP(), which names theirs. A process has
 * one such file at most.
 */
#ifndef OCTAVO_BASE_REPLACE_HEAP_H
#define OCTAVO_BASE_REPLACE_HEAP_H

#include <malloc.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* malloc() is OWN_malloc() of this file from here on, and so calloc(), realloc(), memalign(), posix_memalign(), free();
 * aligned_alloc() is OWN_memalign(). */
#define REPLACE_HEAP(own)                                                                                              \
    REPLACE_HEAP_BY(malloc, own##_malloc);                                                                             \
    REPLACE_HEAP_BY(calloc, own##_calloc);                                                                             \
    REPLACE_HEAP_BY(realloc, own##_realloc);                                                                           \
    REPLACE_HEAP_BY(memalign, own##_memalign);                                                                         \
    REPLACE_HEAP_BY(posix_memalign, own##_posix_memalign);                                                             \
    REPLACE_HEAP_BY(free, own##_free);                                                                                 \
    REPLACE_HEAP_BY(aligned_alloc, own##_memalign)
#define REPLACE_HEAP_BY(name, own) __typeof__(name) name __attribute__((alias(#own)))

#endif
