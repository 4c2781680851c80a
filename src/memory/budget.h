/* How much of the memory may be charged (memory/ledger.h). */
#ifndef OCTAVO_MEMORY_BUDGET_H
#define OCTAVO_MEMORY_BUDGET_H

#include <stdint.h>

struct memory_limits;
struct probe;

/* What is left to others of a limit: so many percent of it, at least so many bytes. */
struct reserve {
    uint64_t percent; /* up to 100 */
    uint64_t least;
};
extern const struct reserve reserve_presets; /* 4 %, 16 MiB */

/*
 * Of a limit, for what nobody charges (page tables, sockets, stacks, the kernel's share) and for errors of prediction.
 * Bytes. Pure; any thread.
 */
uint64_t budget_reserve(uint64_t limit, const struct reserve *reserve);

/*
 * The lowest of the configured limit (0: none), the cgroups' and the physical memory, less the reserve of that. Bytes.
 * RLIMIT_AS is not in it: it bounds addresses of one process, not memory of all. Pure; any thread.
 */
uint64_t budget_from(const struct memory_limits *limits, uint64_t configured, const struct reserve *reserve);

/* The lowest limit whose budget is so many bytes, give or take one; for fewer than 100 percent. Pure; any thread. */
uint64_t budget_limit(uint64_t budget, const struct reserve *reserve);

/* The budget as it is now; cheap enough for every second. One thread at a time for each probe. */
uint64_t budget_read(struct probe *probe, uint64_t configured, const struct reserve *reserve);

#endif
