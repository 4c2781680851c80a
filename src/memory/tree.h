/*
 * How much memory processes hold, as the kernel counts it: PSS shares each page out among those who map it, so that it
 * may be added up over a tree of processes. Memory of a memfd that nobody maps is not in it. Any thread.
 */
#ifndef OCTAVO_MEMORY_TREE_H
#define OCTAVO_MEMORY_TREE_H

#include <stdint.h>
#include <sys/types.h>

struct tree_memory {
    uint64_t pss, rss; /* bytes */
};

/*
 * Memory of one process, from /proc/PID/smaps_rollup; where that cannot be read, both are the resident set from
 * /proc/PID/statm. ERR_NO_INPUT if there is no such process.
 */
int tree_read(pid_t pid, struct tree_memory *ret);

/* The resident set alone, which the kernel need not count for: bytes. ERR_NO_INPUT likewise. */
int tree_resident(pid_t pid, uint64_t *ret);

#endif
