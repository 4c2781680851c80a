/*
 * What this process has allocated, exactly: in a program that links this, the malloc() family is counted, thread by
 * thread, also where an engine calls it. So the peak of a single engine run is measured while others run. Bytes are
 * those that malloc() set aside; what an engine maps by itself (compiled code) is not seen. Built with a sanitizer,
 * which has an allocator of its own, nothing is counted. Any thread.
 */
#ifndef OCTAVO_ENGINE_HEAP_H
#define OCTAVO_ENGINE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

enum { HEAP_SLOTS = 256 /* threads that are told apart; later ones share */ };

/* Whether anything is counted. */
bool heap_counts(void);

/* Bytes allocated now by all threads. */
int64_t heap_live(void);

/* Says that what this thread allocates outside its own spans is none of an engine's (see heap_begin()). */
void heap_own_thread(void);

struct heap_span {
    bool engines;
    int64_t before[HEAP_SLOTS];
};

/*
 * Measures from here to heap_end() what this thread allocates and, with engines, all threads that are not ours
 * (heap_own_thread()): those of an engine that does not run in the calling thread. Two spans with engines must not
 * overlap; spans of one thread must not nest.
 */
void heap_begin(struct heap_span *span, bool engines);

/* The largest sum within the span, and what is left of it at its end; bytes, beyond those at its begin. */
void heap_end(const struct heap_span *span, int64_t *ret_peak, int64_t *ret_kept);

#endif
