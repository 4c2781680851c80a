#include "memory/plan.h"

#include <math.h>

#include "base/error.h"

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* What the models of a plan take, together and at most. */
struct needs {
    uint64_t weights, loading; /* of all; the largest */
    uint64_t run, other;       /* largest run of all; of those that run one at a time */
    uint64_t by_line, others;  /* runs of those on all threads at once, on all of them; of the others */
};

static struct needs needs_of(const struct plan_costs *costs, const struct plan *plan) {
    struct needs needs = {0};
    for (size_t i = 0; i < costs->models; i++) {
        uint64_t run = costs->model[i].run[plan->tiles - 1];
        needs.weights += costs->model[i].weights * (uint64_t)(costs->model[i].own_weights ? plan->threads : 1);
        needs.loading = larger(needs.loading, costs->model[i].loading);
        needs.run = larger(needs.run, run);
        if (costs->model[i].by_line) {
            needs.by_line += run + costs->model[i].further * (uint64_t)(plan->threads - 1);
        } else {
            needs.other = larger(needs.other, run);
            needs.others += run;
        }
    }
    return needs;
}

/* One model at a time is loaded, runs, and is gone before the next. */
static uint64_t swapping_floor(const struct plan_costs *costs, const struct plan *plan) {
    uint64_t largest = 0;
    for (size_t i = 0; i < costs->models; i++) {
        uint64_t beyond = larger(costs->model[i].loading, costs->model[i].run[plan->tiles - 1]);
        largest = larger(largest, costs->model[i].weights + beyond);
    }
    return costs->baseline + largest;
}

uint64_t plan_floor(const struct plan_costs *costs, const struct plan *plan) {
    if (plan->swapping) {
        return swapping_floor(costs, plan);
    }
    struct needs needs = needs_of(costs, plan);
    uint64_t resident = costs->baseline + needs.weights;
    if (costs->keeps) {
        return resident + needs.by_line + needs.others + needs.loading;
    }
    return resident + larger(needs.loading, needs.run);
}

uint64_t plan_comfort(const struct plan_costs *costs, const struct plan *plan) {
    if (plan->swapping) {
        return swapping_floor(costs, plan);
    }
    struct needs needs = needs_of(costs, plan);
    uint64_t other = costs->keeps ? needs.others : needs.other;
    return costs->baseline + needs.weights + needs.by_line + other + needs.loading;
}

/* Looks for a number of tiles, from 1, with which plan fits; notes the smallest floor met. */
static bool fit_tiles(const struct plan_costs *costs, struct plan *plan, uint64_t bytes, uint64_t *least) {
    for (plan->tiles = 1; plan->tiles <= PLAN_TILES; plan->tiles++) {
        uint64_t floor = plan_floor(costs, plan);
        *least = floor < *least ? floor : *least;
        if (floor <= bytes) {
            return true;
        }
    }
    return false;
}

/* Likewise for a number of threads, from plan's down. */
static bool fit_threads(const struct plan_costs *costs, struct plan *plan, uint64_t bytes, uint64_t *least) {
    for (; plan->threads >= 1; plan->threads--) {
        if (fit_tiles(costs, plan, bytes, least)) {
            return true;
        }
    }
    return false;
}

/* Whether the plan of a later engine should rather be taken: it keeps threads that the other gives up, and they count.
 */
static bool does_more(const struct plan_costs *engines, const struct plan *plan, const struct plan *other) {
    double price = engines[plan->engine].price, others = engines[other->engine].price;
    return plan->threads > other->threads && price > 0 && plan->threads * others > other->threads * price;
}

int plan_choose(const struct plan_costs *engines, size_t engine_count, int threads, uint64_t bytes, struct plan *ret) {
    uint64_t least = UINT64_MAX;
    struct plan plan, best = {.threads = 0};
    for (size_t i = 0; i < engine_count; i++) {
        plan = (struct plan){.engine = (int)i, .threads = threads};
        if (fit_threads(&engines[i], &plan, bytes, &least) && (best.threads == 0 || does_more(engines, &plan, &best))) {
            best = plan;
        }
    }
    if (best.threads > 0) {
        *ret = best;
        return 0;
    }
    for (size_t i = 0; i < engine_count; i++) {
        plan = (struct plan){.engine = (int)i, .threads = 1, .swapping = true};
        if (fit_tiles(&engines[i], &plan, bytes, &least)) {
            *ret = plan;
            return 0;
        }
    }
    /* Rounded apart, so that the two never read alike. */
    return fail(ERR_NO_MEMORY, "reading any page needs %.1f MB at the least, %.1f MB are available",
                ceil((double)least / 1e5) / 10, floor((double)bytes / 1e5) / 10);
}
