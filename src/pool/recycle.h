/* Whether a worker that rests has grown with what it did, and should be replaced. Pure; one thread at a time. */
#ifndef OCTAVO_POOL_RECYCLE_H
#define OCTAVO_POOL_RECYCLE_H

#include <stddef.h>
#include <stdint.h>

enum { RECYCLE_POINTS = 64 };

/* A worker with nothing in hand. Bytes. */
struct rest {
    uint64_t documents;        /* finished so far */
    uint64_t heap, pss;        /* of its allocator; of the process, less what is kept for the next run */
    uint64_t deficit, handles; /* what unloaded models did not give back; model handles, which should be 0 */
};

struct recycle {
    double documents[RECYCLE_POINTS], heap[RECYCLE_POINTS], pss[RECYCLE_POINTS]; /* the newest */
    size_t count;
    uint64_t handles; /* at the last point */
};

/* A new worker: its past is no more. */
void recycle_begin(struct recycle *recycle);

/* Keeps the point; says why the worker should be replaced (caller frees), NULL if it need not. */
char *recycle_judge(struct recycle *recycle, const struct rest *rest);

#endif
