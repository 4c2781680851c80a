/*
 * Tasks: accepted, queued, running, ended, kept for a while. Those that have not ended are in memory as well as in the
 * store; the store comes first: what is announced by changed() has happened.
 *
 *   tasks_submit() -> QUEUED --tasks_next()--> RUNNING --tasks_finish()--> DONE, FAILED
 *                       ^                         |  \--tasks_end(), tasks_tick()--> CANCELLED, EXPIRED
 *                       +------tasks_return()-----+
 *
 * A store that fails loses nothing: what could not be written of a running task is read again when it is returned and
 * taken anew. One thread.
 */
#ifndef OCTAVO_TASK_TASKS_H
#define OCTAVO_TASK_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "document/page.h"
#include "store/blobs.h"
#include "store/store.h"
#include "task/queue.h"
#include "task/wish.h"

struct tasks_limits {
    int64_t tasks, bytes;                         /* that have not ended; bytes of their documents */
    int64_t kept_seconds, kept_tasks, kept_bytes; /* that have ended */
    int64_t callback_attempts, callback_wait;     /* attempts in all, seconds after the first */
};

/* A task that has not ended. */
struct task {
    struct task_row row; /* as in the store, save that a store which failed may still say RUNNING of a queued task */
    bool running;
    int64_t since;        /* clock: it waits, or runs, since then */
    int64_t deadline;     /* clock; INT64_MAX: none */
    int device;           /* that is wanted for it, as in memory/placement.h */
    struct stages stages; /* sum over its pages */
    double seconds;       /* of work before this run */
    int crashes;          /* of the process that decodes it */
    void *owner;          /* for whoever runs it */
};

struct tasks_events {
    void *context;
    /* Something of this task is new in the store. It may have ended, or be gone. */
    void (*changed)(void *context, const char *id);
    /* A running task has ended under its owner's hands: cancelled, expired, deleted. Its owner lets go of it in here.
     */
    void (*stopped)(void *context, struct task *task);
};

/* What has come of an attempt to deliver a callback. */
enum callback_outcome { CALLBACK_DELIVERED, CALLBACK_RETRIED, CALLBACK_GIVEN_UP, CALLBACK_OUTCOME_COUNT };

struct tasks_counts {
    int64_t ended[TASK_STATE_COUNT]; /* since the start */
    int64_t accepted, repeated, refused, pages, removed;
    int64_t callbacks[CALLBACK_OUTCOME_COUNT];
};

struct tasks;

/*
 * Opens the data folder: store and blobs. What was running when the last server ended is queued again, what belongs to
 * no task is removed. The caller drops *ret. ERR_IN_USE, and what store and blobs fail with.
 */
int tasks_open(const char *folder, const struct store_kind *kind, const struct tasks_limits *limits,
               const struct tasks_events *events, struct tasks **ret);
void tasks_drop(struct tasks **tasks);

/* Goes on with other limits. */
void tasks_follow(struct tasks *tasks, const struct tasks_limits *limits);

/* For uploads. Borrowed. */
struct blobs *tasks_blobs(struct tasks *tasks);

/* Accepting */

/* Whether so many more tasks of so many bytes in all are taken now. ERR_QUEUE_FULL, ERR_BODY_TOO_LARGE if it never
 * would be. */
int tasks_check_room(struct tasks *tasks, int64_t count, int64_t bytes);

/* A document that is kept on the disk under its id (blobs_keep()), and what is wanted of it. All borrowed. */
struct submission {
    const char *id, *digest;
    int64_t bytes;
    const struct wish *wish;
    const char *owner; /* as in struct task_row; idempotency keys are each owner's */
};

/*
 * Accepts them, all or none: documents and rows survive a power failure when this returns. *ret_repeated: all their
 * keys were known, the documents are not needed and ret_ids are the tasks that have them. On failure and repetition the
 * documents are removed. ERR_KEY_USED, ERR_QUEUE_FULL, what the store fails with.
 */
int tasks_submit(struct tasks *tasks, const struct submission *submissions, size_t count, char (*ret_ids)[ID_BYTES],
                 bool *ret_repeated);

/* Running */

/* Whether a task waits; the place of the next one, and the device that is wanted for it. */
bool tasks_waiting(const struct tasks *tasks, struct queue_place *ret_place, int *ret_device);

/* Takes the next task: it is RUNNING in the store. Borrowed until it is returned, finished or stopped. ERR_NOT_FOUND if
 * none waits, what the store fails with. */
int tasks_next(struct tasks *tasks, struct task **ret);

/* Calls each() with the number of every page that has been dealt with. Sums and errors of them are in the task then. */
int tasks_done_pages(struct tasks *tasks, struct task *task, void (*each)(void *context, uint32_t page), void *context);

/* What opening the document told; it is written with the first page. engine NULL: as it was. */
void tasks_opened(struct task *task, const char *format, const char *engine, uint32_t document_pages, uint32_t pages);

/* What was charged for it so far; it is written with the next page, or the end. */
void tasks_charged(struct task *task, uint64_t bytes);

/* A page that was read; one that could not be. What the store fails with: the caller returns the task. */
int tasks_page(struct tasks *tasks, struct task *task, const struct page *page);
int tasks_page_failed(struct tasks *tasks, struct task *task, uint32_t page, int error, const char *detail);

/* It goes back to the queue, behind those who wait: its turn is over, or it could not be read or written now. */
void tasks_return(struct tasks *tasks, struct task *task);

/* How it ended. */
struct task_end {
    int error; /* 0: none beyond those of its pages */
    uint32_t page;
    const char *detail;
    int64_t bytes; /* of results beside its pages */
    char *const *warnings;
    size_t warning_count;
};

/* It has ended: DONE if there was no error, of a page either; FAILED otherwise. If the store fails, it is returned. */
int tasks_finish(struct tasks *tasks, struct task *task, const struct task_end *end);

/* On request */

/* Ends it as CANCELLED. ERR_NOT_FOUND, ERR_TASK_OVER, what the store fails with. */
int tasks_cancel(struct tasks *tasks, const char *id);

/* Removes all of it, cancelled first if it has not ended. Errors as tasks_cancel(), less ERR_TASK_OVER. */
int tasks_remove(struct tasks *tasks, const char *id);

/* Looking */

/* ERR_NOT_FOUND, naming the task. */
int tasks_no_such(const char *id);

/* A task as it is; the caller calls task_row_done(). ERR_NOT_FOUND, also for what is no id. */
int tasks_find(struct tasks *tasks, const char *id, struct task_row *ret);

/* How many go before a queued task: 0 is next; -1 if it is not queued. */
int64_t tasks_position(const struct tasks *tasks, const char *id);

/* The text of a page's result; the caller frees it. ERR_NOT_READY, ERR_NOT_FOUND if it is not one of the task's pages,
 * the error that the page failed with. */
int tasks_read_page(struct tasks *tasks, const struct task_row *row, uint32_t page, char **ret, size_t *ret_length);

/* The first page after a number that has a result, 0: there is none, and its text. */
int tasks_read_after(struct tasks *tasks, const struct task_row *row, uint32_t after, uint32_t *ret_page, char **ret,
                     size_t *ret_length);

/* The store's lists, as store.h has them. */
int tasks_list(struct tasks *tasks, const struct task_query *query,
               bool (*each)(void *context, const struct task_row *row), void *context);
int tasks_event_list(struct tasks *tasks, int64_t number, int64_t after,
                     bool (*each)(void *context, const struct task_event *event), void *context);

/* Queued, running; bytes of their documents; how many of an owner have not ended, and theirs; counts since the start;
 * seconds until a place may be free. */
void tasks_live(const struct tasks *tasks, int64_t *ret_queued, int64_t *ret_running, int64_t *ret_bytes);
void tasks_owned(const struct tasks *tasks, const char *owner, int64_t *ret_tasks, int64_t *ret_bytes);
const struct tasks_counts *tasks_counts(const struct tasks *tasks);
int64_t tasks_retry_after(const struct tasks *tasks);

/*
 * Callbacks: that a task has ended is sent to the URL in its row, by whoever asks for those that are due here, at least
 * once. They go with their task; retention by number and bytes waits for them, that by age does not.
 *
 *   waiting --the task ends--> pending --tasks_callback_tried()--> delivered, given_up
 *                                 ^          |
 *                                 +----------+ after a while that doubles each time
 */

/* The word of this state; NULL: nobody is told. Borrowed for ever. */
const char *tasks_callback_state(const struct task_row *row);

/* Calls each() with at most so many that are due, until it answers false; no call of tasks that changes something in
 * it. It is to be asked again at the moment below, INT64_MAX: when there are others, and after each attempt. */
int tasks_due_callbacks(struct tasks *tasks, int64_t now, int64_t limit,
                        bool (*each)(void *context, const struct task_row *row), void *context);
int64_t tasks_callback_until(const struct tasks *tasks);

/* It was tried: trouble says what was wrong, NULL: it is delivered. ERR_NOT_FOUND if the task is gone by now, what the
 * store fails with: it will be due again. */
int tasks_callback_tried(struct tasks *tasks, const char *id, const char *trouble, enum callback_outcome *ret);

/* How many are to be delivered. */
int64_t tasks_callbacks(const struct tasks *tasks);

/* The clock: deadlines, retention. Failures are tried again later. */
void tasks_tick(struct tasks *tasks, int64_t now);
int64_t tasks_until(const struct tasks *tasks);

#endif
