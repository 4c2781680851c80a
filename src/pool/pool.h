/*
 * The service pool: instances, their leases and the documents in work, the ledger and its accounts, the guard. For an
 * event loop:
 *
 *   pool_open()
 *   repeat  pool_acquire() and pool_add(), pool_step(), poll() on pool_poll() until pool_until(), pool_take()
 *   pool_give_up() if it ends early, pool_settle(), pool_done()
 *
 * One thread.
 */
#ifndef OCTAVO_POOL_POOL_H
#define OCTAVO_POOL_POOL_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/core.h"
#include "pool/job.h"
#include "pool/lease.h"
#include "pool/supervisor.h"

struct guard;
struct json;
struct probe;

/* Memory (PSS) of our processes: the sum, and its parts. Bytes. */
struct footprint {
    uint64_t all, front, worker, rasters;
};

/*
 * What the ledger says against what the kernel says (PSS), at moments when nothing is in work. They agree within 15 %
 * of what the kernel says or 64 MB, whichever is more.
 */
struct reconciliation {
    size_t count, apart; /* moments; those in which they did not agree */
    uint64_t largest;    /* difference, bytes */
};

struct pool {
    struct pool_conf conf;
    struct pool_events events;
    struct core core;
    struct leases leases;
    struct supervisor *workers; /* of the instances */
    struct job **row;           /* in work, at most conf.jobs, the next to be served first */
    size_t row_count;
    struct guard *guard; /* NULL with per_task */
    struct probe *probe;
    uint64_t budget;
    bool shrunk;                /* the guard wants smaller plans */
    int64_t next_look;          /* clock: budget and footprint are read again */
    int64_t relieved, replaced; /* clock: the last steps against standing still */
    struct footprint now, peak; /* each part's own peak */
    atomic_uint_fast64_t tree;  /* now.all, for the guard's thread */
    struct probe *guard_probe;  /* of the guard's thread */
    struct reconciliation reconciliation;
    struct ledger_state settled; /* the ledger at the end, after pool_settle() */
};

/* Sets the pool up in *pool, which stays where it is. Settings and events are copied. ERR_NO_MEMORY, ERR_INTERNAL. */
int pool_open(struct pool *pool, const struct pool_conf *conf, const struct pool_events *events);

/*
 * Goes on with those of the settings that may change while the pool is open: memory, run_timeout, worker_idle,
 * health_interval, thresholds, guard_period, guard_calm. ERR_INTERNAL: there is no guard any more.
 */
int pool_follow(struct pool *pool, const struct pool_conf *conf);

/* As lease_acquire() and lease_release(), now. With per_task a worker ends with its lease. */
int pool_acquire(struct pool *pool, const struct lease_wish *wish, struct lease *lease);
void pool_release(struct pool *pool, struct lease *lease);

/* Takes the job, and the lease that is held for it, until the event "over". */
void pool_add(struct pool *pool, struct job *job, struct lease *lease);

/* Moves on all that can go on. A failure means that no page can be read any more, as of worker_inbox_receive(). */
int pool_step(struct pool *pool, int64_t now);

/* Fills what poll() shall wait for and returns how many: at most POOL_POLLED(jobs). */
#define POOL_POLLED(jobs) (2 * (size_t)(jobs) + 1)
size_t pool_poll(const struct pool *pool, struct pollfd *ret);

/* Clock until when poll() may wait. */
int64_t pool_until(const struct pool *pool, int64_t now);

/* Takes what came: one message of each process that has one. Errors as pool_step(). */
int pool_take(struct pool *pool, const struct pollfd *polled);

/*
 * Has an order carried out by all workers; for a load one is started if there is none. done() may be called in here.
 * ERR_NOT_FOUND with per_task, where there is none. One that is withdrawn is not answered any more.
 */
int pool_order(struct pool *pool, struct order *order);
void pool_withdraw(struct pool *pool, struct order *order);

/* What all workers have counted. */
struct worker_counts pool_counts(const struct pool *pool);

/* Measures the footprint now. */
void pool_measure(struct pool *pool);

/* Writes a dump for reason (a word). */
void pool_dump(struct pool *pool, const char *reason);

/* As above, *ret is what it says, which the caller drops; the name of its file, which the caller frees: NULL if none
 * could be written. */
char *pool_take_dump(struct pool *pool, const char *reason, struct json **ret);

/* Ends all jobs in work with error; detail may be NULL. Their complete pages are kept. */
void pool_give_up(struct pool *pool, int error, const char *detail);

/* Ends one job with error: its pages at the worker are not wanted any more. "over" follows within half a second. */
void pool_cancel(struct pool *pool, struct job *job, int error, const char *detail);

/* After a failure of pool_step() or pool_take() and pool_give_up(): the workers are ended; where there is work again,
 * they are started anew, not before until (clock). */
void pool_abandon_workers(struct pool *pool, int64_t until);

/* Nothing is in work and no more will come: the workers may go by themselves while the owner finishes. */
void pool_let_go(struct pool *pool);

/*
 * Ends workers and guard, politely or at once, when no job is in work and all results were released. ERR_INTERNAL if
 * something is still charged, or leased, then.
 */
int pool_settle(struct pool *pool, bool politely);

void pool_done(struct pool *pool);

#endif
