/* The limits of memory that hold for this process. Any thread. */
#ifndef OCTAVO_MEMORY_LIMITS_H
#define OCTAVO_MEMORY_LIMITS_H

#include <stdint.h>

#define LIMIT_NONE UINT64_MAX

struct cgroup_path;

struct memory_limits {
    uint64_t physical;      /* bytes of RAM in the machine */
    uint64_t cgroup;        /* lowest limit of the cgroups on our path (v1, v2, memory.high too); LIMIT_NONE */
    uint64_t address_space; /* RLIMIT_AS; LIMIT_NONE */
};

/* Reads them; what cannot be read counts as no limit. */
void limits_read(struct memory_limits *ret);

/* The same without the cgroups. */
void limits_own(struct memory_limits *ret);

/*
 * The cgroup part on given texts, for tests: own is /proc/self/cgroup, mounts is /proc/self/mountinfo, and root is put
 * before every mount point.
 */
uint64_t limits_cgroup(const char *own, const char *mounts, const char *root);

/* The cgroup part for a path that was found before (memory/cgroup.h). */
uint64_t limits_lowest(const struct cgroup_path *path);

#endif
