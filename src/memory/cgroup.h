/* The control groups that this process is in: which folders of /sys/fs/cgroup tell of our memory. Any thread. */
#ifndef OCTAVO_MEMORY_CGROUP_H
#define OCTAVO_MEMORY_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/limits.h"

struct cgroup_level {
    char *folder;
    bool unified; /* v2; else the memory controller of v1 */
    bool own;     /* the one we are in ourselves; the others are its ancestors */
};

/* Innermost first, one hierarchy after the other. Starts from (struct cgroup_path){0}. */
struct cgroup_path {
    char *own; /* the text of /proc/self/cgroup that it was found for; NULL before */
    struct cgroup_level *levels;
    size_t count;
};

/*
 * The levels on our path: own is the text of /proc/self/cgroup, mounts that of /proc/self/mountinfo, and root is put
 * before every mount point. The caller ends it with cgroup_path_done(). Empty if there is none. What *path held before
 * is dropped.
 */
void cgroup_path_find(const char *own, const char *mounts, const char *root, struct cgroup_path *path);

/*
 * The same from the files of this process below root. Cheap enough for every second: mounts, a long text, are read only
 * when our cgroup has changed. What cannot be read leaves the path as it is.
 */
void cgroup_path_refresh(struct cgroup_path *path, const char *root);
void cgroup_path_done(struct cgroup_path *path);

/*
 * Lowest limit of a level: memory.max or memory.high of v2 (above high the kernel throttles us to death),
 * memory.limit_in_bytes of v1; LIMIT_NONE if there is none.
 */
uint64_t cgroup_limit(const struct cgroup_level *level);

/* The text of a level's file; the caller frees it. ERR_NO_INPUT if there is none. */
int cgroup_read(const struct cgroup_level *level, const char *name, char **ret);

#endif
