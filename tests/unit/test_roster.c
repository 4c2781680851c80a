/* The roster: what processes note of their models is told by others, and counts outlive who counted. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "memory/roster.h"

#include <cmocka.h> /* last: it has a macro fail() */

static const struct roster_name detect = {.id = "det", .role = "detect", .device = "cpu", .engine = "openvino"};

static struct roster *new_roster(void) {
    struct roster *roster = NULL;
    assert_int_equal(roster_create(&roster), 0);
    return roster;
}

static void places_are_found_again(void **state) {
    (void)state;
    struct roster *roster cleanup(roster_drop) = new_roster();
    struct roster_name other = detect, elsewhere = detect;
    struct roster_model model;
    memcpy(other.engine, "onnxruntime", 12);
    elsewhere.instance = 1;
    assert_false(roster_read(roster, 0, &model));
    assert_int_equal(roster_add(roster, &detect), 0);
    assert_int_equal(roster_add(roster, &other), 1);
    assert_int_equal(roster_add(roster, &elsewhere), 2);
    assert_int_equal(roster_add(roster, &detect), 0);
    assert_true(roster_read(roster, 1, &model));
    assert_string_equal(model.name.engine, "onnxruntime");
    assert_int_equal(model.now.state, MODEL_ABSENT);
}

static void an_engine_is_chosen_later(void **state) {
    (void)state;
    struct roster *roster cleanup(roster_drop) = new_roster();
    struct roster_name unknown = detect, other = detect;
    struct roster_model model;
    memset(unknown.engine, 0, sizeof(unknown.engine));
    memcpy(other.engine, "other", 6);
    assert_int_equal(roster_add(roster, &unknown), 0);
    assert_int_equal(roster_add(roster, &unknown), 0);
    assert_int_equal(roster_add(roster, &detect), 0);
    assert_true(roster_read(roster, 0, &model));
    assert_string_equal(model.name.engine, detect.engine);
    assert_int_equal(roster_add(roster, &other), 1);
    assert_false(roster_read(roster, 2, &model));
}

static void a_full_roster_takes_no_more(void **state) {
    (void)state;
    struct roster *roster cleanup(roster_drop) = new_roster();
    struct roster_name name = detect;
    for (int i = 0; i < ROSTER_MODELS; i++) {
        snprintf(name.id, sizeof(name.id), "model %d", i);
        assert_int_equal(roster_add(roster, &name), i);
    }
    assert_int_equal(roster_add(roster, &detect), -1);
    roster_note(roster, -1, &(struct roster_state){.charged = 1});
    roster_count(roster, -1, ROSTER_LOADS, 1);
    for (int i = 0; i < ROSTER_MODELS; i++) {
        struct roster_model model;
        assert_true(roster_read(roster, i, &model));
        assert_int_equal(model.now.charged, 0);
        assert_int_equal(model.counts[ROSTER_LOADS], 0);
    }
}

/* In a process of its own that maps it, as a worker does. */
static pid_t count_elsewhere(struct roster *roster) {
    pid_t pid = fork();
    if (pid == 0) {
        struct roster *mapped = NULL;
        if (roster_map(fcntl(roster_fd(roster), F_DUPFD_CLOEXEC, 3), &mapped) != 0) {
            _exit(1);
        }
        int place = roster_add(mapped, &detect);
        const struct roster_state now = {
            .state = MODEL_READY, .charged = 5000, .users = 2, .idle = 7, .loaded = 8, .used = 9, .load_duration = 10};
        roster_note(mapped, place, &now);
        roster_count(mapped, place, ROSTER_LOADS, 1);
        roster_count(mapped, place, ROSTER_LOAD_TIME, 10);
        _exit(place == 0 ? 0 : 2);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return pid;
}

static void counts_outlive_who_counted(void **state) {
    (void)state;
    struct roster *roster cleanup(roster_drop) = new_roster();
    struct roster_model model;
    pid_t first = count_elsewhere(roster);
    assert_true(roster_read(roster, 0, &model));
    assert_int_equal(model.now.state, MODEL_READY);
    assert_int_equal(model.now.charged, 5000);
    assert_int_equal(model.now.users, 2);
    assert_int_equal(model.now.idle, 7);
    assert_int_equal(model.now.loaded, 8);
    assert_int_equal(model.now.used, 9);
    assert_int_equal(model.now.load_duration, 10);
    roster_clear(roster, first);
    assert_true(roster_read(roster, 0, &model));
    assert_int_equal(model.now.state, MODEL_ABSENT);
    assert_int_equal(model.now.charged + model.now.users, 0);
    assert_int_equal(model.now.used, 9);
    count_elsewhere(roster);
    roster_clear(roster, first); /* the place is another's now */
    assert_true(roster_read(roster, 0, &model));
    assert_int_equal(model.now.state, MODEL_READY);
    assert_int_equal(model.counts[ROSTER_LOADS], 2);
    assert_int_equal(model.counts[ROSTER_LOAD_TIME], 20);
    assert_int_equal(model.counts[ROSTER_FAILURES], 0);
}

static void what_is_no_roster_is_refused(void **state) {
    (void)state;
    struct roster *roster = NULL;
    int fd cleanup(drop_fd) = -1;
    assert_int_equal(file_memory_from("test", "no roster", 9, &fd), 0);
    assert_int_equal(roster_map(fd, &roster), ERR_PROTOCOL);
    assert_int_equal(roster_map(-1, &roster), ERR_PROTOCOL);
    assert_null(roster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_found_again),       cmocka_unit_test(an_engine_is_chosen_later),
        cmocka_unit_test(a_full_roster_takes_no_more),  cmocka_unit_test(counts_outlive_who_counted),
        cmocka_unit_test(what_is_no_roster_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
