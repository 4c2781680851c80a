/*
 * The C heap of this process, counted and bounded: heap.c defines malloc() and its kin over those of glibc, because one
 * grant has to hold for all decoders, and each of them takes its memory in its own way. Under sanitizers, which bring a
 * malloc() of their own, nothing is counted and nothing refused. One thread.
 */
#ifndef OCTAVO_RASTER_HEAP_H
#define OCTAVO_RASTER_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* Since heap_bound(), in bytes beyond what was held then. */
struct heap_use {
    size_t held;    /* now; 0 if less is held */
    size_t peak;    /* the most that was held */
    size_t missing; /* the most that would have been held, had it not been refused; 0: nothing was refused */
};

/*
 * From now on at most so many bytes may be taken beyond what is held now; SIZE_MAX: no bound. Blocks of a page or less
 * may go 256 KiB further, so that what tells of the shortage does not fail itself. A request for more than ceiling is
 * refused by the system whatever was granted: it does not count as missing.
 */
void heap_bound(size_t bytes, size_t ceiling);

struct heap_use heap_use(void);

/*
 * Whether requests beyond the bound are granted all the same, and count as missing: for what cannot fail but by ending
 * the process, so that whoever granted too little is asked for more.
 */
void heap_lend(bool lends);

/* Counts memory from elsewhere (a memfd); false, and nothing counted, if the bound forbids it. */
bool heap_take(size_t bytes);
void heap_give(size_t bytes);

/* Who is asked to free what it can spare, before anything is refused. NULL: nobody. */
void heap_relief(void (*relieve)(void *), void *user);

#endif
