/*
 * The guard's thread: readings and the clock are scripted, and each reading is let through by the test, so that what
 * follows from it is certain. The kernel's call is that of cgroup v1, whose eventfd a test can write to.
 */
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "memory/guard.h"
#include "memory/recorder.h"
#include "scratch.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)

static sem_t go, judged;
static struct memory_reading scripted;
static _Atomic int64_t fake_now;
static atomic_bool free_running;
static struct guard *guard;
static struct recorder *recorder;

/* The thread stands here until the test lets it go; that it is here says that the reading before was judged. */
static void sample(void *context, struct memory_reading *ret) {
    (void)context;
    sem_post(&judged);
    if (!free_running) {
        sem_wait(&go);
    }
    *ret = scripted;
}

static int64_t scripted_time(void *context) {
    (void)context;
    return fake_now;
}

static void script_reading(uint64_t used) {
    scripted = (struct memory_reading){.source = "none", .psi_some = -1, .psi_full = -1};
    if (used != UINT64_MAX) {
        reading_add(&scripted, 1000 << 20, used << 20, "cgroup2");
    }
}

/* One reading, a second after the last: returns when it was judged. In MiB of 1000; UINT64_MAX: nothing can be read. */
static void tick(uint64_t used) {
    script_reading(used);
    fake_now += SECOND;
    sem_post(&go);
    sem_wait(&judged);
}

static void start_guard(unsigned without) {
    struct guard_options options = {
        .period = 1, .without = without, .root = "/nowhere", .sample = sample, .now = scripted_time};
    sem_init(&go, 0, 1); /* guard_start() reads once by itself */
    sem_init(&judged, 0, 0);
    fake_now = 1000 * SECOND;
    free_running = false;
    script_reading(100);
    assert_int_equal(recorder_create(&recorder), 0);
    assert_int_equal(guard_start(&options, recorder, &guard), 0);
    sem_wait(&judged);
    sem_wait(&judged); /* the thread stands at its first reading */
}

static int end_guard(void **state) {
    (void)state;
    free_running = true;
    sem_post(&go);
    guard_stop(&guard);
    assert_null(guard);
    recorder_drop(&recorder);
    sem_destroy(&go);
    sem_destroy(&judged);
    return 0;
}

static int start_plain(void **state) {
    (void)state;
    start_guard(0);
    return 0;
}

static bool is_due(void) { return poll(&(struct pollfd){.fd = guard_fd(guard), .events = POLLIN}, 1, 0) == 1; }

static void expect_level(enum pressure before, enum pressure level) {
    struct guard_event event;
    assert_true(is_due());
    assert_true(guard_take(guard, &event));
    assert_int_equal(event.kind, GUARD_LEVEL);
    assert_int_equal(event.before, before);
    assert_int_equal(event.level, level);
}

static void expect_move(enum guard_event_kind kind, enum ladder_step step) {
    struct guard_event event;
    assert_true(is_due());
    assert_true(guard_take(guard, &event));
    assert_int_equal(event.kind, kind);
    assert_int_equal(event.step, step);
}

static void expect_nothing(void) {
    struct guard_event event;
    assert_false(guard_take(guard, &event));
    assert_false(is_due());
}

static void levels_are_told(void **state) {
    (void)state;
    expect_level(PRESSURE_UNKNOWN, PRESSURE_OK);
    expect_nothing();
    tick(100);
    expect_nothing();
    tick(UINT64_MAX);
    expect_level(PRESSURE_OK, PRESSURE_UNKNOWN);
    expect_nothing(); /* no step on no knowledge */
    tick(100);
    expect_level(PRESSURE_UNKNOWN, PRESSURE_OK);
    struct guard_state told;
    guard_read(guard, &told);
    assert_int_equal(told.level, PRESSURE_OK);
    assert_int_equal(told.reading.used, 100 << 20);
    assert_int_equal(told.readings, 4);
    assert_int_equal(told.levels[PRESSURE_OK], 2);
    assert_int_equal(told.levels[PRESSURE_UNKNOWN], 1);
    assert_int_equal(recorder_count(recorder, EVENT_LEVEL), 3);
}

static void level_that_came_and_went_is_not_told(void **state) {
    (void)state;
    expect_level(PRESSURE_UNKNOWN, PRESSURE_OK);
    tick(999);
    for (int i = 0; i < 6; i++) {
        tick(100);
    }
    expect_nothing();
    tick(975);
    tick(990);
    expect_level(PRESSURE_OK, PRESSURE_HIGH);
}

static void steps_come_one_at_a_time(void **state) {
    (void)state;
    static const enum ladder_step order[] = {LADDER_TRIM, LADDER_UNLOAD,  LADDER_HOLD,   LADDER_SHRINK,
                                             LADDER_CPU,  LADDER_RELEASE, LADDER_RESTART};
    static const int cooldown[] = {1, 2, 1, 3, 3, 5, 30};
    expect_level(PRESSURE_UNKNOWN, PRESSURE_OK);
    tick(999);
    expect_level(PRESSURE_OK, PRESSURE_CRITICAL);
    for (size_t i = 0; i < array_length(order); i++) {
        expect_move(GUARD_STEP, order[i]);
        for (int second = 1; second < cooldown[i]; second++) {
            expect_nothing();
            tick(999);
        }
        expect_nothing();
        tick(999);
    }
    struct guard_state told;
    guard_read(guard, &told);
    for (int i = 0; i < LADDER_COUNT; i++) {
        assert_int_equal(told.steps[i], 1);
    }
    assert_int_equal(told.in_force, 1 << LADDER_HOLD | 1 << LADDER_SHRINK | 1 << LADDER_CPU);
    assert_int_equal(recorder_count(recorder, EVENT_ACTION), LADDER_COUNT);
}

static void owner_that_is_late_finds_one_step(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++) {
        tick(999);
    }
    expect_level(PRESSURE_UNKNOWN, PRESSURE_CRITICAL);
    expect_move(GUARD_STEP, LADDER_TRIM);
    expect_nothing();
    tick(999);
    for (int i = 0; i < 6; i++) {
        tick(100);
    }
    expect_level(PRESSURE_CRITICAL, PRESSURE_OK); /* the second was due, and is not any more */
    expect_nothing();
}

static void relief_stops_the_ladder_and_calm_takes_back(void **state) {
    (void)state;
    expect_level(PRESSURE_UNKNOWN, PRESSURE_OK);
    tick(990);
    expect_level(PRESSURE_OK, PRESSURE_HIGH);
    expect_move(GUARD_STEP, LADDER_TRIM);
    tick(990);
    expect_move(GUARD_STEP, LADDER_UNLOAD);
    tick(990);
    tick(990);
    expect_move(GUARD_STEP, LADDER_HOLD);
    for (int i = 0; i < 5; i++) {
        tick(500);
        expect_nothing(); /* still called high, but it eases */
    }
    tick(500);
    expect_level(PRESSURE_HIGH, PRESSURE_OK);
    for (int i = 0; i < 9; i++) {
        tick(500);
        expect_nothing();
    }
    tick(500);
    expect_move(GUARD_BACK, LADDER_HOLD);
    expect_nothing();
    tick(500);
    struct guard_state told;
    guard_read(guard, &told);
    assert_int_equal(told.in_force, 0);
    assert_int_equal(told.steps[LADDER_HOLD], 1);
}

static void steps_nobody_can_do_are_left_out(void **state) {
    (void)state;
    end_guard(state);
    start_guard(1 << LADDER_TRIM);
    expect_level(PRESSURE_UNKNOWN, PRESSURE_OK);
    tick(975);
    expect_level(PRESSURE_OK, PRESSURE_ELEVATED);
    expect_move(GUARD_STEP, LADDER_UNLOAD);
}

static void quiet_readings_do_not_fill_the_recorder(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++) {
        tick(500 + (uint64_t)i % 10);
    }
    assert_true(recorder_count(recorder, EVENT_PROBE) <= 3);
    tick(800);
    tick(500);
    assert_true(recorder_count(recorder, EVENT_PROBE) >= 3);
}

/* From here on without script: the thread runs by itself. */

static void count_sample(void *context, struct memory_reading *ret) {
    atomic_fetch_add((atomic_int *)context, 1);
    *ret = (struct memory_reading){.source = "none"};
    reading_add(ret, 1000 << 20, 10 << 20, "cgroup2");
}

static void wait_for_readings(const atomic_int *readings, int count) {
    for (int i = 0; i < 5000 && *readings < count; i++) {
        poll(NULL, 0, 1);
    }
    assert_true(*readings >= count);
}

static void stop_is_prompt(void **state) {
    (void)state;
    atomic_int readings = 0;
    struct guard_options options = {.period = HOUR, .sample = count_sample, .context = &readings};
    struct guard *own cleanup(guard_stop) = NULL;
    assert_int_equal(guard_start(&options, NULL, &own), 0);
    assert_int_equal(readings, 1);
    int64_t before = clock_now();
    guard_stop(&own);
    assert_true(clock_now() - before < SECOND);
    guard_stop(&own); /* of nothing */
}

static void period_is_kept(void **state) {
    (void)state;
    atomic_int readings = 0;
    struct guard_options options = {
        .period = SECOND / 100, .root = "/nowhere", .sample = count_sample, .context = &readings};
    struct guard *own cleanup(guard_stop) = NULL;
    assert_int_equal(guard_start(&options, NULL, &own), 0);
    int64_t before = clock_now();
    wait_for_readings(&readings, 21);
    assert_true(clock_now() - before >= SECOND / 5 - SECOND / 100);
}

/* cgroup.event_control holds the numbers of two descriptors of this process; the first is the eventfd. */
static void kernel_call_is_heard(void **state) {
    (void)state;
    char root[] = "/tmp/octavo-test-guard-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(scratch_put(root, "/proc/self", "cgroup", "4:memory:/a\n"), 0);
    assert_int_equal(scratch_put(root, "/proc/self", "mountinfo", SCRATCH_LEGACY), 0);
    assert_int_equal(scratch_put(root, "/sys/fs/cgroup/memory/a", "memory.pressure_level", ""), 0);
    assert_int_equal(scratch_put(root, "/sys/fs/cgroup/memory/a", "cgroup.event_control", ""), 0);
    atomic_int readings = 0;
    struct guard_options options = {.period = HOUR, .root = root, .sample = count_sample, .context = &readings};
    struct guard *own cleanup(guard_stop) = NULL;
    assert_int_equal(guard_start(&options, NULL, &own), 0);
    char *path cleanup(drop_memory) = format("%s/sys/fs/cgroup/memory/a/cgroup.event_control", root);
    char *line cleanup(drop_memory) = NULL;
    size_t length;
    assert_int_equal(file_read_path(path, 100, &line, &length), 0);
    assert_non_null(strstr(line, " medium"));
    for (int i = 2; i < 4; i++) {
        assert_int_equal(eventfd_write((int)strtol(line, NULL, 10), 1), 0);
        wait_for_readings(&readings, i);
    }
    for (int i = 0; i < 20; i++) { /* however often it calls, readings keep their distance */
        eventfd_write((int)strtol(line, NULL, 10), 1);
        poll(NULL, 0, 10);
    }
    assert_true(readings <= 7);
    struct guard_state told;
    guard_read(own, &told);
    assert_true(told.alarms >= 2);
    guard_stop(&own);
    assert_int_equal(scratch_remove(root), 0);
}

static void this_machine_can_be_guarded(void **state) {
    (void)state;
    struct guard *own cleanup(guard_stop) = NULL;
    assert_int_equal(guard_start(&(struct guard_options){0}, NULL, &own), 0);
    struct guard_state told;
    guard_read(own, &told);
    assert_int_equal(told.readings, 1);
    assert_true(told.reading.known && told.level != PRESSURE_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(levels_are_told, start_plain, end_guard),
        cmocka_unit_test_setup_teardown(level_that_came_and_went_is_not_told, start_plain, end_guard),
        cmocka_unit_test_setup_teardown(steps_come_one_at_a_time, start_plain, end_guard),
        cmocka_unit_test_setup_teardown(owner_that_is_late_finds_one_step, start_plain, end_guard),
        cmocka_unit_test_setup_teardown(relief_stops_the_ladder_and_calm_takes_back, start_plain, end_guard),
        cmocka_unit_test_setup_teardown(steps_nobody_can_do_are_left_out, start_plain, end_guard),
        cmocka_unit_test_setup_teardown(quiet_readings_do_not_fill_the_recorder, start_plain, end_guard),
        cmocka_unit_test(stop_is_prompt),
        cmocka_unit_test(period_is_kept),
        cmocka_unit_test(kernel_call_is_heard),
        cmocka_unit_test(this_machine_can_be_guarded),
    };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
