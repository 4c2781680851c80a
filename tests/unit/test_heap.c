/* The counted allocator: spans of a thread, spans over an engine's threads. Nothing is counted under sanitizers. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/blocks.h"
#include "engine/heap.h"

#include <cmocka.h>

#define MEGABYTE (1 << 20)

static void *volatile keep_alive; /* so that no allocation is optimised away */

static void *seen(void *block) {
    keep_alive = block;
    return keep_alive;
}

static void allocate_and_free(size_t bytes) {
    keep_alive = malloc(bytes);
    assert_non_null(keep_alive);
    free(keep_alive);
}

static void *engine_thread(void *context) {
    (void)context;
    allocate_and_free(3 * MEGABYTE);
    return seen(malloc(MEGABYTE));
}

static void *own_thread(void *context) {
    heap_own_thread();
    return engine_thread(context);
}

static void *in_thread(void *(*function)(void *)) {
    pthread_t thread;
    void *block;
    assert_int_equal(pthread_create(&thread, NULL, function, NULL), 0);
    assert_int_equal(pthread_join(thread, &block), 0);
    return block;
}

/* Large blocks are a sixteenth larger at most (engine/blocks.h). */
static void near(int64_t value, int64_t expected) {
    assert_in_range(value + 65536, expected, expected + expected / 16 + 131072);
}

static void skip_uncounted(void) {
    if (!heap_counts()) {
        skip();
    }
}

static void test_peak_and_rest(void **state) {
    (void)state;
    skip_uncounted();
    struct heap_span span;
    int64_t peak, kept;
    heap_begin(&span, false);
    void *block = seen(malloc(MEGABYTE));
    allocate_and_free(4 * MEGABYTE);
    heap_end(&span, &peak, &kept);
    near(peak, 5 * MEGABYTE);
    near(kept, MEGABYTE);
    heap_begin(&span, false);
    free(block);
    heap_end(&span, &peak, &kept);
    near(peak, 0);
    near(kept, -MEGABYTE);
}

/* Every way to allocate is counted once. */
static void test_family(void **state) {
    (void)state;
    skip_uncounted();
    struct heap_span span;
    int64_t peak, kept;
    void *aligned = NULL;
    heap_begin(&span, false);
    void *block = seen(calloc(1024, 1024));
    block = seen(realloc(block, 3 * MEGABYTE));
    assert_non_null(block);
    assert_int_equal(posix_memalign(&aligned, 4096, MEGABYTE), 0);
    assert_int_equal((size_t)aligned % 4096, 0);
    void *also = seen(aligned_alloc(64, MEGABYTE));
    heap_end(&span, &peak, &kept);
    near(kept, 5 * MEGABYTE);
    free(block);
    free(aligned);
    free(also);
    heap_end(&span, &peak, &kept);
    near(kept, 0);
}

static void test_alignment_that_is_none(void **state) {
    (void)state;
    skip_uncounted();
    void *block;
    assert_int_not_equal(posix_memalign(&block, 24, 100), 0);
}

/* Other threads count only where they are asked for, and never those of ours. */
static void test_threads(void **state) {
    (void)state;
    skip_uncounted();
    struct heap_span span;
    int64_t peak, kept;
    heap_begin(&span, false);
    void *first = in_thread(engine_thread);
    heap_end(&span, &peak, &kept);
    near(peak, 0);
    heap_begin(&span, true);
    void *second = in_thread(engine_thread);
    heap_end(&span, &peak, &kept);
    near(peak, 3 * MEGABYTE);
    near(kept, MEGABYTE);
    int64_t before = heap_live();
    heap_begin(&span, true);
    void *third = in_thread(own_thread);
    heap_end(&span, &peak, &kept);
    near(kept, 0);
    near(heap_live() - before, MEGABYTE);
    free(first);
    free(second);
    free(third);
}

/* malloc() and its family give and take them. */
static void test_large_blocks(void **state) {
    (void)state;
    skip_uncounted();
    int64_t before = heap_live();
    unsigned char *block = malloc(3 * MEGABYTE), *small = malloc(100);
    assert_true(blocks_own(block) && !blocks_own(small));
    assert_true(heap_live() - before >= 3 * MEGABYTE);
    block[0] = 1;
    block[3 * MEGABYTE - 1] = 2;
    block = realloc(block, 9 * MEGABYTE);
    assert_true(blocks_own(block) && block[0] == 1 && block[3 * MEGABYTE - 1] == 2);
    block = realloc(block, 1000);
    assert_true(!blocks_own(block) && block[0] == 1);
    block = realloc(block, MEGABYTE);
    assert_true(blocks_own(block) && block[0] == 1);
    small = realloc(small, 200);
    assert_false(blocks_own(small));
    void *aligned = NULL;
    assert_int_equal(posix_memalign(&aligned, 4096, 2 * MEGABYTE), 0);
    assert_true(blocks_own(aligned) && (uintptr_t)aligned % 4096 == 0);
    unsigned char *zeros = calloc(MEGABYTE, 2);
    assert_true(blocks_own(zeros) && zeros[0] == 0 && zeros[2 * MEGABYTE - 1] == 0);
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(calloc(huge, 3));
    free(zeros);
    free(aligned);
    free(small);
    assert_null(realloc(block, 0));
    near(heap_live() - before, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peak_and_rest),          cmocka_unit_test(test_family),
        cmocka_unit_test(test_alignment_that_is_none), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_large_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
