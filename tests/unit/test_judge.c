/* From readings to levels: tables of what is read each second and what follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "memory/judge.h"
#include "memory/probe.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define SECOND INT64_C(1000000000)
#define MB (UINT64_C(1) << 20)
#define UNKNOWN -1 /* as used */

/* A row of a table: what is read (MiB used of 1000), and the level. */
struct row {
    int64_t used;
    enum pressure level;
    double some, full;
    uint64_t kills;
    bool easing;
};

/* One reading a second. */
static void expect(const struct row *rows, size_t count) {
    struct judgement judgement = {0};
    int64_t entered = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t now = (int64_t)(i + 100) * SECOND;
        struct memory_reading reading = {.oom_kills = rows[i].kills, .psi_some = -1, .psi_full = -1};
        if (rows[i].used != UNKNOWN) {
            reading_add(&reading, 1000 * MB, (uint64_t)rows[i].used * MB, "cgroup2");
        }
        reading.psi_some = rows[i].some > 0 ? rows[i].some : -1;
        reading.psi_full = rows[i].full > 0 ? rows[i].full : -1;
        enum pressure before = judgement.level;
        judgement = judge(&reading, &judge_presets, judgement, now);
        if (judgement.level != rows[i].level || judgement.easing != rows[i].easing) {
            print_error("row %zu: %s, not %s%s\n", i, pressure_word(judgement.level), pressure_word(rows[i].level),
                        judgement.easing != rows[i].easing ? "; easing differs" : "");
        }
        assert_int_equal(judgement.level, rows[i].level);
        assert_int_equal(judgement.easing, rows[i].easing);
        entered = judgement.level == before ? entered : now;
        assert_int_equal(judgement.since, entered);
    }
}
#define EXPECT(rows) expect(rows, array_length(rows))

static void words_are_from_the_table(void **state) {
    (void)state;
    assert_string_equal(pressure_word(PRESSURE_UNKNOWN), "unknown");
    assert_string_equal(pressure_word(PRESSURE_CRITICAL), "critical");
}

static void full_use_of_the_budget_is_ok(void **state) {
    (void)state;
    static const struct row rows[] = {{.used = 0, .level = PRESSURE_OK},
                                      {.used = 960, .level = PRESSURE_OK},
                                      {.used = 969, .level = PRESSURE_OK},
                                      {.used = 970, .level = PRESSURE_ELEVATED}};
    EXPECT(rows);
}

static void another_reserve_is_stretched_to_the_usual(void **state) {
    (void)state;
    struct judge_thresholds thresholds = judge_presets;
    thresholds.reserve = (struct reserve){.percent = 20, .least = MB};
    static const struct {
        uint64_t used;
        enum pressure level;
    } rows[] = {{800, PRESSURE_OK}, /* the budget in full use */
                {849, PRESSURE_OK},
                {851, PRESSURE_ELEVATED},
                {926, PRESSURE_HIGH},
                {976, PRESSURE_CRITICAL}};
    for (size_t i = 0; i < array_length(rows); i++) {
        struct memory_reading reading = {.psi_some = -1, .psi_full = -1};
        reading_add(&reading, 1000 * MB, rows[i].used * MB, "cgroup2");
        assert_int_equal(judge(&reading, &thresholds, (struct judgement){0}, SECOND).level, rows[i].level);
    }
}

static void level_rises_at_once(void **state) {
    (void)state;
    static const struct row rows[] = {{.used = 970, .level = PRESSURE_ELEVATED},
                                      {.used = 985, .level = PRESSURE_HIGH},
                                      {.used = 995, .level = PRESSURE_CRITICAL}};
    EXPECT(rows);
    static const struct row leap[] = {{.used = 10, .level = PRESSURE_OK}, {.used = 1200, .level = PRESSURE_CRITICAL}};
    EXPECT(leap);
}

static void level_falls_after_the_hold_time(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.used = 999, .level = PRESSURE_CRITICAL},
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 500, .level = PRESSURE_OK},
        {.used = 500, .level = PRESSURE_OK},
    };
    EXPECT(rows);
}

static void level_falls_to_the_worst_of_the_hold_time(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.used = 999, .level = PRESSURE_CRITICAL},
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 965, .level = PRESSURE_CRITICAL, .easing = true}, /* within the margin of elevated */
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 500, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = 500, .level = PRESSURE_ELEVATED},
    };
    EXPECT(rows);
}

static void margin_holds_the_level(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.used = 970, .level = PRESSURE_ELEVATED},
        {.used = 961, .level = PRESSURE_ELEVATED},
        {.used = 961, .level = PRESSURE_ELEVATED},
        {.used = 961, .level = PRESSURE_ELEVATED},
        {.used = 961, .level = PRESSURE_ELEVATED},
        {.used = 961, .level = PRESSURE_ELEVATED},
        {.used = 961, .level = PRESSURE_ELEVATED},
        {.used = 961, .level = PRESSURE_ELEVATED},
        {.used = 959, .level = PRESSURE_ELEVATED, .easing = true},
    };
    EXPECT(rows);
}

static void one_high_reading_starts_the_hold_time_again(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.used = 970, .level = PRESSURE_ELEVATED},
        {.used = 900, .level = PRESSURE_ELEVATED, .easing = true},
        {.used = 900, .level = PRESSURE_ELEVATED, .easing = true},
        {.used = 900, .level = PRESSURE_ELEVATED, .easing = true},
        {.used = 900, .level = PRESSURE_ELEVATED, .easing = true},
        {.used = 970, .level = PRESSURE_ELEVATED},
        {.used = 900, .level = PRESSURE_ELEVATED, .easing = true},
        {.used = 900, .level = PRESSURE_ELEVATED, .easing = true},
        {.used = 990, .level = PRESSURE_HIGH},
    };
    EXPECT(rows);
}

static void kill_is_critical_whatever_is_free(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.used = 300, .level = PRESSURE_OK, .kills = 4}, /* before our time */
        {.used = 300, .level = PRESSURE_CRITICAL, .kills = 5},
        {.used = 300, .level = PRESSURE_CRITICAL, .kills = 5, .easing = true},
        {.used = 300, .level = PRESSURE_CRITICAL, .kills = 6},
        {.used = 300, .level = PRESSURE_CRITICAL, .kills = 6, .easing = true},
        {.used = UNKNOWN, .level = PRESSURE_UNKNOWN}, /* the count is missing as well */
        {.used = 300, .level = PRESSURE_CRITICAL, .kills = 6, .easing = true},
        {.used = UNKNOWN, .level = PRESSURE_CRITICAL, .kills = 7},
    };
    EXPECT(rows);
    static const struct row late[] = {{.used = UNKNOWN, .level = PRESSURE_UNKNOWN},
                                      {.used = 300, .level = PRESSURE_OK, .kills = 9}};
    EXPECT(late);
}

static void unknown_is_never_fine_and_forgets_nothing(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.used = UNKNOWN, .level = PRESSURE_UNKNOWN}, {.used = 100, .level = PRESSURE_OK},
        {.used = 999, .level = PRESSURE_CRITICAL},    {.used = 100, .level = PRESSURE_CRITICAL, .easing = true},
        {.used = UNKNOWN, .level = PRESSURE_UNKNOWN}, {.used = 100, .level = PRESSURE_CRITICAL, .easing = true},
    };
    EXPECT(rows);
}

static void stalls_raise_the_level_but_not_to_critical(void **state) {
    (void)state;
    static const struct row rows[] = {
        {.used = 300, .level = PRESSURE_OK, .some = 19.9, .full = 19.9},
        {.used = 300, .level = PRESSURE_ELEVATED, .some = 20},
        {.used = 300, .level = PRESSURE_ELEVATED, .some = 90, .full = 90},
        {.used = 975, .level = PRESSURE_ELEVATED, .some = 90},
        {.used = 975, .level = PRESSURE_HIGH, .some = 90, .full = 20},
        {.used = 994, .level = PRESSURE_HIGH, .some = 100, .full = 100},
    };
    EXPECT(rows);
}

static void small_limits_are_judged_by_their_reserve(void **state) {
    (void)state;
    static const struct {
        uint64_t limit, left; /* KiB */
        enum pressure level;
    } rows[] = {
        {256 << 10, 16 << 10, PRESSURE_OK},        {256 << 10, 12289, PRESSURE_OK},
        {256 << 10, 12287, PRESSURE_ELEVATED},     {256 << 10, 6143, PRESSURE_HIGH},
        {256 << 10, 2047, PRESSURE_CRITICAL},      {64 << 10, 2047, PRESSURE_CRITICAL},
        {4096 << 10, 163 << 10, PRESSURE_OK},      {4096 << 10, 122 << 10, PRESSURE_ELEVATED},
        {4096 << 10, 20 << 10, PRESSURE_CRITICAL},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct memory_reading reading = {.psi_some = -1, .psi_full = -1};
        reading_add(&reading, rows[i].limit << 10, (rows[i].limit - rows[i].left) << 10, "cgroup2");
        struct judgement judgement = judge(&reading, &judge_presets, (struct judgement){0}, 1);
        assert_int_equal(judgement.level, rows[i].level);
    }
}

static void limit_of_nothing_is_critical(void **state) {
    (void)state;
    struct memory_reading reading = {.psi_some = -1, .psi_full = -1};
    reading_add(&reading, 0, 0, "cgroup2");
    struct judgement judgement = judge(&reading, &judge_presets, (struct judgement){0}, 1);
    assert_int_equal(judgement.level, PRESSURE_CRITICAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_from_the_table),
        cmocka_unit_test(full_use_of_the_budget_is_ok),
        cmocka_unit_test(another_reserve_is_stretched_to_the_usual),
        cmocka_unit_test(level_rises_at_once),
        cmocka_unit_test(level_falls_after_the_hold_time),
        cmocka_unit_test(level_falls_to_the_worst_of_the_hold_time),
        cmocka_unit_test(margin_holds_the_level),
        cmocka_unit_test(one_high_reading_starts_the_hold_time_again),
        cmocka_unit_test(kill_is_critical_whatever_is_free),
        cmocka_unit_test(unknown_is_never_fine_and_forgets_nothing),
        cmocka_unit_test(stalls_raise_the_level_but_not_to_critical),
        cmocka_unit_test(small_limits_are_judged_by_their_reserve),
        cmocka_unit_test(limit_of_nothing_is_critical),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
