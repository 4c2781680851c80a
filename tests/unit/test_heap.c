/* The counted allocator: spans of a thread, spans over an engine's threads. Nothing is counted under sanitizers. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

static void near(int64_t value, int64_t expected) { assert_in_range(value + 65536, expected, expected + 131072); }

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peak_and_rest),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_alignment_that_is_none),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
