/* Callbacks of tasks: when they are due, over a real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "task/book.h"
#include "tasks_folder.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static struct sent submit_told(struct fixture *fixture) {
    static char url[] = "https://example.org/told";
    const struct wish wish = {.callback = url};
    struct sent sent = submit(fixture, "document", &wish);
    assert_int_equal(sent.result, 0);
    return sent;
}

static bool note_id(void *context, const struct task_row *row) {
    buffer_add_format(context, "%s ", row->id);
    return true;
}

static bool is_due(struct fixture *fixture, const char *id) {
    struct buffer ids cleanup(buffer_done) = {0};
    assert_int_equal(tasks_due_callbacks(fixture->tasks, clock_now(), 10, note_id, &ids), 0);
    return ids.data && strstr(ids.data, id);
}

static enum callback_outcome try(struct fixture *fixture, const char *id, const char *trouble) {
    enum callback_outcome outcome = CALLBACK_OUTCOME_COUNT;
    assert_int_equal(tasks_callback_tried(fixture->tasks, id, trouble, &outcome), 0);
    return outcome;
}

static struct task_row find_told(struct fixture *fixture, const char *id, const char *state) {
    struct task_row row = {0};
    assert_int_equal(tasks_find(fixture->tasks, id, &row), 0);
    assert_string_equal(tasks_callback_state(&row), state);
    return row;
}

/* As it would be after so many milliseconds. */
static void let_time_pass(struct fixture *fixture, struct task_row *row, int64_t milliseconds) {
    row->callback_due -= milliseconds;
    assert_int_equal(fixture->tasks->kind->set_callback(fixture->tasks->store, row), 0);
}

static void the_end_of_a_task_is_due_until_it_is_told(void **state) {
    struct fixture *fixture = *state;
    struct sent sent = submit_told(fixture);
    struct task_row row cleanup(task_row_done) = find_told(fixture, sent.id, "waiting");
    assert_true(tasks_callback_until(fixture->tasks) == INT64_MAX);
    assert_int_equal(tasks_cancel(fixture->tasks, sent.id), 0);
    assert_true(tasks_callback_until(fixture->tasks) <= clock_now());
    assert_true(is_due(fixture, sent.id));
    assert_int_equal(try(fixture, sent.id, "nobody is there"), CALLBACK_RETRIED);
    assert_false(is_due(fixture, sent.id));
    int64_t wait = tasks_callback_until(fixture->tasks) - clock_now();
    assert_true(wait > 49 * SECOND && wait <= 100 * SECOND);
    restart(fixture);
    assert_int_equal(tasks_callbacks(fixture->tasks), 1);
    assert_false(is_due(fixture, sent.id));
    task_row_done(&row);
    row = find_told(fixture, sent.id, "pending");
    assert_string_equal(row.callback_trouble, "nobody is there");
    let_time_pass(fixture, &row, 100 * 1000);
    assert_true(is_due(fixture, sent.id));
    assert_int_equal(try(fixture, sent.id, NULL), CALLBACK_DELIVERED);
    task_row_done(&row);
    row = find_told(fixture, sent.id, "delivered");
    assert_int_equal(row.callback_attempts, 2);
    assert_null(row.callback_trouble);
    assert_int_equal(tasks_callbacks(fixture->tasks), 0);
    assert_false(is_due(fixture, sent.id));
}

static void waiting_to_tell_doubles_and_ends(void **state) {
    struct fixture *fixture = *state;
    struct sent sent = submit_told(fixture);
    assert_int_equal(tasks_cancel(fixture->tasks, sent.id), 0);
    assert_int_equal(try(fixture, sent.id, "first"), CALLBACK_RETRIED);
    assert_int_equal(try(fixture, sent.id, "second"), CALLBACK_RETRIED);
    assert_false(is_due(fixture, sent.id));
    int64_t wait = tasks_callback_until(fixture->tasks) - clock_now();
    assert_true(wait > 99 * SECOND && wait <= 200 * SECOND);
    struct task_row row cleanup(task_row_done) = find_told(fixture, sent.id, "pending");
    let_time_pass(fixture, &row, -INT64_C(7200000)); /* the clock was put back: nobody waits longer than an hour */
    assert_true(is_due(fixture, sent.id));
    assert_int_equal(try(fixture, sent.id, "third"), CALLBACK_GIVEN_UP);
    task_row_done(&row);
    row = find_told(fixture, sent.id, "given_up");
    assert_string_equal(row.callback_trouble, "third");
    assert_int_equal(tasks_callbacks(fixture->tasks), 0);
}

static void what_is_to_be_told_goes_with_its_task_and_is_kept_for_that(void **state) {
    struct fixture *fixture = *state;
    struct sent deleted = submit_told(fixture), waiting = submit_told(fixture);
    enum callback_outcome outcome;
    assert_int_equal(tasks_remove(fixture->tasks, waiting.id), 0); /* it was cancelled for that, which nobody is told */
    assert_int_equal(tasks_callbacks(fixture->tasks), 0);
    assert_int_equal(tasks_cancel(fixture->tasks, deleted.id), 0);
    assert_int_equal(tasks_callbacks(fixture->tasks), 1);
    assert_int_equal(tasks_remove(fixture->tasks, deleted.id), 0);
    assert_int_equal(tasks_callbacks(fixture->tasks), 0);
    assert_int_equal(tasks_callback_tried(fixture->tasks, deleted.id, NULL, &outcome), ERR_NOT_FOUND);
    struct sent kept = submit_told(fixture);
    assert_int_equal(tasks_cancel(fixture->tasks, kept.id), 0);
    fixture->limits.kept_tasks = 0;
    restart(fixture);
    tasks_tick(fixture->tasks, clock_now());
    assert_int_equal(try(fixture, kept.id, NULL), CALLBACK_DELIVERED);
    restart(fixture);
    tasks_tick(fixture->tasks, clock_now());
    struct task_row none;
    assert_int_equal(tasks_find(fixture->tasks, kept.id, &none), ERR_NOT_FOUND);
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_end_of_a_task_is_due_until_it_is_told),
        TEST(waiting_to_tell_doubles_and_ends),
        TEST(what_is_to_be_told_goes_with_its_task_and_is_kept_for_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
