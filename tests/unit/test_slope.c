/* The slope that recycles a worker: a leak is seen through noise, and nothing else is taken for one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "memory/slope.h"

#include <cmocka.h>

enum { MOST = 600, TRIALS = 40 };
static double x[MOST], y[MOST];

/* Roughly normal, deviation 1. */
static double noise(unsigned *seed) {
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        sum += (double)rand_r(seed) / RAND_MAX;
    }
    return sum - 6;
}

static void make(size_t count, double slope, double deviation, unsigned seed) {
    for (size_t i = 0; i < count; i++) {
        x[i] = (double)i;
        y[i] = 50 + slope * x[i] + deviation * noise(&seed);
    }
}

static void a_line_has_its_slope(void **state) {
    (void)state;
    make(100, 3, 0, 1);
    assert_true(fabs(slope_robust(x, y, 100) - 3) < 1e-9);
    make(100, -0.5, 0, 1);
    assert_true(fabs(slope_robust(x, y, 100) + 0.5) < 1e-9);
    assert_true(slope_robust(x, y, 0) == 0 && slope_robust(x, y, 1) == 0);
    x[1] = x[0];
    assert_true(slope_robust(x, y, 2) == 0);
}

static void outliers_do_not_move_it(void **state) {
    (void)state;
    make(100, 2, 0.5, 2);
    for (size_t i = 0; i < 100; i += 5) {
        y[i] = i % 2 ? 1e6 : -1e6;
    }
    assert_true(fabs(slope_robust(x, y, 100) - 2) < 0.1);
    assert_true(slope_climbs(x, y, 100, 1));
    make(100, 0, 1, 3);
    for (size_t i = 80; i < 100; i += 2) {
        y[i] = 1e6;
    }
    assert_false(slope_climbs(x, y, 100, 0.05));
}

static void noise_does_not_climb(void **state) {
    (void)state;
    int taken = 0;
    for (unsigned seed = 1; seed <= TRIALS * 10; seed++) {
        make(100, 0, 5, seed * 2654435761U);
        taken += slope_climbs(x, y, 100, 0);
        make(20, 0, 5, seed * 2654435761U);
        taken += slope_climbs(x, y, 20, 0);
    }
    assert_true(taken <= TRIALS * 10 * 2 / 200);
}

static void a_climb_is_seen(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= TRIALS; seed++) {
        make(100, 1, 5, seed);
        assert_true(slope_climbs(x, y, 100, 0.5));
        assert_false(slope_climbs(x, y, 100, 1.5));
        make(100, -1, 5, seed);
        assert_false(slope_climbs(x, y, 100, 0));
    }
}

static void few_points_tell_nothing(void **state) {
    (void)state;
    make(8, 1, 0, 1);
    assert_false(slope_climbs(x, y, 8, 0));
    make(9, 1, 0, 1);
    assert_true(slope_climbs(x, y, 9, 0));
}

static void a_step_is_no_climb(void **state) {
    (void)state;
    for (size_t at = 2; at < 100; at += 7) {
        make(100, 0, 1, (unsigned)at);
        for (size_t i = at; i < 100; i++) {
            y[i] += 200;
        }
        assert_false(slope_climbs(x, y, 100, 0.1));
    }
}

static void warming_up_is_no_climb(void **state) {
    (void)state;
    make(100, 0, 1, 5);
    for (size_t i = 0; i < 100; i++) {
        y[i] += 100 * (1 - exp(-(double)i / 8));
    }
    assert_false(slope_climbs(x, y, 100, 0.1));
}

/* An allocator grows by whole arenas. */
static void many_steps_are_a_climb(void **state) {
    (void)state;
    make(120, 0, 0.1, 6);
    for (size_t i = 0; i < 120; i++) {
        y[i] += 64 * (double)(i / 12);
    }
    assert_true(slope_climbs(x, y, 120, 1));
}

static void the_last_points_count(void **state) {
    (void)state;
    make(MOST, 1, 0, 1);
    for (size_t i = 0; i < MOST - SLOPE_POINTS; i++) {
        y[i] = 1e9;
    }
    assert_true(fabs(slope_robust(x, y, MOST) - 1) < 1e-9);
    assert_true(slope_climbs(x, y, MOST, 0.9));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_slope),    cmocka_unit_test(outliers_do_not_move_it),
        cmocka_unit_test(noise_does_not_climb),    cmocka_unit_test(a_climb_is_seen),
        cmocka_unit_test(few_points_tell_nothing), cmocka_unit_test(a_step_is_no_climb),
        cmocka_unit_test(warming_up_is_no_climb),  cmocka_unit_test(many_steps_are_a_climb),
        cmocka_unit_test(the_last_points_count),
    };
    return cmocka_run_group_tests_name("slope", tests, NULL, NULL);
}
