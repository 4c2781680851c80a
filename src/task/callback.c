/* Who is still to be told that a task has ended. */
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "task/book.h"

static const int64_t SECOND = 1000000000, MILLISECOND = 1000000;
enum { LONGEST_WAIT = 3600 * 1000 /* ms */, STORE_PAUSE = 10 /* s */ };

const char *tasks_callback_state(const struct task_row *row) {
    return !row->callback                   ? NULL
           : row->callback_delivered > 0    ? "delivered"
           : row->callback_due > 0          ? "pending"
           : task_state_is_over(row->state) ? "given_up"
                                            : "waiting";
}

void book_add_callback(struct tasks *tasks) {
    tasks->callbacks++;
    tasks->next_callback = clock_now();
}

static bool count_one(void *context, const struct task_row *row) {
    (void)row;
    book_add_callback(context);
    return true;
}

int book_count_callbacks(struct tasks *tasks) {
    tasks->next_callback = INT64_MAX;
    return tasks->kind->callbacks(tasks->store, 0, count_one, tasks);
}

int64_t tasks_callback_until(const struct tasks *tasks) { return tasks->next_callback; }

int64_t tasks_callbacks(const struct tasks *tasks) { return tasks->callbacks; }

struct looking {
    struct tasks *tasks;
    int64_t now, wall;
    bool (*each)(void *context, const struct task_row *row);
    void *context;
};

/* They come in the order in which they are due. One that is further away than any wait was put off by a clock that has
 * jumped since. */
static bool look_at(void *context, const struct task_row *row) {
    const struct looking *looking = context;
    int64_t wait = row->callback_due - looking->wall;
    if (wait > 0 && wait <= LONGEST_WAIT) {
        looking->tasks->next_callback = looking->now + wait * MILLISECOND;
        return false;
    }
    return looking->each(looking->context, row);
}

int tasks_due_callbacks(struct tasks *tasks, int64_t now, int64_t limit,
                        bool (*each)(void *context, const struct task_row *row), void *context) {
    struct looking looking = {.tasks = tasks, .now = now, .wall = clock_wall(), .each = each, .context = context};
    tasks->next_callback = INT64_MAX;
    int result = tasks->kind->callbacks(tasks->store, limit, look_at, &looking);
    if (result != 0) {
        tasks->next_callback = now + STORE_PAUSE * SECOND;
    }
    return result;
}

/* Milliseconds: doubled each time, and from half to all of that, so that those who failed together come apart. */
static int64_t wait_after(const struct tasks *tasks, int64_t attempts) {
    int64_t wait = 1000 * tasks->limits.callback_wait;
    uint32_t chance = 0;
    for (int64_t i = 1; i < attempts && wait < LONGEST_WAIT; i++) {
        wait *= 2;
    }
    wait = wait < LONGEST_WAIT ? wait : LONGEST_WAIT;
    ssize_t got = getrandom(&chance, sizeof(chance), GRND_NONBLOCK);
    (void)got; /* then all of it is the same chance */
    return wait / 2 + chance % (wait / 2 + 1);
}

static enum callback_outcome note_attempt(const struct tasks *tasks, struct task_row *row, const char *trouble) {
    int64_t now = clock_wall();
    free(row->callback_trouble);
    row->callback_trouble = copy_string(trouble);
    row->callback_attempts++;
    row->callback_due = 0;
    if (!trouble) {
        row->callback_delivered = now;
        return CALLBACK_DELIVERED;
    }
    if (row->callback_attempts >= tasks->limits.callback_attempts) {
        return CALLBACK_GIVEN_UP;
    }
    row->callback_due = now + wait_after(tasks, row->callback_attempts);
    return CALLBACK_RETRIED;
}

int tasks_callback_tried(struct tasks *tasks, const char *id, const char *trouble, enum callback_outcome *ret) {
    struct task_row row cleanup(task_row_done) = {0};
    int64_t now = clock_now();
    tasks->next_callback = now;
    int result = tasks_find(tasks, id, &row);
    if (result != 0) {
        return result;
    }
    enum callback_outcome outcome = note_attempt(tasks, &row, trouble);
    result = tasks->kind->set_callback(tasks->store, &row);
    if (result != 0) {
        tasks->next_callback = now + STORE_PAUSE * SECOND;
        return result;
    }
    tasks->callbacks -= outcome != CALLBACK_RETRIED;
    tasks->counts.callbacks[outcome]++;
    *ret = outcome;
    return 0;
}
