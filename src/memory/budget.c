#include "memory/budget.h"

#include "memory/limits.h"
#include "memory/probe.h"

#define LEAST_RESERVE (UINT64_C(16) << 20)

uint64_t budget_reserve(uint64_t limit) {
    return limit / BUDGET_PARTS > LEAST_RESERVE ? limit / BUDGET_PARTS : LEAST_RESERVE;
}

uint64_t budget_from(const struct memory_limits *limits, uint64_t configured) {
    uint64_t lowest = limits->physical < limits->cgroup ? limits->physical : limits->cgroup;
    lowest = configured && configured < lowest ? configured : lowest;
    uint64_t reserve = budget_reserve(lowest);
    return lowest > reserve ? lowest - reserve : 0;
}

uint64_t budget_read(struct probe *probe, uint64_t configured) {
    struct memory_limits limits;
    probe_limits(probe, &limits);
    return budget_from(&limits, configured);
}
