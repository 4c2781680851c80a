#include "engine/heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>

#include "base/replace_heap.h"
#include "engine/blocks.h"

/* One per thread, on cache lines of their own: each is written by one thread, unless there are more than slots. */
struct slot {
    _Alignas(64) _Atomic int64_t now; /* allocated less freed by the thread; negative where it frees others' blocks */
    _Atomic int64_t top;              /* largest now since the begin of the span */
    _Atomic bool ours;
};

static struct slot slots[HEAP_SLOTS];

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

bool heap_counts(void) { return false; }

static struct slot *own_slot(void) { return &slots[0]; }

#else

bool heap_counts(void) { return true; }

static _Atomic unsigned threads_seen;
static _Thread_local struct slot *thread_slot __attribute__((tls_model("initial-exec")));

static struct slot *own_slot(void) {
    if (!thread_slot) {
        thread_slot = &slots[atomic_fetch_add_explicit(&threads_seen, 1, memory_order_relaxed) % HEAP_SLOTS];
    }
    return thread_slot;
}

static void add(int64_t bytes) {
    struct slot *slot = own_slot();
    int64_t now = atomic_fetch_add_explicit(&slot->now, bytes, memory_order_relaxed) + bytes;
    if (now > atomic_load_explicit(&slot->top, memory_order_relaxed)) {
        atomic_store_explicit(&slot->top, now, memory_order_relaxed);
    }
}

static void *counted(void *block) {
    if (block) {
        int saved = errno;
        add((int64_t)malloc_usable_size(block));
        errno = saved;
    }
    return block;
}

static void *counted_malloc(size_t size) {
    return counted(size < BLOCKS_LEAST ? __libc_malloc(size) : blocks_new(1, size, false));
}

static void *counted_calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return counted(bytes < BLOCKS_LEAST ? __libc_calloc(count, size) : blocks_new(1, bytes, true));
}

static void counted_free(void *block) {
    if (block) {
        add(-(int64_t)malloc_usable_size(block));
        blocks_own(block) ? blocks_free(block) : __libc_free(block);
    }
}

/* To or from a large block: nothing is moved by the system. */
static void *moved_by_copy(void *block, size_t size) {
    size_t usable = malloc_usable_size(block);
    if (size >= BLOCKS_LEAST && size <= usable && size >= usable / 2) {
        return block;
    }
    void *moved = size > 0 ? counted_malloc(size) : NULL;
    if (moved) {
        memcpy(moved, block, size < usable ? size : usable);
    }
    if (moved || size == 0) {
        counted_free(block);
    }
    return moved;
}

static void *counted_realloc(void *block, size_t size) {
    if (!block) {
        return counted_malloc(size);
    }
    if (size >= BLOCKS_LEAST || blocks_own(block)) {
        return moved_by_copy(block, size);
    }
    int64_t before = (int64_t)malloc_usable_size(block);
    void *moved = __libc_realloc(block, size);
    if (moved || size == 0) {
        add(-before);
    }
    return counted(moved);
}

static void *counted_memalign(size_t alignment, size_t size) {
    return counted(size < BLOCKS_LEAST ? __libc_memalign(alignment, size) : blocks_new(alignment, size, false));
}

static int counted_posix_memalign(void **ret, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
        return EINVAL;
    }
    void *block = counted_memalign(alignment, size);
    if (!block) {
        return ENOMEM;
    }
    *ret = block;
    return 0;
}

REPLACE_HEAP(counted);

#endif

static int64_t now_of(struct slot *slot) { return atomic_load_explicit(&slot->now, memory_order_relaxed); }

int64_t heap_live(void) {
    int64_t sum = 0;
    for (int i = 0; i < HEAP_SLOTS; i++) {
        sum += now_of(&slots[i]);
    }
    return sum;
}

void heap_own_thread(void) { atomic_store_explicit(&own_slot()->ours, true, memory_order_relaxed); }

static bool is_in(const struct heap_span *span, struct slot *slot) {
    return slot == own_slot() || (span->engines && !atomic_load_explicit(&slot->ours, memory_order_relaxed));
}

void heap_begin(struct heap_span *span, bool engines) {
    span->engines = engines;
    for (int i = 0; i < HEAP_SLOTS; i++) {
        if (is_in(span, &slots[i])) {
            span->before[i] = now_of(&slots[i]);
            atomic_store_explicit(&slots[i].top, span->before[i], memory_order_relaxed);
        }
    }
}

/* Peaks of several threads need not be at the same time: their sum is an upper bound. */
void heap_end(const struct heap_span *span, int64_t *ret_peak, int64_t *ret_kept) {
    int64_t peak = 0, kept = 0;
    for (int i = 0; i < HEAP_SLOTS; i++) {
        if (is_in(span, &slots[i])) {
            peak += atomic_load_explicit(&slots[i].top, memory_order_relaxed) - span->before[i];
            kept += now_of(&slots[i]) - span->before[i];
        }
    }
    *ret_peak = peak;
    *ret_kept = kept;
}
