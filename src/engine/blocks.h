/*
 * The large blocks of this process's heap (engine/heap.h), each a mapping of its own. One that is freed is kept for the
 * next of its size, which finds its pages there; yet what is in use and what is kept never exceed a bound together: so
 * what the heap holds is what was charged for it, whatever sizes come. In glibc's heap, blocks of ever other sizes
 * leave holes that nobody sees and nobody charged. Any thread.
 */
#ifndef OCTAVO_ENGINE_BLOCKS_H
#define OCTAVO_ENGINE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOCKS_LEAST = 128 << 10 /* bytes; smaller requests are not for this */ };

/* A block of at least size bytes at a multiple of alignment (a power of two); NULL if the system refuses it. */
void *blocks_new(size_t alignment, size_t size, bool zeroed);

/* Whether block, which malloc() or blocks_new() gave, is one of these. */
bool blocks_own(const void *block);

/* Bytes that may be used of one; malloc_usable_size() says the same. */
size_t blocks_size(const void *block);

void blocks_free(void *block);

/* The bound, in bytes; 0 at first: nothing is kept. What is kept beyond it goes back to the system now. */
void blocks_bound(uint64_t bytes);

/* What is kept is at most so many bytes, whatever the bound; UINT64_MAX at first. What is beyond it goes back now. */
void blocks_keep(uint64_t most);

/* Gives all that is kept back to the system; returns the bytes. */
uint64_t blocks_trim(void);

/* Bytes of the blocks in use, and of those that are kept. */
void blocks_read(uint64_t *ret_used, uint64_t *ret_kept);

#endif
