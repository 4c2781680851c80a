/* Tasks over a real store in a folder of a test's own. */
#ifndef OCTAVO_TEST_TASKS_FOLDER_H
#define OCTAVO_TEST_TASKS_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "scratch.h"
#include "task/tasks.h"

#include <cmocka.h>

struct fixture {
    char folder[64];
    struct tasks_limits limits;
    struct tasks *tasks;
    struct buffer told; /* ids that were announced, owners that were stopped */
};

static inline void changed(void *context, const char *id) {
    struct fixture *fixture = context;
    struct task_row row cleanup(task_row_done) = {0};
    if (fixture->tasks) { /* what is announced is in the store already */
        int result = tasks_find(fixture->tasks, id, &row);
        buffer_add_format(&fixture->told, "%s ", result ? "gone" : task_state_word(row.state));
    }
}

static inline void stopped(void *context, struct task *task) {
    struct fixture *fixture = context;
    buffer_add_format(&fixture->told, "stopped:%s ", (const char *)task->owner);
}

static inline int open_tasks(struct fixture *fixture) {
    const struct tasks_events events = {.context = fixture, .changed = changed, .stopped = stopped};
    return tasks_open(fixture->folder, &store_sqlite, &fixture->limits, &events, &fixture->tasks);
}

static inline void restart(struct fixture *fixture) {
    tasks_drop(&fixture->tasks);
    assert_int_equal(open_tasks(fixture), 0);
    buffer_done(&fixture->told);
}

static inline int set_up(void **state) {
    struct fixture *fixture = alloc(1, sizeof(*fixture));
    *fixture = (struct fixture){.folder = "/tmp/octavo-tasks-XXXXXX",
                                .limits = {.tasks = 4,
                                           .bytes = 1000,
                                           .kept_seconds = 3600,
                                           .kept_tasks = 100,
                                           .kept_bytes = 1 << 20,
                                           .callback_attempts = 3,
                                           .callback_wait = 100}};
    if (!mkdtemp(fixture->folder)) {
        return -1;
    }
    *state = fixture;
    return open_tasks(fixture);
}

static inline int tear_down(void **state) {
    struct fixture *fixture = *state;
    tasks_drop(&fixture->tasks);
    buffer_done(&fixture->told);
    scratch_remove(fixture->folder);
    free(fixture);
    return 0;
}

struct sent {
    char id[ID_BYTES];
    bool repeated;
    int result;
};

static inline struct sent submit(struct fixture *fixture, const char *text, const struct wish *wish) {
    struct sent sent = {0};
    char id[ID_BYTES], digest_text[DIGEST_BYTES];
    struct digest *digest = digest_new();
    int fd = -1;
    digest_add(digest, text, strlen(text));
    digest_take(&digest, digest_text);
    assert_int_equal(id_new(id), 0);
    assert_int_equal(blobs_new(tasks_blobs(fixture->tasks), id, &fd), 0);
    assert_int_equal(blobs_write(fd, text, strlen(text)), 0);
    const struct submission submission = {
        .id = id, .digest = digest_text, .bytes = (int64_t)strlen(text), .wish = wish};
    sent.result = tasks_submit(fixture->tasks, &submission, 1, &sent.id, &sent.repeated);
    close(fd);
    return sent;
}

#endif
