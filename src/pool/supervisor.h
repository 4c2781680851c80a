/*
 * A worker process, its life, and the pages in its hands.
 *
 *   NONE --work--> STARTING --"ready"--> READY --recycle--> DRAINING --nothing in hand--> LEAVING --> NONE
 *     ^               |                    |  \--idle for long enough------------------------^
 *     |               +------- death ------+
 *     +--back-off------------- RESTING <---+
 *
 * Pages of a worker that died are read again, each alone, so that a page that kills its worker is known by doing so
 * twice: it fails alone. A worker that does not answer pings, or whose longest step takes too long, is ended like one
 * that died. One that is idle is given a page to read now and then (pool/health.h): it is replaced if it reads it
 * wrong, ended if it does not read it at all. One thread.
 */
#ifndef OCTAVO_POOL_SUPERVISOR_H
#define OCTAVO_POOL_SUPERVISOR_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/backoff.h"
#include "pool/core.h"
#include "pool/hands.h"
#include "pool/job.h"
#include "pool/offer.h"
#include "pool/order.h"
#include "pool/recycle.h"
#include "process/child.h"

enum worker_state { WORKER_NONE, WORKER_RESTING, WORKER_STARTING, WORKER_READY, WORKER_DRAINING, WORKER_LEAVING };

/* unhealthy: of the checks, those without an answer in time, or with a wrong one. */
struct worker_counts {
    uint64_t starts, deaths, hangs, idle_leaves, recycles, checks, unhealthy;
};

struct supervisor {
    struct core *core;
    int instance;        /* its number */
    struct stake *stake; /* borrowed: its floor is left free, it is recycled and let go; NULL: nothing is shared */
    size_t threads;
    enum worker_state state;
    struct child child;
    pid_t pid; /* of the last one, after its end too */
    int account;
    struct backoff backoff;
    int false_starts;   /* deaths in a row before "ready" */
    struct hands hands; /* at most a page for each thread and a new one for each job */
    long last_id;
    uint64_t plan_asked, floor, comfort; /* bytes; what it was told last, what it has answered */
    bool reduced;                        /* its plan is smaller than it is set up to */
    bool plan_open;                      /* "plan" was sent and is not answered yet */
    uint64_t documents, since_quiet;     /* finished; since nothing was in its hands */
    struct recycle recycle;
    struct order *orders; /* it is started for one that is not sent yet */
    long check_id;        /* of the health check in its hands; 0: none */
    bool quiet;           /* nothing was in its hands just now: whoever measures then takes it back */
    /* clock; 0: not */
    int64_t start_at, started_at, ready_at, next_ping, pinged_at, idle_since, checked_at, leave_by;
    struct offer offer; /* of the last one that was ready */
    /* for --timing */
    char *engine;                /* "openvino 2026.4.1"; NULL before "ready" */
    int64_t first_read;          /* 0: none yet */
    int64_t ready_since;         /* at the first "ready" */
    double started;              /* seconds from the first worker's exec to "ready", as it says */
    uint64_t pages;              /* read by the present worker */
    struct worker_counts counts; /* since the pool was opened */
};

/* For the instance of this number, with so many engine threads. */
void supervisor_open(struct supervisor *supervisor, struct core *core, int instance, struct stake *stake,
                     size_t threads);

/*
 * Does what is due at now: starts the worker if it is wanted, tells it how many bytes it may plan with, pings and
 * checks it, ends it when it hangs, lets it go when it is idle. ERR_PROCESS if it cannot be started, ERR_WORKER_CRASHED
 * if it ends before it is ready again and again.
 */
int supervisor_tick(struct supervisor *supervisor, int64_t now, bool wanted, uint64_t bytes);

/* When supervisor_tick() is to be called again at the latest. */
int64_t supervisor_until(const struct supervisor *supervisor, bool wanted);

/* What is to be polled; fd is -1 if nothing is. */
struct pollfd supervisor_poll(const struct supervisor *supervisor);

/* Whether its plan may still change: it is not ready, or was asked for another one, or would be with so many bytes. */
bool supervisor_is_planning(const struct supervisor *supervisor, uint64_t bytes);

/* Whether it would take the job's waiting bitmap now; sends it. */
bool supervisor_takes(const struct supervisor *supervisor, const struct job *job);
void supervisor_read(struct supervisor *supervisor, struct job *job);

/* The engine that reads what is wanted so, with its version where it is the worker's own; NULL before "ready". Borrowed
 * from both. */
const char *supervisor_engine(const struct supervisor *supervisor, const struct job_wish *wish);

/* The job's pages are not wanted any more: the worker may stop. */
void supervisor_cancel(struct supervisor *supervisor, const struct job *job);

/* The job is over: what the worker still says about its pages is ignored. */
void supervisor_forget(struct supervisor *supervisor, const struct job *job);

/* Asks it to give memory back: "trim", "unload", "release". */
void supervisor_relieve(struct supervisor *supervisor, const char *step);

/* Lets it finish what is in its hands, then starts another one when there is work. */
void supervisor_recycle(struct supervisor *supervisor, const char *reason);

/*
 * For pool/worker_inbox.c, which takes what the worker says. Notes in the flight recorder what has become of it;
 * whether nothing was wanted of it at the last tick, nor is in its hands; lets it go for that.
 */
void supervisor_note(const struct supervisor *supervisor, const char *what);
bool supervisor_is_idle(const struct supervisor *supervisor);
void supervisor_let_idle_go(struct supervisor *supervisor, int64_t now);

/* Likewise: it has gone, as it was to. */
void supervisor_gone(struct supervisor *supervisor);

/* Likewise: tells of an end that was not wanted, and plans the next start. how: why we end it; NULL: it ended by
 * itself. ERR_WORKER_CRASHED if it has ended before it was ready again and again. */
int supervisor_bury(struct supervisor *supervisor, const char *how);

/* Nothing more will come: it may leave by itself. Without effect while something is in its hands. */
void supervisor_let_go(struct supervisor *supervisor);

/* Ends the worker at once; the next one has no past and is not started before until (clock). */
void supervisor_renew(struct supervisor *supervisor, int64_t until);

/* Ends the worker, politely for so many milliseconds if nothing is in its hands; credits all. Its figures stay. */
void supervisor_close(struct supervisor *supervisor, int milliseconds);

void supervisor_done(struct supervisor *supervisor);

#endif
