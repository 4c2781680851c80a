/*
 * Allocation, cleanup and moving of pointers.
 *
 * Small allocations (names, JSON, lists of lines) do not fail: when the system has none left the process says so and
 * ends with status 70; it is one of several, and its parent answers for it. Large ones (pixels, tensors, files) are
 * asked for with try_alloc(), whose failure is an ordinary ERR_NO_MEMORY.
 */
#ifndef OCTAVO_BASE_MEMORY_H
#define OCTAVO_BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

/* Runs drop(&variable) when the variable leaves its scope. */
#define cleanup(drop) __attribute__((cleanup(drop)))

/* Moves a pointer out of its variable, which becomes NULL. */
#define take(variable)                                                                                                 \
    ({                                                                                                                 \
        __typeof__(variable) *take_from_ = &(variable);                                                                \
        __typeof__(variable) taken_ = *take_from_;                                                                     \
        *take_from_ = NULL;                                                                                            \
        taken_;                                                                                                        \
    })

#define array_length(array) (sizeof(array) / sizeof((array)[0]))

/* Zeroed memory for count things of size bytes; the caller frees it. Any thread. Never NULL (see above). */
void *alloc(size_t count, size_t size);

/* Changes a block to count * size bytes, contents kept, growth not zeroed. Never NULL. */
void *resize(void *block, size_t count, size_t size);

/* Passes block on; NULL, a small allocation that was refused, ends the process as above. For libraries' own blocks. */
void *or_end(void *block);

/* Copies of a string; the caller frees them. Never NULL; NULL in gives NULL out. */
char *copy_string(const char *text);
char *copy_bytes(const char *bytes, size_t length);

/* printf into a new string; the caller frees it. */
char *format(const char *pattern, ...) __attribute__((format(printf, 1, 2), malloc));

/* Uninitialised memory for count * size bytes into *ret; the caller frees it. ERR_NO_MEMORY, also on overflow. */
int try_alloc(size_t count, size_t size, void **ret);

/* free() for cleanup(): takes the address of any pointer. */
void drop_memory(void *pointer_address);

#endif
