/*
 * A library to be preloaded that makes one step of one process fail. What fails is told by the environment:
 *   OCTAVO_FAULT=PROGRAM:KIND:N   the N-th step of KIND (alloc, large, call, engine) in PROGRAM, counted from its
 * main() OCTAVO_FAULT_LOG=FILE         is made when it has failed, with the name of the step; one that is there
 * prevents it So one step fails in a run, even where a process that died of it is started again. Any thread.
 */
#ifndef OCTAVO_FAULT_H
#define OCTAVO_FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum fault_kind {
    FAULT_ALLOC,  /* allocations: the heap, anonymous mappings, memfds */
    FAULT_LARGE,  /* those of them that have FAULT_LARGE_BYTES or more */
    FAULT_CALL,   /* functions of the system */
    FAULT_ENGINE, /* functions of the inference engine */
};

enum { FAULT_LARGE_BYTES = 64 * 1024 };

/* Whether this process is the one that is meant, and kind the kind. */
bool fault_armed(enum fault_kind kind);

/* Counts a step; whether it is the one that fails. errno stays as it was. */
bool fault_due(enum fault_kind kind, const char *step);

/* Counts an allocation, as FAULT_ALLOC and as FAULT_LARGE. */
bool fault_allocation_due(size_t bytes, const char *step);

/* The function that a name would have meant without this library. Ends the process if there is none. */
void *fault_next(const char *name);

#define FAULT_NEXT(name)                                                                                               \
    ({                                                                                                                 \
        static __typeof__(&(name)) next_;                                                                              \
        if (!next_) {                                                                                                  \
            next_ = (__typeof__(&(name)))fault_next(#name);                                                            \
        }                                                                                                              \
        next_;                                                                                                         \
    })

#endif
