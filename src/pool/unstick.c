#include "pool/unstick.h"

#include "base/clock.h"
#include "pool/instances.h"

/* How long nothing has gone on when a step is taken. */
static const int64_t RELIEVE_AFTER = POOL_SECOND / 4, PARK_AFTER = 2 * POOL_SECOND, BUSY_PARK_AFTER = 5 * POOL_SECOND,
                     REPLACE_AFTER = 5 * POOL_SECOND, REFUSE_AFTER = 20 * POOL_SECOND;

static struct job *first_waiting(const struct pool *pool) {
    for (size_t i = 0; i < pool->row_count; i++) {
        if (job_waits(pool->row[i])) {
            return pool->row[i];
        }
    }
    return NULL;
}

/* The last of the row that can be opened again; of two that wait the first keeps its place. */
static struct job *to_be_parked(const struct pool *pool, const struct job *first) {
    for (size_t i = pool->row_count; i > 0; i--) {
        struct job *job = pool->row[i - 1];
        if (job != first && job_can_park(job)) {
            return job;
        }
    }
    return NULL;
}

static bool rasters_work(const struct pool *pool) {
    for (size_t i = 0; i < pool->row_count; i++) {
        if (pool->row[i]->asked || pool->row[i]->state == JOB_OPENING) {
            return true;
        }
    }
    return false;
}

/* Since when all workers that there are are ready, and whether one reads; 0: not all are, or there is none. */
static int64_t ready_since(const struct pool *pool, bool *ret_busy) {
    int64_t since = 0;
    *ret_busy = false;
    for (size_t i = 0; i < pool->leases.instance_count; i++) {
        const struct supervisor *worker = &pool->workers[i];
        if (worker->child.pid != 0 && worker->state != WORKER_READY) {
            return 0;
        }
        *ret_busy = *ret_busy || worker->hands.count > 0;
        since = worker->ready_at > since ? worker->ready_at : since;
    }
    return since;
}

void unstick(struct pool *pool, int64_t now) {
    struct core *core = &pool->core;
    struct job *first = first_waiting(pool);
    bool busy;
    int64_t since = ready_since(pool, &busy);
    if (!first || pool->conf.per_task || rasters_work(pool) || since == 0) {
        return;
    }
    since = core->moved > since ? core->moved : since;
    int64_t still = now - since;
    struct job *parked = to_be_parked(pool, first);
    if (!busy && still >= RELIEVE_AFTER && pool->relieved < since) {
        instances_relieve(pool, "unload");
        pool->relieved = now;
    } else if (still >= (busy ? BUSY_PARK_AFTER : PARK_AFTER) && parked) {
        core_note(core, "memory is short: %s is closed for a while", parked->file);
        job_park(parked, core);
    } else if (!busy && still >= REPLACE_AFTER && pool->replaced < core->moved) {
        instances_recycle(pool, "documents wait for memory");
        pool->replaced = now;
    } else if (!busy && still >= REFUSE_AFTER) {
        job_refuse(first, core);
    }
}
