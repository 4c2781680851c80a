#include "memory/budget.h"

#include "memory/limits.h"
#include "memory/probe.h"

const struct reserve reserve_presets = {.percent = 4, .least = UINT64_C(16) << 20};

uint64_t budget_reserve(uint64_t limit, const struct reserve *reserve) {
    uint64_t part = limit / 100 * reserve->percent + limit % 100 * reserve->percent / 100;
    return part > reserve->least ? part : reserve->least;
}

uint64_t budget_from(const struct memory_limits *limits, uint64_t configured, const struct reserve *reserve) {
    uint64_t lowest = limits->physical < limits->cgroup ? limits->physical : limits->cgroup;
    lowest = configured && configured < lowest ? configured : lowest;
    uint64_t kept = budget_reserve(lowest, reserve);
    return lowest > kept ? lowest - kept : 0;
}

uint64_t budget_limit(uint64_t budget, const struct reserve *reserve) {
    uint64_t part = budget * reserve->percent / (100 - reserve->percent);
    return budget + (part > reserve->least ? part : reserve->least);
}

uint64_t budget_read(struct probe *probe, uint64_t configured, const struct reserve *reserve) {
    struct memory_limits limits;
    probe_limits(probe, &limits);
    return budget_from(&limits, configured, reserve);
}
