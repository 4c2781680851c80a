/* How much may be charged: a table of limits, and a limit that changes while we look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "memory/budget.h"
#include "memory/limits.h"
#include "memory/probe.h"
#include "scratch.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define MB (UINT64_C(1) << 20)

static void lowest_limit_less_the_reserve(void **state) {
    (void)state;
    static const struct {
        uint64_t physical, cgroup, address_space, configured, budget;
    } rows[] = {
        {1000 * MB, LIMIT_NONE, LIMIT_NONE, 0, 960 * MB},
        {1000 * MB, 500 * MB, LIMIT_NONE, 0, 480 * MB},
        {1000 * MB, 500 * MB, LIMIT_NONE, 5000 * MB, 480 * MB},
        {1000 * MB, 500 * MB, LIMIT_NONE, 100 * MB, 84 * MB}, /* 4 % are less than 16 MiB */
        {1000 * MB, 400 * MB, LIMIT_NONE, 0, 384 * MB},       /* ... are 16 MiB */
        {1000 * MB, 16 * MB, LIMIT_NONE, 0, 0},
        {1000 * MB, 0, LIMIT_NONE, 0, 0},
        {1000 * MB, LIMIT_NONE, 50 * MB, 0, 960 * MB},
        {1000 * MB, 2000 * MB, LIMIT_NONE, 3000 * MB, 960 * MB},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct memory_limits limits = {
            .physical = rows[i].physical, .cgroup = rows[i].cgroup, .address_space = rows[i].address_space};
        assert_int_equal(budget_from(&limits, rows[i].configured, &reserve_presets), rows[i].budget);
    }
}

static void reserve_is_what_is_set(void **state) {
    (void)state;
    const struct memory_limits limits = {.physical = 1000 * MB, .cgroup = LIMIT_NONE};
    static const struct {
        struct reserve reserve;
        uint64_t budget;
    } rows[] = {{{.percent = 10, .least = MB}, 900 * MB},
                {{.percent = 1, .least = 20 * MB}, 980 * MB},
                {{.percent = 50, .least = 600 * MB}, 400 * MB},
                {{.percent = 1, .least = 2000 * MB}, 0}};
    for (size_t i = 0; i < array_length(rows); i++) {
        assert_int_equal(budget_from(&limits, 0, &rows[i].reserve), rows[i].budget);
    }
    assert_int_equal(budget_reserve(UINT64_MAX, &(struct reserve){.percent = 50}), UINT64_MAX / 2);
}

static void limit_of_a_budget_is_found(void **state) {
    (void)state;
    static const struct reserve reserves[] = {
        {.percent = 4, .least = 16 * MB}, {.percent = 50, .least = MB}, {.percent = 1, .least = 600 * MB}};
    for (size_t i = 0; i < array_length(reserves); i++) {
        for (uint64_t budget = MB; budget < 4000 * MB; budget = budget * 3 + 1) {
            const struct memory_limits limits = {.physical = budget_limit(budget, &reserves[i]), .cgroup = LIMIT_NONE};
            uint64_t found = budget_from(&limits, 0, &reserves[i]);
            assert_true(found + 1 >= budget && found <= budget + 1);
        }
    }
}

static void change_of_a_limit_is_seen(void **state) {
    (void)state;
    char root[] = "/tmp/octavo-test-budget-XXXXXX";
    assert_non_null(mkdtemp(root));
    struct probe *probe cleanup(probe_drop) = probe_new(root);
    assert_int_equal(scratch_put(root, "/proc/self", "cgroup", "4:memory:/a\n0::/b\n"), 0);
    assert_int_equal(scratch_put(root, "/proc/self", "mountinfo", SCRATCH_LEGACY SCRATCH_UNIFIED), 0);
    assert_int_equal(scratch_put(root, "/sys/fs/cgroup/memory/a", "memory.limit_in_bytes", "104857600\n"), 0);
    assert_int_equal(budget_read(probe, 0, &reserve_presets), 84 * MB);
    assert_int_equal(scratch_put(root, "/sys/fs/cgroup/memory/a", "memory.limit_in_bytes", "52428800\n"), 0);
    assert_int_equal(budget_read(probe, 0, &reserve_presets), 34 * MB);
    assert_int_equal(scratch_put(root, "/sys/fs/cgroup/b", "memory.high", "33554432\n"), 0);
    assert_int_equal(budget_read(probe, 0, &reserve_presets), 16 * MB);
    assert_int_equal(budget_read(probe, 20 * MB, &reserve_presets), 4 * MB);
    assert_int_equal(scratch_remove(root), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowest_limit_less_the_reserve),
        cmocka_unit_test(reserve_is_what_is_set),
        cmocka_unit_test(limit_of_a_budget_is_found),
        cmocka_unit_test(change_of_a_limit_is_seen),
    };
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
