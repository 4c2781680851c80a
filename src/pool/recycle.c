#include "pool/recycle.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "memory/slope.h"

static const uint64_t MOST_DEFICIT = 64 << 20;

/* Bytes a document: what may be noise, and what would be a leak that matters in a life of many thousand documents. */
static const double HEAP_CLIMB = 4096, PSS_CLIMB = 16384;

void recycle_begin(struct recycle *recycle) { *recycle = (struct recycle){0}; }

/* The oldest point goes when there is no place left. */
static void keep(struct recycle *recycle, const struct rest *rest) {
    if (recycle->count == RECYCLE_POINTS) {
        size_t bytes = (RECYCLE_POINTS - 1) * sizeof(double);
        memmove(recycle->documents, recycle->documents + 1, bytes);
        memmove(recycle->heap, recycle->heap + 1, bytes);
        memmove(recycle->pss, recycle->pss + 1, bytes);
        recycle->count--;
    }
    recycle->documents[recycle->count] = (double)rest->documents;
    recycle->heap[recycle->count] = (double)rest->heap;
    recycle->pss[recycle->count] = (double)rest->pss;
    recycle->count++;
}

char *recycle_judge(struct recycle *recycle, const struct rest *rest) {
    keep(recycle, rest);
    if (rest->deficit > MOST_DEFICIT) {
        return format("%llu MB of unloaded models were not given back", (unsigned long long)(rest->deficit / 1000000));
    }
    bool again = recycle->handles > 0; /* once it may be a page that came while the worker was asked */
    recycle->handles = rest->handles;
    if (again && rest->handles > 0) {
        return format("%llu model handles are held by nobody", (unsigned long long)rest->handles);
    }
    if (slope_climbs(recycle->documents, recycle->heap, recycle->count, HEAP_CLIMB)) {
        return format("its heap at rest climbs, to %.1f MB", (double)rest->heap / 1e6);
    }
    if (slope_climbs(recycle->documents, recycle->pss, recycle->count, PSS_CLIMB)) {
        return format("its memory at rest climbs, to %.1f MB", (double)rest->pss / 1e6);
    }
    return NULL;
}
