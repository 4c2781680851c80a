/*
 * READ: how much host memory is left, from a chain of probes, each of which may be missing: every cgroup of v2 and v1
 * on our path, and /proc/meminfo. The one with the least available counts. What the kernel can take back at once (page
 * cache, reclaimable slabs) does not count as used. Where nothing can be read, or a limit is seen but not what is used
 * of it, the answer is unknown, never fine.
 *
 * Hits of a limit (max and high of memory.events, failcnt) are not in it: page cache alone makes them rise, in good
 * health. They wake the guard (memory/alarm.h), which then looks at what is used.
 */
#ifndef OCTAVO_MEMORY_PROBE_H
#define OCTAVO_MEMORY_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct memory_limits;
struct probe;

struct memory_reading {
    bool known;
    uint64_t limit, used, available; /* bytes, of the source with the least available; 0 if unknown */
    const char *source;              /* "cgroup2", "cgroup1", "meminfo", a further one's word; "none" */
    uint64_t oom_kills;              /* processes of our cgroup that the kernel killed for memory, since it was made */
    double psi_some, psi_full;       /* percent of the last 10 s that some, all tasks stood still for memory; -1 */
};

/* The caller ends it with probe_drop(). root is put before every path, "" on a real machine. Never NULL. */
struct probe *probe_new(const char *root);
void probe_drop(struct probe **probe);

/* Reads all. One thread at a time; below 0.2 ms. */
void probe_read(struct probe *probe, struct memory_reading *ret);

/* limits_read(), but cheap enough for every second: the path is looked for again only when our cgroup changes. */
void probe_limits(struct probe *probe, struct memory_limits *ret);

/*
 * Takes a further source into a reading, which keeps the one with the least available: say the PSS of our processes
 * against a limit that only we know. source is borrowed for ever.
 */
void reading_add(struct memory_reading *reading, uint64_t limit, uint64_t used, const char *source);

#endif
