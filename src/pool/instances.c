#include "pool/instances.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

static const uint64_t MEGABYTE = 1 << 20;
enum { FAILED_SECONDS = 30 /* one that failed is left out for so long */ };

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Opening and closing */

static size_t share_of(size_t all, size_t parts, size_t part) {
    size_t share = all / parts + (part < all % parts);
    return larger(share, 1);
}

void instances_open(struct pool *pool) {
    const struct pool_conf *conf = &pool->conf;
    struct core *core = &pool->core;
    size_t jobs = (size_t)conf->jobs, threads = (size_t)conf->threads;
    size_t count = conf->per_task ? jobs : smaller((size_t)conf->instances, jobs);
    leases_open(&pool->leases, count, conf->per_task ? 1 : 0, clock_now());
    pool->workers = alloc(count, sizeof(*pool->workers));
    core->stakes = alloc(count, sizeof(*core->stakes));
    core->stake_count = conf->per_task ? 0 : count;
    for (size_t i = 0; i < count; i++) {
        struct instance *instance = &pool->leases.instances[i];
        struct stake *stake = conf->per_task ? NULL : &core->stakes[i];
        core->stakes[i].account = -1;
        supervisor_open(&pool->workers[i], core, (int)i, stake, conf->per_task ? threads : share_of(threads, count, i));
        instance->worker = &pool->workers[i];
        instance->open = conf->per_task || i == 0;
    }
    if (!conf->per_task) {
        pool->leases.instances[0].places = jobs;
        core->stakes[0].floor = pool->budget / 4 * 3; /* until the worker says: admission_worker_bytes() */
    }
}

void instances_done(struct pool *pool) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        free(pool->leases.instances[i].left_out);
        supervisor_done(&pool->workers[i]);
    }
    free(pool->workers);
    free(pool->core.stakes);
    leases_done(&pool->leases);
}

static bool has_process(const struct instance *instance) { return instance->worker->child.pid != 0; }

static bool is_closing(const struct instance *instance) { return !instance->open && has_process(instance); }

static void leave_out(struct pool *pool, struct instance *instance, char *reason) {
    core_note(&pool->core, "instance %d is left out: %s", instance->worker->instance, reason);
    free(instance->left_out);
    instance->left_out = reason;
}

/* How they stand. */
struct stand {
    size_t open, closing, held, active; /* instances; places that are held, and open instances that have some */
    size_t most;                        /* that documents can be in */
    uint64_t floor, comfort;            /* the largest of open ones; 0: none has told yet */
    bool reduced;                       /* one plans smaller than it is set up to */
};

static struct stand stand_of(const struct pool *pool) {
    struct stand stand = {0};
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        const struct instance *instance = &pool->leases.instances[i];
        const struct supervisor *worker = instance->worker;
        stand.closing += is_closing(instance);
        stand.held += instance->held;
        stand.open += instance->open;
        stand.active += instance->open && instance->held > 0;
        if (instance->open && worker->ready_at > 0) {
            stand.floor = larger(stand.floor, worker->floor);
            stand.comfort = larger(stand.comfort, worker->comfort);
            stand.reduced = stand.reduced || worker->reduced;
        }
    }
    stand.most = smaller(larger(stand.held, 1), pool->leases.instance_count);
    return stand;
}

/* Bytes that the workers may plan with together. */
static uint64_t bytes_of_all(struct pool *pool) {
    uint64_t largest = 0;
    for (size_t i = 0; i < pool->row_count; i++) {
        uint64_t need = job_need(pool->row[i], &pool->core);
        largest = need > largest ? need : largest;
    }
    uint64_t front = pool->core.baseline + pool->core.results + pool->core.uploads;
    uint64_t bytes = admission_worker_bytes(pool->budget, front, largest + 4 * MEGABYTE);
    return pool->shrunk ? bytes / 4 * 3 : bytes;
}

/* A plan that is smaller than it should be is one worker's alone; before the first has told, nobody knows. */
static size_t carried(struct pool *pool, const struct stand *stand) {
    if (stand->reduced) {
        return 1;
    }
    uint64_t comfort = stand->comfort > 0 ? stand->comfort : UINT64_MAX;
    return admission_workers(bytes_of_all(pool), stand->floor, comfort, stand->open, stand->most);
}

static char *why_not(struct pool *pool, const struct stand *stand, size_t workers) {
    unsigned long long bytes = bytes_of_all(pool) / 1000000, each = stand->comfort / 1000000;
    return stand->reduced ? format("memory is short for one worker alone, which may plan with %llu MB", bytes)
                          : format("%zu workers of %llu MB do not fit into %llu MB", workers, each, bytes);
}

static void close_instance(struct pool *pool, struct instance *instance, char *reason) {
    instance->open = false;
    if (reason) {
        leave_out(pool, instance, reason);
    }
}

/* Those whose worker has left are closed while the others suffice. */
static void close_idle(struct pool *pool) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        struct instance *instance = &pool->leases.instances[i];
        const struct stand stand = stand_of(pool);
        bool idle = !has_process(instance) && instance->held == 0 && !instance->worker->orders;
        if (instance->open && idle && stand.open > stand.most) {
            close_instance(pool, instance, NULL);
        }
    }
}

/* Of those that are open the one with the fewest documents, the last of such. */
static struct instance *to_be_closed(const struct pool *pool) {
    struct instance *found = pool->leases.instances;
    for (size_t i = 1; i < pool->leases.instance_count; i++) {
        struct instance *instance = &pool->leases.instances[i];
        found = instance->open && (!found->open || instance->held <= found->held) ? instance : found;
    }
    return found;
}

static struct instance *to_be_opened(const struct pool *pool, int64_t now) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        struct instance *instance = &pool->leases.instances[i];
        if (!instance->open && now >= instance->again_at) {
            return instance;
        }
    }
    return NULL;
}

static void open_instance(struct pool *pool, struct instance *instance) {
    instance->open = true;
    free(take(instance->left_out));
    pool->core.stakes[instance - pool->leases.instances].floor = instances_bytes(pool, instance); /* until it says */
}

/* As many as memory carries, and documents need. */
static void fit(struct pool *pool, int64_t now) {
    struct stand stand = stand_of(pool);
    size_t most = carried(pool, &stand);
    for (; stand.open > most; stand.open--) {
        close_instance(pool, to_be_closed(pool), why_not(pool, &stand, stand.open));
    }
    struct instance *next = stand.open < stand.most && stand.closing == 0 ? to_be_opened(pool, now) : NULL;
    if (next && stand.open < most) {
        open_instance(pool, next);
    } else if (next && stand.comfort > 0 && !next->left_out) {
        leave_out(pool, next, why_not(pool, &stand, stand.open + 1));
    }
}

/* What it is still asked for is refused, or its worker would be started again. */
static void wind_up(struct pool *pool, struct instance *instance) {
    struct supervisor *worker = instance->worker;
    if (worker->hands.count == 0) {
        orders_refuse(&worker->orders, ERR_NO_MEMORY, instance->left_out);
        supervisor_let_go(worker);
    }
    if (!has_process(instance)) {
        pool->core.stakes[instance - pool->leases.instances].floor = 0;
    }
}

/* Where there are more documents than instances that have some, others are wanted as well: first those that run. */
static void want(struct pool *pool) {
    const struct stand stand = stand_of(pool);
    size_t more = stand.most > stand.active ? stand.most - stand.active : 0;
    for (int running = 1; running >= 0; running--) {
        for (size_t i = 0; i < pool->leases.instance_count; i++) {
            struct instance *instance = &pool->leases.instances[i];
            bool idle = instance->open && instance->held == 0;
            if (idle && has_process(instance) == (running == 1)) {
                instance->wanted = stand.held > 0 && more > 0;
                more -= instance->wanted;
            } else if (!idle) {
                instance->wanted = instance->open;
            }
        }
    }
}

void instances_step(struct pool *pool, int64_t now) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        struct instance *instance = &pool->leases.instances[i];
        instance->ready = instance->worker->state == WORKER_READY;
        instance->wanted = instance->held > 0;
    }
    if (pool->conf.per_task) {
        return;
    }
    close_idle(pool);
    fit(pool, now);
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        if (!pool->leases.instances[i].open) {
            wind_up(pool, &pool->leases.instances[i]);
        }
    }
    leases_share(&pool->leases, now);
    want(pool);
}

/* Plans */

/* While one leaves, the others keep their plans: what it leaves is theirs only then. */
uint64_t instances_bytes(struct pool *pool, const struct instance *instance) {
    if (pool->conf.per_task) {
        return POOL_UNLIMITED;
    }
    const struct stand stand = stand_of(pool);
    bool keeps = stand.closing > 0 && instance->worker->state == WORKER_READY;
    return keeps ? instance->worker->plan_asked : larger(bytes_of_all(pool) / (stand.open + stand.closing), 1);
}

bool instances_are_planning(struct pool *pool) {
    bool planning = false;
    for (size_t i = 0; i < pool->leases.instance_count && !pool->conf.per_task; i++) {
        const struct instance *instance = &pool->leases.instances[i];
        bool lives = instance->wanted || has_process(instance);
        planning = planning || is_closing(instance) ||
                   (lives && supervisor_is_planning(instance->worker, instances_bytes(pool, instance)));
    }
    return planning;
}

/* Documents */

static struct instance *least_used(const struct pool *pool) {
    struct instance *found = NULL;
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        struct instance *instance = &pool->leases.instances[i];
        bool takes = instance->open && instance->ready;
        found = takes && (!found || instance->held < found->held) ? instance : found;
    }
    return found;
}

/* A page that is suspected of ending its worker stays, as long as it can. */
bool instances_settle(struct pool *pool, struct job *job, int64_t now) {
    const struct instance *from = job->lease.instance;
    struct instance *to = least_used(pool);
    bool better = to && from->held > to->held + 1 && !job->sheet.suspect;
    if (!to || to == from || (from->open && !better)) {
        return from->open;
    }
    if (job->in_hand == 0) {
        lease_move(&job->lease, to, now);
    }
    return job->in_hand == 0;
}

/* All of them */

int instances_take_failure(struct pool *pool, struct instance *instance, int error) {
    const struct instance *other = NULL;
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        const struct instance *each = &pool->leases.instances[i];
        other = each != instance && each->open && each->worker->state == WORKER_READY ? each : other;
    }
    if (!other || pool->conf.per_task) {
        return error;
    }
    instance->again_at = clock_now() + FAILED_SECONDS * POOL_SECOND;
    close_instance(pool, instance, format("%s: %s", error_sentence(error), error_detail()));
    supervisor_renew(instance->worker, instance->again_at);
    return 0;
}

void instances_relieve(struct pool *pool, const char *step) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        supervisor_relieve(&pool->workers[i], step);
    }
}

void instances_recycle(struct pool *pool, const char *reason) {
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        supervisor_recycle(&pool->workers[i], reason);
    }
}
