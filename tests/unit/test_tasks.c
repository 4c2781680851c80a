/* Tasks: what is wanted of them, who is next, their life over a real store, restarts. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "tasks_folder.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

/* Wishes */

static char *wish_text(const struct wish *wish) {
    struct json *json cleanup(json_drop) = wish_to_json(wish);
    return json_text(json, false);
}

static void wishes_come_from_either_side(void **state) {
    (void)state;
    struct wish query cleanup(wish_done) = {0}, json cleanup(wish_done) = {0};
    assert_int_equal(wish_set(&query, "pages", "1-3,7"), 0);
    assert_int_equal(wish_set(&query, "priority", "-10"), 0);
    assert_int_equal(wish_set(&query, "key", "secret"), 0);
    assert_int_equal(wish_set(&query, "name", "a\xff.pdf"), 0);
    assert_int_equal(wish_set(&query, "name", "b\xff.pdf"), 0); /* the last one counts */
    const char *text = "{\"priority\":-10,\"pages\":\"1-3,7\",\"name\":\"b\\ufffd.pdf\",\"dpi\":null}";
    assert_int_equal(wish_set_json(&json, text, strlen(text)), 0);
    char *a cleanup(drop_memory) = wish_text(&query), *b cleanup(drop_memory) = wish_text(&json);
    assert_string_equal(a, b);
    assert_string_equal(a, "{\"pages\":\"1-3,7\",\"priority\":-10,\"name\":\"b\xef\xbf\xbd.pdf\"}");
    assert_string_equal(query.key, "secret");
}

static void wrong_wishes_say_what_is_expected(void **state) {
    (void)state;
    static const struct {
        const char *word, *value, *detail;
    } cases[] = {
        {"dpi", "35", "\"35\" is no whole number from 36 to 1200"},
        {"dpi", "99999999999999999999", "from 36 to 1200"},
        {"dpi", "", "from 36 to 1200"},
        {"dpi", " 72", "from 36 to 1200"},
        {"dpi", "7e1", "from 36 to 1200"},
        {"priority", "11", "from -10 to 10"},
        {"priority", "-", "from -10 to 10"},
        {"pages", "3-1", "pages: "},
        {"pages", "", "from 1 to 1000 bytes"},
        {"name", "a\nb", "without control characters"},
        {"key", "", "from 1 to 255 bytes"},
        {"device", "tpu", "device: tpu is no device"},
        {"device", "gpu1000", "from 3 to 6 bytes"},
        {"colour", "red", "there is no option \"colour\""},
    };
    struct wish wish cleanup(wish_done) = {0};
    for (size_t i = 0; i < array_length(cases); i++) {
        assert_int_equal(wish_set(&wish, cases[i].word, cases[i].value), ERR_BAD_REQUEST);
        assert_non_null(strstr(error_detail(), cases[i].detail));
    }
    static const char *const json[] = {"",
                                       "[]",
                                       "7",
                                       "{\"dpi\":72.5}",
                                       "{\"dpi\":[72]}",
                                       "{\"dpi\":true}",
                                       "{\"dpi\":1e300}",
                                       "{\"colour\":1}",
                                       "{\"dpi\":72} x"};
    for (size_t i = 0; i < array_length(json); i++) {
        assert_int_equal(wish_set_json(&wish, json[i], strlen(json[i])), ERR_BAD_REQUEST);
    }
    char *text cleanup(drop_memory) = wish_text(&wish);
    assert_string_equal(text, "{}");
}

static void names_of_files_are_made_fit_to_be_shown(void **state) {
    (void)state;
    char longest[801], umlauts[601];
    memset(longest, 0xFF, 800);
    longest[800] = '\0';
    for (size_t i = 0; i < 600; i++) {
        umlauts[i] = i % 2 == 1 ? (char)0xA4 : (char)0xC3;
    }
    umlauts[600] = '\0';
    const struct {
        const char *told;
        size_t length;
        const char *name; /* NULL: only its length is looked at */
    } cases[] = {
        {"a.pdf", 5, "a.pdf"},   {"/etc/passwd", 6, "passwd"}, {"C:\\x\\b.pdf", 5, "b.pdf"}, {"..\\../c", 1, "c"},
        {"a\nb\x7f", 4, "a?b?"}, {longest, 255, NULL},         {umlauts, 254, NULL},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct wish wish cleanup(wish_done) = {0};
        wish_take_file_name(&wish, cases[i].told);
        assert_int_equal(strlen(wish.name), cases[i].length);
        assert_true(!cases[i].name || strcmp(wish.name, cases[i].name) == 0);
        char *text cleanup(drop_memory) = wish_text(&wish);
        assert_int_equal(wish_set_json(&wish, text, strlen(text)), 0); /* as it comes back from the store */
    }
    struct wish none cleanup(wish_done) = {0}, known cleanup(wish_done) = {.name = copy_string("known")};
    wish_take_file_name(&none, "a/");
    assert_null(none.name);
    wish_take_file_name(&known, "other");
    assert_string_equal(known.name, "known");
}

/* Order */

static void priority_goes_first_and_waiting_counts(void **state) {
    (void)state;
    const struct queue_place early = {.since = 100 * SECOND, .number = 1}, late = {.since = 101 * SECOND, .number = 2};
    const struct queue_place urgent = {.priority = 1, .since = 109 * SECOND, .number = 3};
    const struct queue_place too_late = {.priority = 1, .since = 111 * SECOND, .number = 4};
    const struct queue_place lowest = {.priority = -10, .since = 0, .number = 5};
    const struct queue_place highest = {.priority = 10, .since = 201 * SECOND, .number = 6};
    const struct queue_place twin = {.since = 100 * SECOND, .number = 7};
    assert_true(queue_before(&early, &late));
    assert_false(queue_before(&late, &early));
    assert_true(queue_before(&urgent, &early));
    assert_true(queue_before(&early, &too_late));
    assert_true(queue_before(&lowest, &highest)); /* nothing waits for ever */
    assert_true(queue_before(&early, &twin));
    assert_false(queue_before(&early, &early));
}

static void retrying_makes_sense_when_places_get_free(void **state) {
    (void)state;
    assert_int_equal(queue_retry_after(0, 1), 5);
    assert_int_equal(queue_retry_after(0.01, 1), 1);
    assert_int_equal(queue_retry_after(3.5, 2), 7);
    assert_int_equal(queue_retry_after(100, 1000), 600);
}

/* Life */

static void assert_told(struct fixture *fixture, const char *expected) {
    assert_string_equal(fixture->told.data ? fixture->told.data : "", expected);
    buffer_done(&fixture->told);
}

static struct sent submit_plain(struct fixture *fixture) {
    const struct wish wish = {0};
    struct sent sent = submit(fixture, "document", &wish);
    assert_int_equal(sent.result, 0);
    return sent;
}

static bool has_document(struct fixture *fixture, const char *id) {
    char *path cleanup(drop_memory) = format("%s/documents/%s", fixture->folder, id);
    return access(path, F_OK) == 0;
}

static void assert_state(struct fixture *fixture, const char *id, enum task_state expected, const char *error) {
    struct task_row row cleanup(task_row_done) = {0};
    assert_int_equal(tasks_find(fixture->tasks, id, &row), 0);
    assert_int_equal(row.state, expected);
    if (error) {
        assert_string_equal(row.error, error);
    } else {
        assert_null(row.error);
    }
}

static void count_page(void *context, uint32_t page) { *(uint32_t *)context += page; }

static struct task *begin(struct fixture *fixture, uint32_t *ret_done) {
    struct task *task = NULL;
    uint32_t done = 0;
    assert_int_equal(tasks_next(fixture->tasks, &task), 0);
    static char job[] = "job";
    task->owner = job;
    assert_int_equal(tasks_done_pages(fixture->tasks, task, count_page, &done), 0);
    *ret_done = done;
    return task;
}

static void read_page(struct fixture *fixture, struct task *task, uint32_t number) {
    struct page page cleanup(page_done) = {.number = number, .width = 10, .height = 10};
    stage_add(&page.stages, STAGE_DETECT, 0.5, 1);
    tasks_opened(task, "pdf", "onnxruntime 1", 3, 3);
    assert_int_equal(tasks_page(fixture->tasks, task, &page), 0);
}

static void a_task_is_read_page_by_page(void **state) {
    struct fixture *fixture = *state;
    struct sent sent = submit_plain(fixture);
    uint32_t done;
    struct task *task = begin(fixture, &done);
    struct task_row row cleanup(task_row_done) = {0};
    char *text cleanup(drop_memory) = NULL, *none = NULL;
    size_t length;
    assert_int_equal(tasks_find(fixture->tasks, sent.id, &row), 0);
    assert_int_equal(tasks_read_page(fixture->tasks, &row, 2, &none, &length), ERR_NOT_READY);
    read_page(fixture, task, 2);
    assert_int_equal(tasks_read_page(fixture->tasks, &row, 2, &text, &length), 0);
    assert_int_equal(length, strlen(text));
    assert_non_null(strstr(text, "\"number\":2"));
    read_page(fixture, task, 1);
    read_page(fixture, task, 3);
    const struct task_end end = {.warnings = (char *const[]){(char[]){"odd"}}, .warning_count = 1};
    assert_int_equal(tasks_finish(fixture->tasks, task, &end), 0);
    assert_told(fixture, "queued running running running running done ");
    task_row_done(&row);
    assert_int_equal(tasks_find(fixture->tasks, sent.id, &row), 0);
    assert_int_equal(row.pages_done, 3);
    assert_string_equal(row.engine, "onnxruntime 1");
    assert_string_equal(row.format, "pdf");
    assert_string_equal(row.warnings, "[\"odd\"]");
    assert_non_null(strstr(row.timings, "\"runs\":3"));
    assert_int_equal(tasks_read_page(fixture->tasks, &row, 4, &none, &length), ERR_NOT_FOUND);
    assert_false(has_document(fixture, sent.id)); /* its results are kept, its document is not needed any more */
    uint32_t page = 0;
    assert_int_equal(tasks_read_after(fixture->tasks, &row, 2, &page, &none, &length), 0);
    assert_int_equal(page, 3);
    free(none);
    assert_int_equal(tasks_read_after(fixture->tasks, &row, 3, &page, &none, &length), 0);
    assert_int_equal(page, 0);
}

static void a_page_that_fails_fails_the_task_and_keeps_the_others(void **state) {
    struct fixture *fixture = *state;
    struct sent sent = submit_plain(fixture);
    uint32_t done;
    struct task *task = begin(fixture, &done);
    read_page(fixture, task, 1);
    assert_int_equal(tasks_page_failed(fixture->tasks, task, 2, ERR_CORRUPT, "no image"), 0);
    tasks_return(fixture->tasks, task);
    task = begin(fixture, &done);
    assert_int_equal(done, 1 + 2); /* a page that failed is not read again */
    read_page(fixture, task, 3);
    assert_int_equal(tasks_finish(fixture->tasks, task, &(struct task_end){0}), 0);
    assert_state(fixture, sent.id, TASK_FAILED, "corrupt");
    struct task_row row cleanup(task_row_done) = {0};
    char *text = NULL;
    size_t length;
    uint32_t page;
    assert_int_equal(tasks_find(fixture->tasks, sent.id, &row), 0);
    assert_int_equal(row.error_page, 2);
    assert_int_equal(tasks_read_page(fixture->tasks, &row, 2, &text, &length), ERR_CORRUPT);
    assert_string_equal(error_detail(), "no image");
    assert_int_equal(tasks_read_after(fixture->tasks, &row, 1, &page, &text, &length), 0);
    assert_int_equal(page, 3);
    free(text);
}

/* The process ends in the middle, by a signal that nobody can catch. */
static void what_was_running_goes_on_after_a_kill(void **state) {
    struct fixture *fixture = *state;
    struct sent first = submit_plain(fixture), second = submit_plain(fixture);
    tasks_drop(&fixture->tasks);
    pid_t child = fork();
    if (child == 0) {
        uint32_t done;
        if (open_tasks(fixture) == 0) {
            struct task *task = begin(fixture, &done);
            read_page(fixture, task, 1);
        }
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    restart(fixture); /* the lock went with the process */
    assert_state(fixture, first.id, TASK_QUEUED, NULL);
    assert_int_equal(tasks_position(fixture->tasks, first.id), 0);
    assert_int_equal(tasks_position(fixture->tasks, second.id), 1);
    assert_true(has_document(fixture, first.id));
    uint32_t done;
    struct task *task = begin(fixture, &done);
    assert_string_equal(task->row.id, first.id);
    assert_int_equal(done, 1);
    assert_true(task->stages.runs[STAGE_DETECT] == 1);
    read_page(fixture, task, 2);
    read_page(fixture, task, 3);
    assert_int_equal(task->row.pages_done, 3);
    assert_int_equal(tasks_finish(fixture->tasks, task, &(struct task_end){0}), 0);
    assert_state(fixture, first.id, TASK_DONE, NULL);
}

static void a_folder_belongs_to_one_server(void **state) {
    struct fixture *fixture = *state, other = *fixture;
    other.tasks = NULL;
    assert_int_equal(open_tasks(&other), ERR_IN_USE);
    assert_null(other.tasks);
}

static void the_queue_is_bounded_in_tasks_and_bytes(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 4; i++) {
        submit_plain(fixture);
    }
    const struct wish wish = {0};
    struct sent sent = submit(fixture, "one more", &wish);
    assert_int_equal(sent.result, ERR_QUEUE_FULL);
    assert_false(has_document(fixture, sent.id));
    uint32_t done;
    assert_int_equal(tasks_finish(fixture->tasks, begin(fixture, &done), &(struct task_end){0}), 0);
    assert_int_equal(tasks_check_room(fixture->tasks, 1, 976), 0);
    assert_int_equal(tasks_check_room(fixture->tasks, 1, 977), ERR_QUEUE_FULL);
    assert_int_equal(tasks_check_room(fixture->tasks, 1, 1001), ERR_BODY_TOO_LARGE);
}

static void a_key_gives_the_same_task(void **state) {
    struct fixture *fixture = *state;
    const struct wish wish = {.key = (char[]){"k"}};
    struct sent first = submit(fixture, "a", &wish), again = submit(fixture, "a", &wish);
    assert_int_equal(first.result, 0);
    assert_false(first.repeated);
    assert_int_equal(again.result, 0);
    assert_true(again.repeated);
    assert_string_equal(again.id, first.id);
    assert_int_equal(submit(fixture, "b", &wish).result, ERR_KEY_USED);
    restart(fixture);
    assert_string_equal(submit(fixture, "a", &wish).id, first.id);
    int64_t queued, running, bytes;
    tasks_live(fixture->tasks, &queued, &running, &bytes);
    assert_int_equal(queued, 1);
    assert_int_equal(bytes, 1);
}

static void cancelling_ends_it_wherever_it_is(void **state) {
    struct fixture *fixture = *state;
    struct sent waits = submit_plain(fixture);
    assert_int_equal(tasks_cancel(fixture->tasks, waits.id), 0);
    assert_told(fixture, "queued cancelled ");
    struct sent runs = submit_plain(fixture);
    uint32_t done;
    read_page(fixture, begin(fixture, &done), 1);
    assert_int_equal(tasks_cancel(fixture->tasks, runs.id), 0);
    assert_told(fixture, "queued running running stopped:job cancelled ");
    assert_state(fixture, runs.id, TASK_CANCELLED, "cancelled");
    assert_int_equal(tasks_cancel(fixture->tasks, runs.id), ERR_TASK_OVER);
    assert_int_equal(tasks_cancel(fixture->tasks, "nobody"), ERR_NOT_FOUND);
    assert_false(has_document(fixture, runs.id));
    restart(fixture);
    assert_state(fixture, runs.id, TASK_CANCELLED, "cancelled");
    struct queue_place place;
    int device;
    assert_false(tasks_waiting(fixture->tasks, &place, &device));
}

static void removing_leaves_nothing(void **state) {
    struct fixture *fixture = *state;
    struct sent runs = submit_plain(fixture);
    uint32_t done;
    read_page(fixture, begin(fixture, &done), 1);
    char *pages cleanup(drop_memory) = format("%s/pages/%s", fixture->folder, runs.id);
    assert_int_equal(access(pages, F_OK), 0);
    assert_int_equal(tasks_remove(fixture->tasks, runs.id), 0);
    assert_told(fixture, "queued running running stopped:job cancelled gone ");
    assert_int_not_equal(access(pages, F_OK), 0);
    assert_int_equal(tasks_remove(fixture->tasks, runs.id), ERR_NOT_FOUND);
}

static void a_deadline_that_passes_ends_it(void **state) {
    struct fixture *fixture = *state;
    const struct wish wish = {.deadline = 1};
    struct sent sent = submit(fixture, "document", &wish);
    uint32_t done;
    begin(fixture, &done);
    int64_t now = clock_now();
    tasks_tick(fixture->tasks, now);
    assert_state(fixture, sent.id, TASK_RUNNING, NULL);
    assert_true(tasks_until(fixture->tasks) <= now + SECOND);
    buffer_done(&fixture->told);
    tasks_tick(fixture->tasks, now + SECOND);
    assert_told(fixture, "stopped:job expired ");
    assert_state(fixture, sent.id, TASK_EXPIRED, "expired");
}

static struct sent submit_and_end(struct fixture *fixture) {
    struct sent sent = submit_plain(fixture);
    uint32_t done;
    struct task *task = begin(fixture, &done);
    read_page(fixture, task, 1);
    assert_int_equal(tasks_finish(fixture->tasks, task, &(struct task_end){0}), 0);
    return sent;
}

static bool is_kept(struct fixture *fixture, const struct sent *sent) {
    struct task_row row cleanup(task_row_done) = {0};
    return tasks_find(fixture->tasks, sent->id, &row) == 0;
}

static void what_has_ended_is_kept_within_limits(void **state) {
    struct fixture *fixture = *state;
    struct sent waits = submit_plain(fixture), sent[4];
    assert_int_equal(tasks_cancel(fixture->tasks, waits.id), 0);
    for (int i = 0; i < 4; i++) {
        sent[i] = submit_and_end(fixture);
    }
    waits = submit_plain(fixture);
    fixture->limits.kept_tasks = 3;
    restart(fixture);
    tasks_tick(fixture->tasks, clock_now());
    assert_false(is_kept(fixture, &sent[0])); /* the oldest */
    assert_true(is_kept(fixture, &sent[1]));
    fixture->limits.kept_bytes = 1;
    restart(fixture);
    tasks_tick(fixture->tasks, clock_now());
    assert_false(is_kept(fixture, &sent[3]));
    assert_true(is_kept(fixture, &waits)); /* it has not ended */
    submit_and_end(fixture);               /* what waits comes first */
    fixture->limits.kept_seconds = -1;     /* all that ended before the next second */
    restart(fixture);
    tasks_tick(fixture->tasks, clock_now());
    assert_false(is_kept(fixture, &waits));
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wishes_come_from_either_side),
        cmocka_unit_test(wrong_wishes_say_what_is_expected),
        cmocka_unit_test(names_of_files_are_made_fit_to_be_shown),
        cmocka_unit_test(priority_goes_first_and_waiting_counts),
        cmocka_unit_test(retrying_makes_sense_when_places_get_free),
        TEST(a_task_is_read_page_by_page),
        TEST(a_page_that_fails_fails_the_task_and_keeps_the_others),
        TEST(what_was_running_goes_on_after_a_kill),
        TEST(a_folder_belongs_to_one_server),
        TEST(the_queue_is_bounded_in_tasks_and_bytes),
        TEST(a_key_gives_the_same_task),
        TEST(cancelling_ends_it_wherever_it_is),
        TEST(removing_leaves_nothing),
        TEST(a_deadline_that_passes_ends_it),
        TEST(what_has_ended_is_kept_within_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
