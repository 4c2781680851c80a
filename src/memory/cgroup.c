#include "memory/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { FILE_LIMIT = 1 << 20 };

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

/* Adds folder and those above it, up to its ancestor of so many bytes; folder is cut short on the way. */
static void add_levels(struct cgroup_path *list, char *folder, size_t ancestor, bool unified) {
    for (bool own = true;; own = false) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): cgroup_path_done() leaves NULL */
        list->levels = resize(list->levels, list->count + 1, sizeof(*list->levels));
        list->levels[list->count++] =
            (struct cgroup_level){.folder = copy_string(folder), .unified = unified, .own = own};
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < ancestor) {
            return;
        }
        *slash = '\0';
    }
}

/* Whether path is top or lies below it. */
static bool lies_in(const char *path, const char *top) {
    size_t length = strlen(top);
    return strncmp(path, top, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The levels seen through one line of mountinfo (proc_pid_mountinfo(5)). */
static void add_mount(struct cgroup_path *list, const char *line, const char *own, const char *root) {
    char *top cleanup(drop_memory) = NULL, *mount cleanup(drop_memory) = NULL;
    char *kind cleanup(drop_memory) = NULL, *options cleanup(drop_memory) = NULL;
    const char *dash = strstr(line, " - ");
    if (!dash || sscanf(line, "%*s %*s %*s %ms %ms", &top, &mount) != 2 ||
        sscanf(dash, " - %ms %*s %ms", &kind, &options) != 2) {
        return;
    }
    bool unified = strcmp(kind, "cgroup2") == 0;
    if (!unified && (strcmp(kind, "cgroup") != 0 || !strstr(options, "memory"))) {
        return;
    }
    char *path cleanup(drop_memory) = own_path(own, unified);
    if (!path) {
        return;
    }
    /* A container may see a part of the tree mounted, while its own path is told from the top. */
    size_t hidden = strcmp(top, "/") != 0 && lies_in(path, top) ? strlen(top) : 0;
    const char *rest = strcmp(path + hidden, "/") == 0 ? "" : path + hidden;
    char *folder cleanup(drop_memory) = format("%s%s%s", root, mount, rest);
    add_levels(list, folder, strlen(root) + strlen(mount), unified);
}

void cgroup_path_find(const char *own, const char *mounts, const char *root, struct cgroup_path *path) {
    cgroup_path_done(path);
    path->own = copy_string(own);
    for (const char *line = mounts; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char *one cleanup(drop_memory) = copy_bytes(line, strcspn(line, "\n"));
        add_mount(path, one, own, root);
    }
}

static int read_rooted(const char *root, const char *name, char **ret) {
    char *path cleanup(drop_memory) = format("%s%s", root, name);
    size_t length;
    return file_read_path(path, FILE_LIMIT, ret, &length);
}

void cgroup_path_refresh(struct cgroup_path *path, const char *root) {
    char *own cleanup(drop_memory) = NULL, *mounts cleanup(drop_memory) = NULL;
    if (read_rooted(root, "/proc/self/cgroup", &own) == 0 && !(path->own && strcmp(own, path->own) == 0) &&
        read_rooted(root, "/proc/self/mountinfo", &mounts) == 0) {
        cgroup_path_find(own, mounts, root, path);
    }
}

void cgroup_path_done(struct cgroup_path *path) {
    for (size_t i = 0; i < path->count; i++) {
        free(path->levels[i].folder);
    }
    free(path->levels);
    free(path->own);
    *path = (struct cgroup_path){0};
}

int cgroup_read(const struct cgroup_level *level, const char *name, char **ret) {
    char *path cleanup(drop_memory) = format("%s/%s", level->folder, name);
    size_t length;
    return file_read_path(path, FILE_LIMIT, ret, &length);
}

/* A limit file: a number, or "max". cgroup v1 writes "none" as the largest multiple of a page below 2^63. */
static uint64_t read_limit(const struct cgroup_level *level, const char *name) {
    char *text cleanup(drop_memory) = NULL;
    if (cgroup_read(level, name, &text) != 0 || text[0] < '0' || text[0] > '9') {
        return LIMIT_NONE;
    }
    uint64_t limit = strtoull(text, NULL, 10);
    return limit < UINT64_C(1) << 62 ? limit : LIMIT_NONE;
}

uint64_t cgroup_limit(const struct cgroup_level *level) {
    if (!level->unified) {
        return read_limit(level, "memory.limit_in_bytes");
    }
    uint64_t max = read_limit(level, "memory.max"), high = read_limit(level, "memory.high");
    return max < high ? max : high;
}
