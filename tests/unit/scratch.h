/* A folder of a test's own, laid out like parts of /proc and /sys. */
#ifndef OCTAVO_UNIT_SCRATCH_H
#define OCTAVO_UNIT_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"

#define SCRATCH_UNIFIED "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define SCRATCH_LEGACY "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"

/* Writes root/folder/name, with its folders. 0, or a negative code. */
static inline int scratch_put(const char *root, const char *folder, const char *name, const char *text) {
    char *path cleanup(drop_memory) = format("%s%s/", root, folder);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    char *file cleanup(drop_memory) = format("%s%s", path, name);
    return file_replace(file, text, strlen(text));
}

static inline int scratch_remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Removes root and all in it. */
static inline int scratch_remove(const char *root) { return nftw(root, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS); }

#endif
