#include "memory/limits.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

enum { FILE_LIMIT = 1 << 20 };

/* A limit file: a number, or "max". cgroup v1 writes "none" as the largest multiple of a page below 2^63. */
static uint64_t read_limit(const char *path) {
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    if (file_read_path(path, FILE_LIMIT, &text, &length) != 0 || text[0] < '0' || text[0] > '9') {
        return LIMIT_NONE;
    }
    uint64_t limit = strtoull(text, NULL, 10);
    return limit < UINT64_C(1) << 62 ? limit : LIMIT_NONE;
}

/* The lowest limit from folder up to its ancestor of so many bytes; folder is cut short on the way. */
static uint64_t lowest_limit(char *folder, size_t ancestor, const char *name) {
    uint64_t lowest = LIMIT_NONE;
    for (;;) {
        char *path cleanup(drop_memory) = format("%s/%s", folder, name);
        uint64_t limit = read_limit(path);
        lowest = limit < lowest ? limit : lowest;
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < ancestor) {
            return lowest;
        }
        *slash = '\0';
    }
}

/* Our path in the hierarchy of the memory controller (v1) or the unified one (v2); NULL if there is none. */
static char *own_path(const char *own, bool unified) {
    for (const char *line = own; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *controllers = strchr(line, ':');
        const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) {
            continue;
        }
        char *names cleanup(drop_memory) = format(",%.*s,", (int)(path - controllers - 1), controllers + 1);
        if (unified ? strcmp(names, ",,") == 0 : strstr(names, ",memory,") != NULL) {
            return copy_bytes(path + 1, strcspn(path + 1, "\n"));
        }
    }
    return NULL;
}

/* The limit through one line of mountinfo (proc_pid_mountinfo(5)). */
static uint64_t mounted_limit(const char *line, const char *own, const char *root) {
    char *top cleanup(drop_memory) = NULL, *mount cleanup(drop_memory) = NULL;
    char *kind cleanup(drop_memory) = NULL, *options cleanup(drop_memory) = NULL;
    const char *dash = strstr(line, " - ");
    if (!dash || sscanf(line, "%*s %*s %*s %ms %ms", &top, &mount) != 2 ||
        sscanf(dash, " - %ms %*s %ms", &kind, &options) != 2) {
        return LIMIT_NONE;
    }
    bool unified = strcmp(kind, "cgroup2") == 0;
    if (!unified && (strcmp(kind, "cgroup") != 0 || !strstr(options, "memory"))) {
        return LIMIT_NONE;
    }
    char *path cleanup(drop_memory) = own_path(own, unified);
    if (!path) {
        return LIMIT_NONE;
    }
    /* A container may see a part of the tree mounted, while its own path is told from the top. */
    size_t hidden = strcmp(top, "/") != 0 && strncmp(path, top, strlen(top)) == 0 ? strlen(top) : 0;
    const char *rest = strcmp(path + hidden, "/") == 0 ? "" : path + hidden;
    char *folder cleanup(drop_memory) = format("%s%s%s", root, mount, rest);
    return lowest_limit(folder, strlen(root) + strlen(mount), unified ? "memory.max" : "memory.limit_in_bytes");
}

uint64_t limits_cgroup(const char *own, const char *mounts, const char *root) {
    uint64_t lowest = LIMIT_NONE;
    for (const char *line = mounts; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char *one cleanup(drop_memory) = copy_bytes(line, strcspn(line, "\n"));
        uint64_t limit = mounted_limit(one, own, root);
        lowest = limit < lowest ? limit : lowest;
    }
    return lowest;
}

void limits_read(struct memory_limits *ret) {
    *ret = (struct memory_limits){.cgroup = LIMIT_NONE, .address_space = LIMIT_NONE};
    ret->physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        ret->address_space = limit.rlim_cur;
    }
    char *own cleanup(drop_memory) = NULL, *mounts cleanup(drop_memory) = NULL;
    size_t length;
    if (file_read_path("/proc/self/cgroup", FILE_LIMIT, &own, &length) == 0 &&
        file_read_path("/proc/self/mountinfo", FILE_LIMIT, &mounts, &length) == 0) {
        ret->cgroup = limits_cgroup(own, mounts, "");
    }
}
