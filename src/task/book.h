/* Inside of src/task: what tasks.c and running.c share. One thread. */
#ifndef OCTAVO_TASK_BOOK_H
#define OCTAVO_TASK_BOOK_H

#include "task/tasks.h"

struct tasks {
    const struct store_kind *kind;
    struct store *store;
    struct blobs *blobs;
    struct tasks_limits limits;
    struct tasks_events events;
    int lock;           /* of the data folder */
    struct task **live; /* in no order */
    size_t count, room;
    int64_t bytes; /* of their documents */
    struct tasks_counts counts;
    double seconds_per_task; /* lately; 0: not measured */
    int64_t last_end;        /* clock */
    int64_t next_sweep;      /* clock: of retention */
    int64_t ages_from;       /* ms: clock_wall() less clock_now(), as ages are told by */
    int64_t ages_seen;       /* ms: the same, as it was lately */
    int64_t ages_until;      /* clock: what has ended before the wall clock was put forward is gone */
    int64_t callbacks;       /* that are to be delivered */
    int64_t next_callback;   /* clock: it makes sense to look for them; INT64_MAX: it does not */
};

/* A live task made from its row, whose contents it takes over. */
struct task *book_add(struct tasks *tasks, struct task_row *row);

/* NULL if it has ended, or never was. */
struct task *book_find(const struct tasks *tasks, const char *id);

/* Takes a task that has ended out, with its document, and frees it. */
void book_close(struct tasks *tasks, struct task *task);

/* Ends a task early, its owner told. What the store fails with: nothing has happened then. */
int book_stop(struct tasks *tasks, struct task *task, enum task_state state, int error);

/* A callback is due from now on; those that were so when the last server ended. */
void book_add_callback(struct tasks *tasks);
int book_count_callbacks(struct tasks *tasks);

/* Tells that something of a task is new. */
void book_announce(struct tasks *tasks, const char *id);

#endif
