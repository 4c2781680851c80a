#include "pool/watch.h"

#include <limits.h>

#include "base/memory.h"
#include "memory/guard.h"
#include "pool/dump.h"
#include "pool/instances.h"

/* In the guard's thread: what the machine says, and our processes against the limit that was set for them. */
static void sample(void *context, struct memory_reading *ret) {
    struct pool *pool = context;
    probe_read(pool->guard_probe, ret);
    if (pool->conf.memory > 0) {
        reading_add(ret, pool->conf.memory, atomic_load(&pool->tree), "memory.limit");
    }
}

int watch_start(struct pool *pool) {
    pool->shrunk = false;
    ledger_set_least_priority(pool->core.ledger, INT_MIN);
    pool->guard_probe = probe_new("");
    const struct guard_options options = {.period = pool->conf.guard_period * POOL_SECOND,
                                          .calm = pool->conf.guard_calm * POOL_SECOND,
                                          .without = 1U << LADDER_CPU,
                                          .thresholds = &pool->conf.thresholds,
                                          .sample = sample,
                                          .context = pool};
    return guard_start(&options, pool->core.recorder, &pool->guard);
}

void watch_stop(struct pool *pool) {
    guard_stop(&pool->guard);
    probe_drop(&pool->guard_probe);
}

static void climb(struct pool *pool, const struct guard_event *event) {
    switch (event->step) {
    case LADDER_TRIM:
        instances_relieve(pool, "trim");
        break;
    case LADDER_UNLOAD:
        instances_relieve(pool, "unload");
        break;
    case LADDER_HOLD:
        ledger_set_least_priority(pool->core.ledger, 0);
        break;
    case LADDER_SHRINK:
        pool->shrunk = true;
        break;
    case LADDER_RELEASE:
        instances_relieve(pool, "release");
        break;
    case LADDER_RESTART:
        instances_recycle(pool, "memory is short");
        break;
    default: /* the guard was told that there is nothing else to run on than the processor */
        break;
    }
}

static void climb_down(struct pool *pool, const struct guard_event *event) {
    if (event->step == LADDER_HOLD) {
        ledger_set_least_priority(pool->core.ledger, INT_MIN);
    } else if (event->step == LADDER_SHRINK) {
        pool->shrunk = false;
    }
}

static void obey(struct pool *pool, const struct guard_event *event) {
    unsigned long long available = event->reading.available / 1000000;
    switch (event->kind) {
    case GUARD_LEVEL:
        if (event->before != PRESSURE_UNKNOWN || event->level != PRESSURE_OK) {
            core_note(&pool->core, "memory pressure is %s, was %s: %llu MB available by %s",
                      pressure_word(event->level), pressure_word(event->before), available, event->reading.source);
        }
        break;
    case GUARD_STEP:
        core_note(&pool->core, "memory pressure is %s (%llu MB available): %s", pressure_word(event->level), available,
                  ladder_word(event->step));
        climb(pool, event);
        if (event->step >= LADDER_RELEASE) {
            dump_write(&pool->core, "emergency");
        }
        break;
    case GUARD_BACK:
        core_note(&pool->core, "memory pressure is %s (%llu MB available): %s is taken back",
                  pressure_word(event->level), available, ladder_word(event->step));
        climb_down(pool, event);
        break;
    }
}

void watch_take(struct pool *pool) {
    struct guard_event event;
    while (guard_take(pool->guard, &event)) {
        obey(pool, &event);
    }
}
