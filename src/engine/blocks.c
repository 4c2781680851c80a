#include "engine/blocks.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Sizes of mappings grow in steps of a sixteenth of the power of two below: what a block is larger than was asked for
 * is little, and equal enough sizes meet.
 */
enum { STEPS_BITS = 4, BINS = (48 - 17) << STEPS_BITS, NEIGHBOURS = 3 /* bins that are looked into */ };
#define PAGE UINT64_C(4096)
#define MARK UINT64_C(0x6f637461766f2d62)
#define MAPPED UINT64_C(2) /* glibc's flag of a chunk that is a mapping of its own */

/*
 * Stands in front of what the caller gets. Its end is what glibc expects in front of a mapped chunk, so that
 * malloc_usable_size() is right; where glibc notes how far the chunk is from its mapping, which is never more than the
 * alignment, we have our mark.
 */
struct head {
    char *start; /* of the mapping */
    uint64_t length;
    struct head *next; /* in the bin, of those kept */
    struct head *older, *newer;
    uint64_t spare;
    uint64_t mark, chunk;
};
_Static_assert(sizeof(struct head) == 64, "aligned as tensors should be");

static struct {
    pthread_mutex_t lock; /* of all below */
    uint64_t bound, used, kept, most;
    struct head *bins[BINS];
    struct head *oldest, *newest; /* of those kept */
} blocks = {.lock = PTHREAD_MUTEX_INITIALIZER, .most = UINT64_MAX};

static struct head *head_of(const void *block) { return (struct head *)(uintptr_t)block - 1; }

static uint64_t mark_of(const struct head *head) { return MARK ^ (uint64_t)(uintptr_t)head; }

/* The bin of the least size that holds length bytes, and that size: (16 + step) / 16 of a power of two. */
static int bin_of(uint64_t length, uint64_t *ret_size) {
    int power = 63 - __builtin_clzll(length - 1);
    uint64_t unit = UINT64_C(1) << (power - STEPS_BITS);
    uint64_t steps = (length - (UINT64_C(1) << power) + unit - 1) / unit;
    *ret_size = (UINT64_C(1) << power) + steps * unit;
    return ((power - 17) << STEPS_BITS) + (int)steps;
}

/* ---- with the lock ---- */

static void unlink_kept(struct head *head, int bin) {
    struct head **place = &blocks.bins[bin];
    while (*place != head) {
        place = &(*place)->next;
    }
    *place = head->next;
    *(head->older ? &head->older->newer : &blocks.oldest) = head->newer;
    *(head->newer ? &head->newer->older : &blocks.newest) = head->older;
    blocks.kept -= head->length;
}

static void keep(struct head *head) {
    uint64_t size;
    int bin = bin_of(head->length, &size);
    head->next = blocks.bins[bin];
    blocks.bins[bin] = head;
    head->older = blocks.newest;
    head->newer = NULL;
    *(blocks.newest ? &blocks.newest->newer : &blocks.oldest) = head;
    blocks.newest = head;
    blocks.kept += head->length;
}

static struct head *take_kept(int bin) {
    for (int i = bin; i < bin + NEIGHBOURS && i < BINS; i++) {
        struct head *head = blocks.bins[i];
        if (head) {
            unlink_kept(head, i);
            return head;
        }
    }
    return NULL;
}

/* Takes those kept out, the oldest first, until more bytes are within the bounds; they are linked by next. */
static struct head *spare_kept(uint64_t more) {
    struct head *spared = NULL;
    while (blocks.oldest && (blocks.kept > blocks.most || blocks.used + blocks.kept + more > blocks.bound)) {
        struct head *head = blocks.oldest;
        uint64_t size;
        unlink_kept(head, bin_of(head->length, &size));
        head->next = spared;
        spared = head;
    }
    return spared;
}

/* ---- without ---- */

static void unmap(struct head *spared) {
    while (spared) {
        struct head *next = spared->next;
        munmap(spared->start, spared->length);
        spared = next;
    }
}

/* Where the caller's part begins in a mapping. */
static struct head *place_head(uintptr_t start, uint64_t length, size_t alignment) {
    uintptr_t first = start + sizeof(struct head);
    struct head *head = head_of((void *)((first + alignment - 1) & ~(uintptr_t)(alignment - 1)));
    uint64_t usable = length - ((uintptr_t)(head + 1) - start);
    *head = (struct head){.start = (char *)start,
                          .length = length,
                          .mark = mark_of(head),
                          .chunk = (usable + 2 * sizeof(size_t)) | MAPPED};
    return head;
}

static char *map(uint64_t length) {
    char *start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start != MAP_FAILED) {
        return start;
    }
    blocks_trim(); /* what is kept may be what is missing */
    start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void *blocks_new(size_t alignment, size_t size, bool zeroed) {
    uint64_t asked, length;
    alignment = alignment < sizeof(struct head) ? sizeof(struct head) : alignment;
    size = size < BLOCKS_LEAST ? BLOCKS_LEAST : size;
    if (__builtin_add_overflow(size, alignment + PAGE - 1, &asked) || asked >> 47) {
        errno = ENOMEM;
        return NULL;
    }
    int bin = bin_of(asked & ~(PAGE - 1), &length);
    pthread_mutex_lock(&blocks.lock);
    struct head *found = take_kept(bin);
    struct head *spared = found ? NULL : spare_kept(length);
    blocks.used += found ? found->length : length;
    pthread_mutex_unlock(&blocks.lock);
    unmap(spared);
    char *start = found ? found->start : map(length);
    if (!start) {
        pthread_mutex_lock(&blocks.lock);
        blocks.used -= length;
        pthread_mutex_unlock(&blocks.lock);
        errno = ENOMEM;
        return NULL;
    }
    struct head *head = place_head((uintptr_t)start, found ? found->length : length, alignment);
    if (found && zeroed) {
        memset(head + 1, 0, size);
    }
    return head + 1;
}

bool blocks_own(const void *block) {
    const struct head *head = head_of(block);
    return (head->chunk & 7) == MAPPED && head->mark == mark_of(head);
}

size_t blocks_size(const void *block) { return (head_of(block)->chunk & ~MAPPED) - 2 * sizeof(size_t); }

void blocks_free(void *block) {
    struct head *head = head_of(block);
    head->mark = 0;
    pthread_mutex_lock(&blocks.lock);
    blocks.used -= head->length;
    keep(head);
    struct head *spared = spare_kept(0);
    pthread_mutex_unlock(&blocks.lock);
    unmap(spared);
}

/* Sets one of the bounds. */
static void set(uint64_t *bound, uint64_t bytes) {
    pthread_mutex_lock(&blocks.lock);
    *bound = bytes;
    struct head *spared = spare_kept(0);
    pthread_mutex_unlock(&blocks.lock);
    unmap(spared);
}

void blocks_bound(uint64_t bytes) { set(&blocks.bound, bytes); }

void blocks_keep(uint64_t most) { set(&blocks.most, most); }

uint64_t blocks_trim(void) {
    pthread_mutex_lock(&blocks.lock);
    uint64_t bound = blocks.bound, kept = blocks.kept;
    blocks.bound = 0;
    struct head *spared = spare_kept(0);
    blocks.bound = bound;
    pthread_mutex_unlock(&blocks.lock);
    unmap(spared);
    return kept;
}

void blocks_read(uint64_t *ret_used, uint64_t *ret_kept) {
    pthread_mutex_lock(&blocks.lock);
    *ret_used = blocks.used;
    *ret_kept = blocks.kept;
    pthread_mutex_unlock(&blocks.lock);
}
