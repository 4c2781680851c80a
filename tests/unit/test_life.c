/* Waiting between tries, and when a worker is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pool/backoff.h"
#include "pool/recycle.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static void waits_double_up_to_half_a_minute(void **state) {
    (void)state;
    static const double expected[] = {0, 0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30};
    struct backoff backoff = {0};
    for (size_t i = 0; i < array_length(expected); i++) {
        assert_int_equal(backoff_next(&backoff, 0, 100 * SECOND), 100 * SECOND + (int64_t)(expected[i] * 1e9));
    }
}

static void a_healthy_minute_forgives(void **state) {
    (void)state;
    struct backoff backoff = {0};
    for (int i = 0; i < 4; i++) {
        backoff_next(&backoff, 0, 100 * SECOND);
    }
    assert_int_equal(backoff_next(&backoff, 41 * SECOND, 100 * SECOND), 102 * SECOND); /* 59 s were not enough */
    assert_int_equal(backoff_next(&backoff, 40 * SECOND, 100 * SECOND), 100 * SECOND);
    assert_int_equal(backoff_next(&backoff, 0, 100 * SECOND), 100 * SECOND + SECOND / 4);
    backoff_forgive(&backoff);
    assert_int_equal(backoff_next(&backoff, 0, 100 * SECOND), 100 * SECOND);
}

/* Judges count points whose heap and PSS are given by their start and what each document adds; the last reason. */
static char *judge(struct recycle *recycle, size_t count, uint64_t heap_each, uint64_t pss_each) {
    char *reason = NULL;
    for (uint64_t i = 0; i < count && !reason; i++) {
        uint64_t noise = (i * 7919) % 5000;
        const struct rest rest = {
            .documents = i, .heap = 50000000 + i * heap_each + noise, .pss = 90000000 + i * pss_each + 4 * noise};
        reason = recycle_judge(recycle, &rest);
    }
    return reason;
}

static void noise_is_no_reason(void **state) {
    (void)state;
    struct recycle recycle = {0};
    assert_null(judge(&recycle, 500, 0, 0));
}

static void a_climb_is_a_reason_until_it_begins_anew(void **state) {
    (void)state;
    struct recycle recycle = {0};
    char *heap = judge(&recycle, 200, 20000, 20000);
    assert_non_null(heap);
    assert_non_null(strstr(heap, "heap at rest climbs"));
    free(heap);
    recycle_begin(&recycle);
    char *pss = judge(&recycle, 200, 0, 100000);
    assert_non_null(pss);
    assert_non_null(strstr(pss, "memory at rest climbs"));
    free(pss);
    recycle_begin(&recycle);
    assert_null(judge(&recycle, 3, 20000, 20000));
}

static void deficit_and_lost_handles_are_reasons(void **state) {
    (void)state;
    struct recycle recycle = {0};
    const struct rest little = {.documents = 1, .deficit = 60 << 20}, much = {.documents = 2, .deficit = 65 << 20},
                      lost = {.documents = 3, .handles = 1};
    assert_null(recycle_judge(&recycle, &little));
    char *first = recycle_judge(&recycle, &much);
    assert_null(recycle_judge(&recycle, &lost)); /* once does not count */
    char *second = recycle_judge(&recycle, &lost);
    assert_non_null(first);
    assert_non_null(second);
    assert_string_equal(first, "68 MB of unloaded models were not given back");
    free(first);
    free(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_half_a_minute),
        cmocka_unit_test(a_healthy_minute_forgives),
        cmocka_unit_test(noise_is_no_reason),
        cmocka_unit_test(a_climb_is_a_reason_until_it_begins_anew),
        cmocka_unit_test(deficit_and_lost_handles_are_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
