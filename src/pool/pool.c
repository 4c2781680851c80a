#include "pool/pool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "memory/budget.h"
#include "memory/guard.h"
#include "memory/probe.h"
#include "memory/tree.h"
#include "pool/dump.h"
#include "pool/unstick.h"
#include "pool/watch.h"

static const int64_t MILLISECOND = 1000000;
static const uint64_t MEGABYTE = 1 << 20;
enum { LEAVE_MILLISECONDS = 1000, TICKET_MILLISECONDS = 20, LOOK_MILLISECONDS = 1000 };

/* Memory */

static uint64_t pss_of(const struct child *child) {
    struct tree_memory memory;
    return child->pid != 0 && tree_read(child->pid, &memory) == 0 ? memory.pss : 0;
}

static void raise_peak(uint64_t *peak, uint64_t value) { *peak = value > *peak ? value : *peak; }

void pool_measure(struct pool *pool) {
    struct tree_memory own = {0};
    tree_read(getpid(), &own);
    struct footprint now = {.front = own.pss, .worker = pss_of(&pool->worker.child)};
    for (size_t i = 0; i < pool->row_count; i++) {
        now.rasters += pss_of(&pool->row[i]->raster);
        if (pool->row[i]->worker != &pool->worker) {
            now.worker += pss_of(&pool->row[i]->worker->child);
        }
    }
    now.all = now.front + now.worker + now.rasters;
    pool->now = now;
    atomic_store(&pool->tree, now.all);
    raise_peak(&pool->peak.all, now.all);
    raise_peak(&pool->peak.front, now.front);
    raise_peak(&pool->peak.worker, now.worker);
    raise_peak(&pool->peak.rasters, now.rasters);
}

static void note_front(struct pool *pool) {
    struct core *core = &pool->core;
    uint64_t pss = pool->now.front;
    uint64_t beside = core->results + core->uploads;
    core->baseline = pss > beside ? pss - beside : 0;
    ledger_note(core->ledger, core->account, CHARGE_BASELINE, core->baseline);
}

static uint64_t budget_of(struct pool *pool) {
    return pool->conf.per_task ? POOL_UNLIMITED
                               : budget_read(pool->probe, pool->conf.memory, &pool->conf.thresholds.reserve);
}

static void look(struct pool *pool) {
    pool_measure(pool);
    note_front(pool);
    uint64_t budget = budget_of(pool);
    if (budget != pool->budget) {
        recorder_note(pool->core.recorder, EVENT_BUDGET, "limits", (int64_t)budget, (int64_t)pool->budget);
        core_note(&pool->core, "the memory budget is %llu MB now, was %llu MB", (unsigned long long)(budget / 1000000),
                  (unsigned long long)(pool->budget / 1000000));
        pool->budget = budget;
        ledger_set_budget(pool->core.ledger, budget);
    }
}

/* At rest ledger and kernel should agree. What is being drawn, and bitmaps that nobody maps, PSS does not show. */
static void reconcile(struct pool *pool) {
    for (size_t i = 0; i < pool->row_count; i++) {
        if (pool->row[i]->state == JOB_OPENING || pool->row[i]->asked) {
            return;
        }
    }
    pool_measure(pool);
    note_front(pool);
    struct ledger_state state;
    ledger_read(pool->core.ledger, &state);
    uint64_t charged = state.charged - state.kind[CHARGE_DRAWING] - state.kind[CHARGE_BITMAP];
    uint64_t all = pool->now.all;
    uint64_t difference = charged > all ? charged - all : all - charged;
    uint64_t tolerance = all * 15 / 100 > 64000000 ? all * 15 / 100 : 64000000;
    struct reconciliation *kept = &pool->reconciliation;
    kept->count++;
    kept->apart += difference > tolerance;
    kept->largest = difference > kept->largest ? difference : kept->largest;
    recorder_note(pool->core.recorder, EVENT_READING, "at rest", (int64_t)all, (int64_t)charged);
}

/* Bytes that a worker may plan with now. */
static uint64_t worker_bytes(struct pool *pool) {
    if (pool->conf.per_task) {
        return POOL_UNLIMITED;
    }
    uint64_t largest = 0;
    for (size_t i = 0; i < pool->row_count; i++) {
        uint64_t need = job_need(pool->row[i], &pool->core);
        largest = need > largest ? need : largest;
    }
    uint64_t front = pool->core.baseline + pool->core.results + pool->core.uploads;
    uint64_t bytes = admission_worker_bytes(pool->budget, front, largest + 4 * MEGABYTE);
    return pool->shrunk ? bytes / 4 * 3 : bytes;
}

/* Beginning */

static int open_core(struct pool *pool) {
    struct core *core = &pool->core;
    *core = (struct core){.conf = &pool->conf, .events = &pool->events, .account = -1, .worker_account = -1};
    pool->probe = probe_new("");
    pool->budget = budget_of(pool);
    int result = ledger_create("cpu", pool->budget, (uint32_t)pool->conf.seats, &core->ledger);
    result = result ? result : recorder_create(&core->recorder);
    result = result ? result : roster_create(&core->roster);
    result = result ? result : ledger_open_account(core->ledger, "front", getpid(), &core->account);
    if (result != 0) {
        return result;
    }
    core->floor = pool->conf.per_task ? 0 : pool->budget / 2; /* until the worker says what it is */
    pool_measure(pool);
    note_front(pool);
    const uint64_t document = 12 * MEGABYTE; /* a raster, and a small page */
    if (admission_worker_bytes(pool->budget, core->baseline, document) <= 1) {
        uint64_t needed = core->baseline + (core->baseline / 3 > document ? core->baseline / 3 : document);
        return fail(ERR_NO_MEMORY, "more than %llu bytes are needed, %llu are available", (unsigned long long)needed,
                    (unsigned long long)pool->budget);
    }
    return pool->conf.per_task ? 0 : watch_start(pool);
}

int pool_open(struct pool *pool, const struct pool_conf *conf, const struct pool_events *events) {
    *pool = (struct pool){.conf = *conf, .events = *events};
    pool->row = alloc((size_t)conf->jobs, sizeof(struct job *));
    int result = open_core(pool);
    if (result != 0) {
        char *detail cleanup(drop_memory) = copy_string(error_detail());
        pool_done(pool);
        return fail(result, "%s", detail);
    }
    supervisor_open(&pool->worker, &pool->core, true);
    return 0;
}

int pool_follow(struct pool *pool, const struct pool_conf *conf) {
    watch_stop(pool); /* its thread reads the settings */
    pool->conf.memory = conf->memory;
    pool->conf.run_timeout = conf->run_timeout;
    pool->conf.worker_idle = conf->worker_idle;
    pool->conf.thresholds = conf->thresholds;
    pool->conf.guard_period = conf->guard_period;
    pool->conf.guard_calm = conf->guard_calm;
    pool->next_look = 0;
    return pool->conf.per_task ? 0 : watch_start(pool);
}

bool pool_has_room(const struct pool *pool) { return pool->row_count < (size_t)pool->conf.jobs; }

void pool_add(struct pool *pool, struct job *job) {
    job->worker = &pool->worker;
    if (pool->conf.per_task) {
        job->worker = alloc(1, sizeof(*job->worker));
        supervisor_open(job->worker, &pool->core, false);
    }
    pool->core.moved = clock_now();
    pool->row[pool->row_count++] = job;
}

/* The end of a job */

/* A worker of its own goes with its document; what --timing tells of one is kept of the first. */
static void end_own_worker(struct pool *pool, struct job *job) {
    struct supervisor *own = job->worker, *kept = &pool->worker;
    job->worker = NULL;
    if (own == kept) {
        return;
    }
    if (!kept->engine) {
        kept->engine = take(own->engine);
        kept->first_read = own->first_read;
        kept->ready_since = own->ready_since;
        kept->started = own->started;
    }
    supervisor_close(own, 0);
    supervisor_done(own);
    free(own);
}

/* Takes the job at place out of the row of those in work. */
static void leave_row(struct pool *pool, size_t place) {
    pool->row_count--;
    memmove(&pool->row[place], &pool->row[place + 1], (pool->row_count - place) * sizeof(struct job *));
}

static void finish(struct pool *pool, size_t place) {
    struct job *job = pool->row[place];
    struct core *core = &pool->core;
    supervisor_forget(job->worker, job);
    job->result.engine = copy_string(supervisor_engine(job->worker, job->wish));
    end_own_worker(pool, job);
    leave_row(pool, place);
    recorder_note(core->recorder, EVENT_DOCUMENT, job->error ? error_word(job->error) : "read",
                  (int64_t)job->result.page_count, (int64_t)pool->now.worker);
    pool->events.over(pool->events.context, job);
}

static void finish_jobs(struct pool *pool, int64_t now) {
    for (size_t i = 0; i < pool->row_count;) {
        job_tick(pool->row[i], &pool->core, now);
        if (pool->row[i]->state == JOB_OVER) {
            finish(pool, i);
        } else {
            i++;
        }
    }
}

/* Moving on */

static void note_peak(const struct pool *pool, struct job *job) {
    uint64_t raster = job->account < 0 ? 0 : ledger_held(pool->core.ledger, job->account, CHARGE_COUNT);
    raise_peak(&job->peak, raster + job->sheet.bytes + job->handed + job->results);
}

/* Whether the worker can do what is wanted of the document; the job has failed if not. */
static bool suits(struct job *job, struct core *core) {
    int result = job->suits ? 0 : offer_suits(&job->worker->offer, job, core);
    job->suits = result == 0;
    if (result != 0) {
        job_fail(job, core, result, 0, error_detail());
    }
    return job->suits;
}

static bool hand_over(struct job *job, struct core *core) {
    bool taken = job->sheet.page > 0 && supervisor_takes(job->worker, &job->sheet) && suits(job, core);
    if (taken) {
        supervisor_read(job->worker, job);
    }
    return taken;
}

static bool others_open(const struct pool *pool, const struct job *job) {
    for (size_t i = 0; i < pool->row_count; i++) {
        if (pool->row[i] != job && pool->row[i]->raster.pid != 0) {
            return true;
        }
    }
    return false;
}

/*
 * Bitmaps that wait go to the worker, rasters draw the next ones. A document that was served goes to the end of the
 * row, so that a book does not hold up a letter.
 */
static void move_pages(struct pool *pool) {
    size_t i = 0;
    for (size_t left = pool->row_count; left > 0; left--) {
        struct job *job = pool->row[i];
        bool served = hand_over(job, &pool->core);
        job_advance(job, &pool->core, others_open(pool, job));
        note_peak(pool, job);
        if (served) {
            leave_row(pool, i);
            pool->row[pool->row_count++] = job;
        } else {
            i++;
        }
    }
}

static int tick_workers(struct pool *pool, int64_t now) {
    if (!pool->conf.per_task) {
        return supervisor_tick(&pool->worker, now, pool->row_count > 0, worker_bytes(pool));
    }
    int result = 0;
    for (size_t i = 0; i < pool->row_count && result == 0; i++) {
        result = supervisor_tick(pool->row[i]->worker, now, true, POOL_UNLIMITED);
    }
    return result;
}

int pool_step(struct pool *pool, int64_t now) {
    if (now >= pool->next_look) {
        look(pool);
        pool->next_look = now + LOOK_MILLISECONDS * MILLISECOND;
    }
    pool->core.planning = !pool->conf.per_task && supervisor_is_planning(&pool->worker, worker_bytes(pool));
    move_pages(pool);
    unstick(pool, now);
    int result = tick_workers(pool, now);
    if (pool->worker.quiet) {
        pool->worker.quiet = false;
        reconcile(pool);
    }
    finish_jobs(pool, now);
    return result;
}

/* The event loop */

static struct pollfd poll_child(const struct child *child) {
    return (struct pollfd){.fd = child->pid != 0 ? child->socket : -1, .events = POLLIN};
}

size_t pool_poll(const struct pool *pool, struct pollfd *ret) {
    size_t count = 0;
    ret[count++] = (struct pollfd){.fd = pool->guard ? guard_fd(pool->guard) : -1, .events = POLLIN};
    ret[count++] = supervisor_poll(&pool->worker);
    for (size_t i = 0; i < pool->row_count; i++) {
        const struct job *job = pool->row[i];
        ret[count++] = poll_child(&job->raster);
        ret[count++] = job->worker != &pool->worker ? supervisor_poll(job->worker) : (struct pollfd){.fd = -1};
    }
    return count;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t pool_until(const struct pool *pool, int64_t now) {
    int64_t until =
        earlier(pool->next_look, supervisor_until(&pool->worker, pool->row_count > 0 && !pool->conf.per_task));
    for (size_t i = 0; i < pool->row_count; i++) {
        const struct job *job = pool->row[i];
        until = earlier(until, job->deadline);
        if (job->opened > 0 && job->wish->deadline > 0) {
            until = earlier(until, job->opened + job->wish->deadline * POOL_SECOND);
        }
        if (job_waits(job)) {
            until = earlier(until, now + TICKET_MILLISECONDS * MILLISECOND);
        }
        if (pool->conf.per_task) {
            until = earlier(until, supervisor_until(job->worker, true));
        }
    }
    return until;
}

int pool_take(struct pool *pool, const struct pollfd *polled) {
    size_t count = pool->row_count;
    if (polled[0].revents) {
        watch_take(pool);
    }
    for (size_t i = 0; i < count; i++) {
        if (polled[2 + 2 * i].revents) {
            job_receive(pool->row[i], &pool->core);
        }
    }
    int result = polled[1].revents ? supervisor_receive(&pool->worker) : 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (polled[3 + 2 * i].revents) {
            result = supervisor_receive(pool->row[i]->worker);
        }
    }
    return result;
}

void pool_dump(struct pool *pool, const char *reason) { dump_write(&pool->core, reason); }

char *pool_take_dump(struct pool *pool, const char *reason, struct json **ret) {
    return dump_take(&pool->core, reason, ret);
}

int pool_order(struct pool *pool, struct order *order) {
    struct supervisor *worker = &pool->worker;
    if (pool->conf.per_task) {
        return fail(ERR_NOT_FOUND, "with pool.mode per_task each document has models of its own");
    }
    if (order->kind != ORDER_LOAD && worker->child.pid == 0) { /* there is nothing to give back */
        order->done(order, 0, "", 0);
    } else {
        orders_add(&worker->orders, order);
    }
    return 0;
}

void pool_withdraw(struct pool *pool, const struct order *order) { orders_withdraw(&pool->worker.orders, order); }

/* The end */

void pool_give_up(struct pool *pool, int error, const char *detail) {
    for (size_t i = 0; i < pool->row_count; i++) {
        struct job *job = pool->row[i];
        job->in_hand = 0;
        job_fail(job, &pool->core, error, 0, detail);
    }
    orders_refuse(&pool->worker.orders, error, detail);
    finish_jobs(pool, clock_now());
}

void pool_cancel(struct pool *pool, struct job *job, int error, const char *detail) {
    job_fail(job, &pool->core, error, 0, detail);
    supervisor_cancel(job->worker, job);
}

void pool_abandon_worker(struct pool *pool, int64_t until) {
    supervisor_close(&pool->worker, 0);
    pool->worker.start_at = until;
    pool->worker.false_starts = 0;
}

void pool_let_go(struct pool *pool) { supervisor_let_go(&pool->worker); }

/* What the front measured of itself is taken back; anything that is left then was forgotten by somebody. */
int pool_settle(struct pool *pool, bool politely) {
    struct core *core = &pool->core;
    watch_stop(pool);
    supervisor_close(&pool->worker, politely ? LEAVE_MILLISECONDS : 0);
    ledger_note(core->ledger, core->account, CHARGE_BASELINE, 0);
    ledger_read(core->ledger, &pool->settled);
    const struct ledger_state *end = &pool->settled;
    if (end->charged == 0 && end->accounts == 1 && end->waiting == 0 && end->seats_taken == 0 && end->errors == 0) {
        return 0;
    }
    return fail(ERR_INTERNAL,
                "the ledger is not balanced: %llu bytes, %u seats, %u accounts and %u waiters are left, %llu errors",
                (unsigned long long)end->charged, end->seats_taken, end->accounts - 1, end->waiting,
                (unsigned long long)end->errors);
}

void pool_done(struct pool *pool) {
    struct core *core = &pool->core;
    watch_stop(pool);
    if (core->ledger && core->account >= 0) {
        ledger_close_account(core->ledger, core->account);
    }
    ledger_drop(&core->ledger);
    recorder_drop(&core->recorder);
    roster_drop(&core->roster);
    probe_drop(&pool->probe);
    supervisor_done(&pool->worker);
    free(pool->row);
    *pool = (struct pool){0};
}
