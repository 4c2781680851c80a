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
#include "pool/instances.h"
#include "pool/raster_inbox.h"
#include "pool/unstick.h"
#include "pool/watch.h"
#include "pool/worker_inbox.h"

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
    struct footprint now = {.front = own.pss};
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        now.worker += pss_of(&pool->workers[i].child);
    }
    for (size_t i = 0; i < pool->row_count; i++) {
        now.rasters += pss_of(&pool->row[i]->raster);
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

/* Beginning */

static int open_core(struct pool *pool) {
    struct core *core = &pool->core;
    *core = (struct core){.conf = &pool->conf, .events = &pool->events, .account = -1};
    pool->probe = probe_new("");
    pool->budget = budget_of(pool);
    int result = ledger_create("cpu", pool->budget, (uint32_t)pool->conf.seats, &core->ledger);
    result = result ? result : recorder_create(&core->recorder);
    result = result ? result : roster_create(&core->roster);
    result = result ? result : ledger_open_account(core->ledger, "front", getpid(), &core->account);
    if (result != 0) {
        return result;
    }
    pool_measure(pool);
    note_front(pool);
    const uint64_t document = 12 * MEGABYTE; /* a raster, and a small page */
    if (admission_worker_bytes(pool->budget, core->baseline, document) <= 1) {
        uint64_t needed = core->baseline + (core->baseline / 3 > document ? core->baseline / 3 : document);
        uint64_t limit = budget_limit(needed, &pool->conf.thresholds.reserve);
        return fail(ERR_NO_MEMORY, "the limit must be more than %.1f MB for anything to start, reading needs more",
                    (double)limit / 1e6);
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
    instances_open(pool);
    return 0;
}

int pool_follow(struct pool *pool, const struct pool_conf *conf) {
    watch_stop(pool); /* its thread reads the settings */
    pool->conf.memory = conf->memory;
    pool->conf.run_timeout = conf->run_timeout;
    pool->conf.worker_idle = conf->worker_idle;
    pool->conf.health_interval = conf->health_interval;
    pool->conf.thresholds = conf->thresholds;
    pool->conf.guard_period = conf->guard_period;
    pool->conf.guard_calm = conf->guard_calm;
    pool->next_look = 0;
    return pool->conf.per_task ? 0 : watch_start(pool);
}

int pool_acquire(struct pool *pool, const struct lease_wish *wish, struct lease *lease) {
    return lease_acquire(&pool->leases, wish, lease, clock_now());
}

void pool_release(struct pool *pool, struct lease *lease) {
    if (lease->state == LEASE_HELD && pool->conf.per_task) {
        supervisor_renew(lease->instance->worker, 0);
    }
    lease_release(&pool->leases, lease, clock_now());
}

void pool_add(struct pool *pool, struct job *job, struct lease *lease) {
    job->lease = *lease;
    *lease = (struct lease){0};
    pool->core.moved = clock_now();
    pool->row[pool->row_count++] = job;
}

/* The end of a job */

/* Takes the job at place out of the row of those in work. */
static void leave_row(struct pool *pool, size_t place) {
    pool->row_count--;
    memmove(&pool->row[place], &pool->row[place + 1], (pool->row_count - place) * sizeof(struct job *));
}

static void finish(struct pool *pool, size_t place) {
    struct job *job = pool->row[place];
    struct core *core = &pool->core;
    struct supervisor *worker = job->lease.instance->worker;
    supervisor_cancel(worker, job);
    supervisor_forget(worker, job);
    job->result.engine = copy_string(supervisor_engine(worker, job->wish));
    pool_release(pool, &job->lease);
    leave_row(pool, place);
    recorder_note(core->recorder, EVENT_DOCUMENT, job->error ? error_word(job->error) : "read",
                  (int64_t)job->result.page_count, (int64_t)pool->now.worker);
    pool->events.over(pool->events.context, job);
}

static void finish_jobs(struct pool *pool, int64_t now) {
    for (size_t i = 0; i < pool->row_count;) {
        struct job *job = pool->row[i];
        if (job_tick(job, &pool->core, now)) {
            supervisor_cancel(job->lease.instance->worker, job);
        }
        if (job->state == JOB_OVER) {
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
    int result = job->suits ? 0 : offer_suits(&job->lease.instance->worker->offer, job, core);
    job->suits = result == 0;
    if (result != 0) {
        job_fail(job, core, result, 0, error_detail());
    }
    return job->suits;
}

/* Whether pages of others wait until one that is read alone has been: else the worker's hands would never be empty. */
static bool gives_way(const struct pool *pool, const struct job *job) {
    for (size_t i = 0; i < pool->row_count; i++) {
        const struct job *other = pool->row[i];
        if (other->sheet.suspect && other->lease.instance == job->lease.instance) {
            return !job->sheet.suspect;
        }
    }
    return false;
}

static bool hand_over(struct pool *pool, struct job *job, int64_t now) {
    if (job->sheet.page == 0 || !instances_settle(pool, job, now) || gives_way(pool, job)) {
        return false;
    }
    struct supervisor *worker = job->lease.instance->worker;
    bool taken = supervisor_takes(worker, job) && suits(job, &pool->core);
    if (taken) {
        supervisor_read(worker, job);
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
 * Bitmaps that wait go to the workers, rasters draw the next ones. A document that was served goes to the end of the
 * row, so that a book does not hold up a letter.
 */
static void move_pages(struct pool *pool, int64_t now) {
    size_t i = 0;
    for (size_t left = pool->row_count; left > 0; left--) {
        struct job *job = pool->row[i];
        bool served = hand_over(pool, job, now);
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
    int result = 0;
    for (size_t i = 0; i < pool->leases.instance_count && result == 0; i++) {
        struct instance *instance = &pool->leases.instances[i];
        result = supervisor_tick(instance->worker, now, instance->wanted, instances_bytes(pool, instance));
        result = result ? instances_take_failure(pool, instance, result) : 0;
    }
    return result;
}

/* Whether a worker had nothing in its hands just now, and none has. */
static bool take_quiet(struct pool *pool) {
    bool quiet = false, busy = false;
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        struct supervisor *worker = &pool->workers[i];
        quiet = quiet || worker->quiet;
        busy = busy || (worker->hands.count > 0 && !worker->quiet);
        worker->quiet = false;
    }
    return quiet && !busy;
}

int pool_step(struct pool *pool, int64_t now) {
    if (now >= pool->next_look) {
        look(pool);
        pool->next_look = now + LOOK_MILLISECONDS * MILLISECOND;
    }
    instances_step(pool, now);
    pool->core.planning = instances_are_planning(pool);
    move_pages(pool, now);
    unstick(pool, now);
    int result = tick_workers(pool, now);
    if (take_quiet(pool)) {
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
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        ret[count++] = supervisor_poll(&pool->workers[i]);
    }
    for (size_t i = 0; i < pool->row_count; i++) {
        ret[count++] = poll_child(&pool->row[i]->raster);
    }
    return count;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t pool_until(const struct pool *pool, int64_t now) {
    int64_t until = pool->next_look;
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        until = earlier(until, supervisor_until(&pool->workers[i], pool->leases.instances[i].wanted));
    }
    for (size_t i = 0; i < pool->row_count; i++) {
        const struct job *job = pool->row[i];
        until = earlier(until, job->deadline);
        if (job->opened > 0 && job->wish->deadline > 0) {
            until = earlier(until, job->opened + job->wish->deadline * POOL_SECOND);
        }
        if (job_waits(job)) {
            until = earlier(until, now + TICKET_MILLISECONDS * MILLISECOND);
        }
    }
    return until;
}

int pool_take(struct pool *pool, const struct pollfd *polled) {
    const struct pollfd *workers = polled + 1, *rasters = workers + pool->leases.instance_count;
    int result = 0;
    if (polled->revents) {
        watch_take(pool);
    }
    for (size_t i = 0; i < pool->row_count; i++) {
        if (rasters[i].revents) {
            raster_inbox_receive(pool->row[i], &pool->core);
        }
    }
    for (size_t i = 0; i < pool->leases.instance_count && result == 0; i++) {
        result = workers[i].revents ? worker_inbox_receive(&pool->workers[i]) : 0;
        result = result ? instances_take_failure(pool, &pool->leases.instances[i], result) : 0;
    }
    return result;
}

struct worker_counts pool_counts(const struct pool *pool) {
    struct worker_counts sum = {0};
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        const struct worker_counts *counts = &pool->workers[i].counts;
        sum.starts += counts->starts;
        sum.deaths += counts->deaths;
        sum.hangs += counts->hangs;
        sum.idle_leaves += counts->idle_leaves;
        sum.recycles += counts->recycles;
        sum.checks += counts->checks;
        sum.unhealthy += counts->unhealthy;
    }
    return sum;
}

void pool_dump(struct pool *pool, const char *reason) { dump_write(&pool->core, reason); }

char *pool_take_dump(struct pool *pool, const char *reason, struct json **ret) {
    return dump_take(&pool->core, reason, ret);
}

/* Those that have a process; for a load the first that is open, if none has. */
static size_t to_be_ordered(const struct pool *pool, enum order_kind kind, struct order **lists[]) {
    struct order **first = NULL;
    size_t count = 0;
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        struct supervisor *worker = &pool->workers[i];
        bool open = pool->leases.instances[i].open;
        if (open && worker->child.pid != 0) {
            lists[count++] = &worker->orders;
        } else if (open && !first) {
            first = &worker->orders;
        }
    }
    if (count == 0 && kind == ORDER_LOAD) {
        lists[count++] = first;
    }
    return count;
}

int pool_order(struct pool *pool, struct order *order) {
    if (pool->conf.per_task) {
        return fail(ERR_NOT_FOUND, "with pool.mode per_task each document has models of its own");
    }
    struct order ***lists cleanup(drop_memory) = alloc(pool->leases.instance_count, sizeof(*lists));
    size_t count = to_be_ordered(pool, order->kind, lists);
    if (count == 0) { /* there is nothing to give back */
        order->done(order, 0, "", 0);
        return 0;
    }
    order_divide(order, count);
    for (size_t i = 0; i < count; i++) {
        orders_add(lists[i], &order->parts[i]);
    }
    return 0;
}

void pool_withdraw(struct pool *pool, struct order *order) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        for (size_t part = 0; part < order->part_count; part++) {
            orders_withdraw(&pool->workers[i].orders, &order->parts[part]);
        }
    }
    order_reunite(order);
}

/* The end */

void pool_give_up(struct pool *pool, int error, const char *detail) {
    for (size_t i = 0; i < pool->row_count; i++) {
        struct job *job = pool->row[i];
        job->in_hand = 0;
        job_fail(job, &pool->core, error, 0, detail);
    }
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        orders_refuse(&pool->workers[i].orders, error, detail);
    }
    finish_jobs(pool, clock_now());
}

void pool_cancel(struct pool *pool, struct job *job, int error, const char *detail) {
    job_fail(job, &pool->core, error, 0, detail);
    supervisor_cancel(job->lease.instance->worker, job);
}

void pool_abandon_workers(struct pool *pool, int64_t until) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        supervisor_renew(&pool->workers[i], until);
    }
}

void pool_let_go(struct pool *pool) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        supervisor_let_go(&pool->workers[i]);
    }
}

/* What the front measured of itself is taken back; anything that is left then was forgotten by somebody. */
int pool_settle(struct pool *pool, bool politely) {
    struct core *core = &pool->core;
    watch_stop(pool);
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        supervisor_close(&pool->workers[i], politely ? LEAVE_MILLISECONDS : 0);
    }
    ledger_note(core->ledger, core->account, CHARGE_BASELINE, 0);
    ledger_read(core->ledger, &pool->settled);
    const struct ledger_state *end = &pool->settled;
    size_t places, held, waiting;
    leases_count(&pool->leases, &places, &held, &waiting);
    if (held + waiting > 0) {
        return fail(ERR_INTERNAL, "%zu leases are held and %zu wait", held, waiting);
    }
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
    instances_done(pool);
    free(pool->row);
    *pool = (struct pool){0};
}
