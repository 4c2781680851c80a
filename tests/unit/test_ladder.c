/* Which step follows which, and when: one judgement a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "memory/ladder.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define SECOND INT64_C(1000000000)

static struct ladder ladder;
static struct judgement judgement;
static int64_t now;

static int start(void **state) {
    (void)state;
    ladder = (struct ladder){.calm = 10 * SECOND};
    judgement = (struct judgement){.level = PRESSURE_OK};
    now = 1000 * SECOND;
    judgement.since = now;
    return 0;
}

static void set_level(enum pressure level) {
    judgement.since = level == judgement.level ? judgement.since : now;
    judgement.level = level;
}

/* Lets so many seconds pass at a level, taking all that is due; returns the last move's step, -1 if there was none. */
static int pass(int seconds, enum pressure level, int *ret_moves) {
    int last = -1, moves = 0;
    set_level(level);
    for (int i = 0; i < seconds; i++, now += SECOND) {
        struct ladder_move move;
        if (ladder_due(&ladder, &judgement, now, &move)) {
            ladder_moved(&ladder, move, now);
            last = (int)move.step;
            moves++;
        }
    }
    *ret_moves = moves;
    return last;
}

static void expect(int seconds, enum pressure level, int moves, int last) {
    int made;
    assert_int_equal(pass(seconds, level, &made), last);
    assert_int_equal(made, moves);
}

static void nothing_is_done_when_ok_or_unknown(void **state) {
    (void)state;
    expect(600, PRESSURE_OK, 0, -1);
    expect(600, PRESSURE_UNKNOWN, 0, -1);
}

static void critical_goes_through_all_in_order(void **state) {
    (void)state;
    static const struct {
        int seconds; /* until the next */
        enum ladder_step step;
    } walk[] = {{1, LADDER_TRIM}, {2, LADDER_UNLOAD},  {1, LADDER_HOLD},    {3, LADDER_SHRINK},
                {3, LADDER_CPU},  {5, LADDER_RELEASE}, {30, LADDER_RESTART}};
    for (size_t i = 0; i < array_length(walk); i++) {
        expect(walk[i].seconds, PRESSURE_CRITICAL, 1, (int)walk[i].step);
    }
    assert_int_equal(ladder.in_force, 1 << LADDER_HOLD | 1 << LADDER_SHRINK | 1 << LADDER_CPU);
}

static void each_level_allows_its_steps_and_no_more(void **state) {
    (void)state;
    expect(20, PRESSURE_ELEVATED, 2, LADDER_UNLOAD);
    expect(20, PRESSURE_HIGH, 3, LADDER_CPU);
    expect(1, PRESSURE_CRITICAL, 1, LADDER_RELEASE);
}

static void what_the_owner_cannot_do_is_passed_over(void **state) {
    (void)state;
    ladder.without = 1 << LADDER_CPU | 1 << LADDER_TRIM;
    expect(1, PRESSURE_CRITICAL, 1, LADDER_UNLOAD);
    expect(20, PRESSURE_CRITICAL, 4, LADDER_RESTART);
}

static void easing_waits(void **state) {
    (void)state;
    expect(1, PRESSURE_CRITICAL, 1, LADDER_TRIM);
    judgement.easing = true;
    expect(30, PRESSURE_CRITICAL, 0, -1);
    judgement.easing = false;
    expect(1, PRESSURE_CRITICAL, 1, LADDER_UNLOAD);
}

static void it_begins_again_while_the_level_stays(void **state) {
    (void)state;
    expect(2, PRESSURE_ELEVATED, 2, LADDER_UNLOAD); /* at 0 s and 1 s */
    expect(59, PRESSURE_ELEVATED, 0, -1);
    expect(1, PRESSURE_ELEVATED, 1, LADDER_TRIM);
    expect(1, PRESSURE_ELEVATED, 1, LADDER_UNLOAD);
    expect(10, PRESSURE_HIGH, 3, LADDER_CPU);
    expect(80, PRESSURE_HIGH, 2, LADDER_UNLOAD); /* lasting ones are in force and passed over */
    expect(7, PRESSURE_CRITICAL, 2, LADDER_RESTART);
}

static void calm_takes_back_the_last_first(void **state) {
    (void)state;
    expect(20, PRESSURE_HIGH, 5, LADDER_CPU);
    expect(10, PRESSURE_OK, 0, -1);
    expect(1, PRESSURE_OK, 1, LADDER_CPU);
    expect(9, PRESSURE_OK, 0, -1);
    expect(1, PRESSURE_OK, 1, LADDER_SHRINK);
    expect(10, PRESSURE_OK, 1, LADDER_HOLD);
    assert_int_equal(ladder.in_force, 0);
    expect(100, PRESSURE_OK, 0, -1);
}

static void only_ok_is_calm(void **state) {
    (void)state;
    expect(20, PRESSURE_HIGH, 5, LADDER_CPU);
    expect(40, PRESSURE_UNKNOWN, 0, -1);
    expect(9, PRESSURE_OK, 0, -1);
    expect(5, PRESSURE_ELEVATED, 2, LADDER_UNLOAD); /* 60 s after the last step it begins again */
    expect(9, PRESSURE_OK, 0, -1);
    expect(5, PRESSURE_UNKNOWN, 0, -1);
    expect(10, PRESSURE_OK, 0, -1);
    expect(1, PRESSURE_OK, 1, LADDER_CPU);
}

static void taking_back_does_not_delay_an_emergency(void **state) {
    (void)state;
    expect(20, PRESSURE_HIGH, 5, LADDER_CPU);
    expect(11, PRESSURE_OK, 1, LADDER_CPU);
    expect(1, PRESSURE_HIGH, 1, LADDER_TRIM); /* calm was: from the bottom */
    expect(20, PRESSURE_HIGH, 2, LADDER_CPU); /* UNLOAD, then what is not in force */
}

static void short_peace_goes_on_where_it_was(void **state) {
    (void)state;
    expect(3, PRESSURE_ELEVATED, 2, LADDER_UNLOAD);
    expect(5, PRESSURE_OK, 0, -1);
    expect(1, PRESSURE_HIGH, 1, LADDER_HOLD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_done_when_ok_or_unknown, start),
        cmocka_unit_test_setup(critical_goes_through_all_in_order, start),
        cmocka_unit_test_setup(each_level_allows_its_steps_and_no_more, start),
        cmocka_unit_test_setup(what_the_owner_cannot_do_is_passed_over, start),
        cmocka_unit_test_setup(easing_waits, start),
        cmocka_unit_test_setup(it_begins_again_while_the_level_stays, start),
        cmocka_unit_test_setup(calm_takes_back_the_last_first, start),
        cmocka_unit_test_setup(only_ok_is_calm, start),
        cmocka_unit_test_setup(taking_back_does_not_delay_an_emergency, start),
        cmocka_unit_test_setup(short_peace_goes_on_where_it_was, start),
    };
    return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
