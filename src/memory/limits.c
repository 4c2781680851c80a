#include "memory/limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "memory/cgroup.h"

uint64_t limits_cgroup(const char *own, const char *mounts, const char *root) {
    struct cgroup_path path cleanup(cgroup_path_done) = {0};
    cgroup_path_find(own, mounts, root, &path);
    return limits_lowest(&path);
}

uint64_t limits_lowest(const struct cgroup_path *path) {
    uint64_t lowest = LIMIT_NONE;
    for (size_t i = 0; i < path->count; i++) {
        uint64_t limit = cgroup_limit(&path->levels[i]);
        lowest = limit < lowest ? limit : lowest;
    }
    return lowest;
}

void limits_own(struct memory_limits *ret) {
    *ret = (struct memory_limits){.cgroup = LIMIT_NONE, .address_space = LIMIT_NONE};
    ret->physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        ret->address_space = limit.rlim_cur;
    }
}

void limits_read(struct memory_limits *ret) {
    limits_own(ret);
    struct cgroup_path path cleanup(cgroup_path_done) = {0};
    cgroup_path_refresh(&path, "");
    ret->cgroup = limits_lowest(&path);
}
