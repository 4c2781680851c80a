/* How good predictions were: what the histogram says of them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/memory.h"
#include "memory/quality.h"

#include <cmocka.h> /* last: it has a macro fail() */

static void nothing_was_counted(void **state) {
    (void)state;
    struct quality quality = {0};
    struct quality_figures figures;
    quality_read(&quality, &figures);
    assert_true(figures.samples == 0 && figures.under == 0 && figures.median == 0 && figures.p99 == 0);
}

static void ratios_are_rounded_up(void **state) {
    (void)state;
    struct quality quality = {0};
    struct quality_figures figures;
    static const uint64_t actual[] = {0, 100, 101, 550, 1000, 1001, 1100, 5000};
    for (size_t i = 0; i < array_length(actual); i++) {
        quality_count(&quality, actual[i], 1000);
    }
    quality_read(&quality, &figures);
    assert_int_equal(figures.samples, 8);
    assert_int_equal(figures.under, 3);
    assert_true(figures.median == 0.55);
    assert_true(figures.p99 > QUALITY_STEPS / 100.0);
    struct json *json cleanup(json_drop) = quality_to_json(&quality);
    static const int expected[] = {2, 1, 0, 0, 0, 1, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1};
    const struct json *one = json_first(json_at(json, "histogram"));
    for (size_t i = 0; i < array_length(expected); i++, one = json_next(one)) {
        assert_true(json_as_real(one, -1) == expected[i]);
    }
    assert_null(one);
    assert_int_equal(json_int(json, "under", 0), 3);
}

static void the_hundredth_part_may_be_above(void **state) {
    (void)state;
    struct quality quality = {0};
    struct quality_figures figures;
    for (int i = 0; i < 198; i++) {
        quality_count(&quality, 80, 100);
    }
    quality_count(&quality, 200, 100);
    quality_count(&quality, 200, 100);
    quality_read(&quality, &figures);
    assert_true(figures.median == 0.8 && figures.p99 == 0.8);
    quality_count(&quality, 200, 100);
    quality_read(&quality, &figures);
    assert_true(figures.p99 > 1.5);
}

static void *count_many(void *quality) {
    for (int i = 0; i < 10000; i++) {
        quality_count(quality, (uint64_t)i % 20, 10);
    }
    return NULL;
}

static void threads_count_together(void **state) {
    (void)state;
    static struct quality quality;
    struct quality_figures figures;
    pthread_t threads[4];
    for (size_t i = 0; i < array_length(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, &quality), 0);
    }
    for (size_t i = 0; i < array_length(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    quality_read(&quality, &figures);
    assert_int_equal(figures.samples, 40000);
    assert_int_equal(figures.under, 4 * 500 * 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_was_counted),
        cmocka_unit_test(ratios_are_rounded_up),
        cmocka_unit_test(the_hundredth_part_may_be_above),
        cmocka_unit_test(threads_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
