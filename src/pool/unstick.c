#include "pool/unstick.h"

#include "base/clock.h"

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

void unstick(struct pool *pool, int64_t now) {
    struct supervisor *worker = pool->workers;
    struct core *core = &pool->core;
    struct job *first = first_waiting(pool);
    bool busy = worker->count > 0;
    if (!first || pool->conf.per_task || rasters_work(pool) || worker->state != WORKER_READY) {
        return;
    }
    int64_t since = core->moved > worker->ready_at ? core->moved : worker->ready_at;
    int64_t still = now - since;
    struct job *parked = to_be_parked(pool, first);
    if (!busy && still >= RELIEVE_AFTER && pool->relieved < since) {
        supervisor_relieve(worker, "unload");
        pool->relieved = now;
    } else if (still >= (busy ? BUSY_PARK_AFTER : PARK_AFTER) && parked) {
        core_note(core, "memory is short: %s is closed for a while", parked->file);
        job_park(parked, core);
    } else if (!busy && still >= REPLACE_AFTER && pool->replaced < core->moved) {
        supervisor_recycle(worker, "documents wait for memory");
        pool->replaced = now;
    } else if (!busy && still >= REFUSE_AFTER) {
        job_refuse(first, core);
    }
}
