/* Large blocks: reused by size, bounded together, given back, and known to glibc's own questions. */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/blocks.h"
#include "engine/heap.h"

#include <cmocka.h>

#define MEGABYTE (UINT64_C(1) << 20)

static uint64_t used(void) {
    uint64_t in_use, kept;
    blocks_read(&in_use, &kept);
    return in_use;
}

static uint64_t kept(void) {
    uint64_t in_use, still;
    blocks_read(&in_use, &still);
    return still;
}

static int forget(void **state) {
    (void)state;
    blocks_bound(0);
    blocks_keep(UINT64_MAX);
    assert_int_equal(kept(), 0);
    return 0;
}

static void sizes_and_alignments_hold(void **state) {
    (void)state;
    for (size_t size = 1; size < 40 * MEGABYTE; size = size * 3 / 2 + 4093) {
        for (size_t alignment = 1; alignment <= 1 << 20; alignment *= 16) {
            unsigned char *block = blocks_new(alignment, size, true);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % (alignment < 64 ? 64 : alignment), 0);
            assert_true(blocks_own(block) && blocks_size(block) >= size);
            assert_true(!heap_counts() || malloc_usable_size(block) == blocks_size(block));
            size_t most = (size < BLOCKS_LEAST ? BLOCKS_LEAST : size) + alignment + 64;
            assert_true(blocks_size(block) <= most + most / 16 + 4096);
            block[0] = block[blocks_size(block) - 1] = 1;
            blocks_free(block);
        }
    }
    assert_int_equal(used(), 0);
}

static void what_is_kept_is_found_again(void **state) {
    (void)state;
    blocks_bound(64 * MEGABYTE);
    unsigned char *block = blocks_new(1, 5 * MEGABYTE, false);
    memset(block, 7, 5 * MEGABYTE);
    blocks_free(block);
    assert_true(kept() >= 5 * MEGABYTE);
    unsigned char *again = blocks_new(1, 5 * MEGABYTE - 1000, true);
    assert_ptr_equal(again, block);
    assert_true(kept() == 0 && again[0] == 0 && again[5 * MEGABYTE - 1001] == 0);
    blocks_free(again);
    unsigned char *larger = blocks_new(1, 7 * MEGABYTE, false); /* none is large enough */
    assert_ptr_not_equal(larger, block);
    assert_true(kept() >= 5 * MEGABYTE);
    blocks_free(larger);
    assert_true(blocks_trim() >= 12 * MEGABYTE && kept() == 0);
}

static void used_and_kept_stay_within_the_bound(void **state) {
    (void)state;
    blocks_bound(10 * MEGABYTE);
    void *first = blocks_new(1, 4 * MEGABYTE, false), *second = blocks_new(1, 3 * MEGABYTE, false);
    blocks_free(first);
    assert_true(kept() >= 4 * MEGABYTE);
    void *third = blocks_new(1, 6 * MEGABYTE, false); /* beside the second only when the first has gone */
    assert_int_equal(kept(), 0);
    assert_true(used() >= 9 * MEGABYTE && used() <= 10 * MEGABYTE);
    void *fourth = blocks_new(1, 6 * MEGABYTE, false); /* what is needed is given all the same */
    assert_non_null(fourth);
    blocks_free(fourth);
    assert_int_equal(kept(), 0);
    blocks_free(third);
    assert_true(kept() >= 6 * MEGABYTE);
    blocks_bound(4 * MEGABYTE);
    assert_int_equal(kept(), 0);
    blocks_free(second);
    assert_true(kept() >= 3 * MEGABYTE);
}

static void the_oldest_goes_first(void **state) {
    (void)state;
    blocks_bound(20 * MEGABYTE);
    void *old = blocks_new(1, 4 * MEGABYTE, false), *young = blocks_new(1, 8 * MEGABYTE, false);
    blocks_free(old);
    blocks_free(young);
    void *more = blocks_new(1, 10 * MEGABYTE, false);
    assert_true(kept() >= 8 * MEGABYTE && kept() < 12 * MEGABYTE);
    assert_ptr_equal(blocks_new(1, 8 * MEGABYTE, false), young);
    blocks_free(more);
    blocks_free(young);
}

static void no_more_is_kept_than_is_worth_it(void **state) {
    (void)state;
    void *block[4];
    blocks_bound(64 * MEGABYTE);
    blocks_keep(10 * MEGABYTE);
    for (size_t i = 0; i < 4; i++) {
        block[i] = blocks_new(1, (i + 1) * 2 * MEGABYTE, false);
    }
    for (size_t i = 0; i < 4; i++) {
        blocks_free(block[i]);
        assert_true(kept() <= 10 * MEGABYTE);
    }
    assert_true(kept() >= 8 * MEGABYTE); /* the last one */
    blocks_keep(0);
    assert_int_equal(kept(), 0);
}

static void what_cannot_be_had_is_refused(void **state) {
    (void)state;
    assert_null(blocks_new(1, SIZE_MAX, false));
    assert_null(blocks_new(1, SIZE_MAX - 5000, false));
    assert_null(blocks_new(1, (size_t)1 << 46, false));
    assert_int_equal(used(), 0);
}

static void *churn(void *context) {
    unsigned seed = (unsigned)(uintptr_t)context;
    void *held[8] = {0};
    for (int i = 0; i < 4000; i++) {
        seed = seed * 1664525 + 1013904223;
        void **place = &held[seed >> 16 & 7];
        if (*place) {
            assert_int_equal(*(unsigned char *)*place, (unsigned char)((uintptr_t)place >> 3));
            blocks_free(*place);
        }
        *place = blocks_new(1, BLOCKS_LEAST + (seed >> 8) % (2 * MEGABYTE), false);
        *(unsigned char *)*place = (unsigned char)((uintptr_t)place >> 3);
        if (i % 256 == 0) {
            blocks_bound((seed >> 12 & 31) * MEGABYTE);
        }
    }
    for (size_t i = 0; i < 8; i++) {
        if (held[i]) {
            blocks_free(held[i]);
        }
    }
    return NULL;
}

static void threads_share_them(void **state) {
    (void)state;
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(used(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sizes_and_alignments_hold, forget),
        cmocka_unit_test_setup(what_is_kept_is_found_again, forget),
        cmocka_unit_test_setup(used_and_kept_stay_within_the_bound, forget),
        cmocka_unit_test_setup(the_oldest_goes_first, forget),
        cmocka_unit_test_setup(no_more_is_kept_than_is_worth_it, forget),
        cmocka_unit_test_setup(what_cannot_be_had_is_refused, forget),
        cmocka_unit_test_setup(threads_share_them, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
