/*
 * Tasks, and documents that somebody waits for, over the pool: each takes a lease for as long as it is read; a document
 * that takes long makes room at its next page when others wait, and goes on behind them.
 *
 * When nothing can be read (no engine, a store that fails), nothing is lost: tasks go back to the queue, and it is
 * tried again after a while. One thread.
 */
#ifndef OCTAVO_SERVER_RUNNER_H
#define OCTAVO_SERVER_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "conf/options.h"
#include "pool/pool.h"
#include "server/direct.h"
#include "server/trouble.h"
#include "task/tasks.h"

struct run;

struct runner {
    const struct options *options;
    struct tasks *tasks;
    struct pool pool;
    struct run **runs; /* in work */
    size_t run_count;
    struct directs directs; /* documents that somebody waits for */
    struct lease next;      /* of the task that is begun next */
    bool draining, giving_up;
    struct trouble trouble; /* why nothing can be read now */
};

/* Sets it up in *runner, which stays where it is; options are borrowed. Errors as pool_open(). */
int runner_open(struct runner *runner, const struct options *options);

/* Before anything else is asked of it. Borrowed. */
void runner_use(struct runner *runner, struct tasks *tasks);

/* For struct api_host: the context is the runner. */
int runner_begin_direct(void *context, struct direct *direct);
void runner_end_direct(void *context, struct direct *direct);
void runner_add_reasons(void *context, struct json *reasons);

/* A running task has ended under its hands (struct tasks_events). */
void runner_stopped(struct runner *runner, struct task *task);

/* The event loop: pool_step() and what follows from it, pool_take(). */
void runner_step(struct runner *runner, int64_t now);
void runner_take(struct runner *runner, const struct pollfd *polled);
int64_t runner_until(const struct runner *runner, int64_t now);

/* Begins nothing any more, ends each document at its next page; whether nothing is in work any more. */
void runner_drain(struct runner *runner);
bool runner_is_empty(const struct runner *runner);

/* What is still in work goes back to the queue at once. */
void runner_give_up(struct runner *runner);

/* Ends worker and guard when nothing is in work. ERR_INTERNAL if something is still charged then. */
int runner_settle(struct runner *runner);

void runner_done(struct runner *runner);

#endif
