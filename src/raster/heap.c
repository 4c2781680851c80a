#include "raster/heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>

#include "base/replace_heap.h"

static struct {
    size_t held, start, peak, missing; /* start: what was held at heap_bound() */
    size_t limit, ceiling;             /* of held; of one request */
    void (*relieve)(void *);
    void *user;
    bool lends;
} heap = {.limit = SIZE_MAX, .ceiling = SIZE_MAX};

static size_t beyond_start(size_t bytes) { return bytes > heap.start ? bytes - heap.start : 0; }

void heap_bound(size_t bytes, size_t ceiling) {
    heap.start = heap.peak = heap.held;
    heap.missing = 0;
    heap.limit = bytes < SIZE_MAX - heap.held ? heap.held + bytes : SIZE_MAX;
    heap.ceiling = ceiling;
}

struct heap_use heap_use(void) {
    return (struct heap_use){
        .held = beyond_start(heap.held), .peak = beyond_start(heap.peak), .missing = beyond_start(heap.missing)};
}

void heap_relief(void (*relieve)(void *), void *user) {
    heap.relieve = relieve;
    heap.user = user;
}

void heap_lend(bool lends) { heap.lends = lends; }

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

bool heap_take(size_t bytes) {
    (void)bytes;
    return true;
}

void heap_give(size_t bytes) { (void)bytes; }

#else

enum {
    SMALL_BYTES = 4096,         /* requests that may use the reserve */
    RESERVE_BYTES = 256 << 10,  /* beyond the limit */
    HEAD_BYTES = sizeof(size_t) /* what glibc keeps in front of a block */
};

static bool fits(size_t more) {
    size_t limit = heap.limit;
    if (more <= SMALL_BYTES && limit < SIZE_MAX - RESERVE_BYTES) {
        limit += RESERVE_BYTES;
    }
    return heap.held <= limit && more <= limit - heap.held;
}

/* Has whoever can spare something free it; false if there is nobody, or this is asked while it is at it. */
static bool relieved(void) {
    void (*relieve)(void *) = heap.relieve;
    if (!relieve) {
        return false;
    }
    heap.relieve = NULL;
    relieve(heap.user);
    heap.relieve = relieve;
    return true;
}

static void refuse(size_t more) {
    if (heap.limit != SIZE_MAX && more <= heap.ceiling && heap.held + more > heap.missing) {
        heap.missing = heap.held + more;
    }
    errno = ENOMEM;
}

static bool admit(size_t more) {
    if (fits(more) || (relieved() && fits(more))) {
        return true;
    }
    refuse(more);
    return heap.lends;
}

static void count(size_t bytes) {
    heap.held += bytes;
    if (heap.held > heap.peak) {
        heap.peak = heap.held;
    }
}

/* A block may have been taken before this file was there to count it. */
static void uncount(size_t bytes) { heap.held -= bytes < heap.held ? bytes : heap.held; }

static size_t cost(void *block) { return block ? malloc_usable_size(block) + HEAD_BYTES : 0; }

bool heap_take(size_t bytes) {
    if (!admit(bytes)) {
        return false;
    }
    count(bytes);
    return true;
}

void heap_give(size_t bytes) { uncount(bytes); }

/* What became of a request that admit() let pass: the address space may be exhausted all the same. */
static void *taken(void *block, size_t wanted) {
    if (block) {
        count(cost(block));
    } else {
        refuse(wanted);
    }
    return block;
}

static void *bounded_malloc(size_t size) { return admit(size) ? taken(__libc_malloc(size), size) : NULL; }

static void *bounded_calloc(size_t number, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(number, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return admit(bytes) ? taken(__libc_calloc(number, size), bytes) : NULL;
}

static void *bounded_memalign(size_t alignment, size_t size) {
    return admit(size) ? taken(__libc_memalign(alignment, size), size) : NULL;
}

static int bounded_posix_memalign(void **ret, size_t alignment, size_t size) {
    void *block = bounded_memalign(alignment, size);
    if (!block) {
        return ENOMEM;
    }
    *ret = block;
    return 0;
}

static void *bounded_realloc(void *block, size_t size) {
    size_t before = cost(block);
    if (size > before && !admit(size - before)) {
        return NULL;
    }
    void *moved = __libc_realloc(block, size);
    if (!moved && size > 0) {
        return taken(NULL, size);
    }
    uncount(before);
    count(cost(moved));
    return moved;
}

static void bounded_free(void *block) {
    uncount(cost(block));
    __libc_free(block);
}

REPLACE_HEAP(bounded);

#endif
