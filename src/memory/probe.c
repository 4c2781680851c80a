#include "memory/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "memory/cgroup.h"
#include "memory/limits.h"

enum { FILE_LIMIT = 1 << 20 };

struct probe {
    char *root;
    struct cgroup_path path;
};

struct probe *probe_new(const char *root) {
    struct probe *probe = alloc(1, sizeof(*probe));
    probe->root = copy_string(root);
    return probe;
}

void probe_drop(struct probe **probe) {
    if (*probe) {
        cgroup_path_done(&(*probe)->path);
        free((*probe)->root);
        free(take(*probe));
    }
}

static int read_rooted(const struct probe *probe, const char *name, char **ret) {
    char *path cleanup(drop_memory) = format("%s%s", probe->root, name);
    size_t length;
    return file_read_path(path, FILE_LIMIT, ret, &length);
}

/* The number in the line "KEY NUMBER" or "KEY: NUMBER kB". */
static bool find_number(const char *text, const char *key, uint64_t *ret) {
    size_t length = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *rest = line + length;
        if (strncmp(line, key, length) == 0 && (*rest == ' ' || *rest == ':')) {
            rest += strspn(rest, ": \t");
            *ret = strtoull(rest, NULL, 10);
            return *rest >= '0' && *rest <= '9';
        }
    }
    return false;
}

/* Sum of the numbers that are there; keys ends with NULL. */
static uint64_t sum_numbers(const char *text, const char *const *keys) {
    uint64_t sum = 0, one;
    for (; *keys; keys++) {
        sum += find_number(text, *keys, &one) ? one : 0;
    }
    return sum;
}

/* Bytes that a level uses and cannot give back at once. Without memory.stat all that is charged counts. */
static int read_used(const struct cgroup_level *level, uint64_t *ret) {
    static const char *const reclaimable[][4] = {{"total_inactive_file", "total_active_file", NULL},
                                                 {"inactive_file", "active_file", "slab_reclaimable", NULL}};
    char *usage cleanup(drop_memory) = NULL, *stat cleanup(drop_memory) = NULL;
    int result = cgroup_read(level, level->unified ? "memory.current" : "memory.usage_in_bytes", &usage);
    if (result != 0) {
        return result;
    }
    uint64_t used = strtoull(usage, NULL, 10), given = 0;
    if (cgroup_read(level, "memory.stat", &stat) == 0) {
        given = sum_numbers(stat, reclaimable[level->unified]);
    }
    *ret = used > given ? used - given : 0;
    return 0;
}

/* False if there is a limit and nobody can say how much of it is used. */
static bool add_level(const struct cgroup_level *level, struct memory_reading *reading) {
    uint64_t limit = cgroup_limit(level), used;
    if (limit == LIMIT_NONE) {
        return true;
    }
    if (read_used(level, &used) != 0) {
        return false;
    }
    reading_add(reading, limit, used, level->unified ? "cgroup2" : "cgroup1");
    return true;
}

static uint64_t count_kills(const struct cgroup_level *level) {
    char *text cleanup(drop_memory) = NULL;
    uint64_t kills;
    if (cgroup_read(level, level->unified ? "memory.events" : "memory.oom_control", &text) != 0 ||
        !find_number(text, "oom_kill", &kills)) {
        return 0;
    }
    return kills;
}

static void add_meminfo(const struct probe *probe, struct memory_reading *reading) {
    char *text cleanup(drop_memory) = NULL;
    uint64_t total, available;
    if (read_rooted(probe, "/proc/meminfo", &text) == 0 && find_number(text, "MemTotal", &total) &&
        find_number(text, "MemAvailable", &available)) {
        available = available < total ? available : total;
        reading_add(reading, total * 1024, (total - available) * 1024, "meminfo");
    }
}

static void set_pressure(const char *text, struct memory_reading *reading) {
    double some, full;
    if (sscanf(text, "some avg10=%lf", &some) == 1) {
        reading->psi_some = some;
    }
    const char *line = strstr(text, "\nfull ");
    if (line && sscanf(line + 1, "full avg10=%lf", &full) == 1) {
        reading->psi_full = full;
    }
}

/* That of our own cgroup tells of our own tasks; the machine's would also tell of others in limits of theirs. */
static void read_pressure(const struct probe *probe, struct memory_reading *reading) {
    for (size_t i = 0; i < probe->path.count; i++) {
        char *text cleanup(drop_memory) = NULL;
        const struct cgroup_level *level = &probe->path.levels[i];
        if (level->unified && level->own && cgroup_read(level, "memory.pressure", &text) == 0) {
            set_pressure(text, reading);
        }
    }
    char *text cleanup(drop_memory) = NULL;
    if (reading->psi_some < 0 && read_rooted(probe, "/proc/pressure/memory", &text) == 0) {
        set_pressure(text, reading);
    }
}

void probe_read(struct probe *probe, struct memory_reading *ret) {
    struct memory_reading reading = {.source = "none"};
    bool complete = true;
    cgroup_path_refresh(&probe->path, probe->root);
    for (size_t i = 0; i < probe->path.count; i++) {
        complete &= add_level(&probe->path.levels[i], &reading);
        uint64_t kills = probe->path.levels[i].own ? count_kills(&probe->path.levels[i]) : 0;
        reading.oom_kills = kills > reading.oom_kills ? kills : reading.oom_kills;
    }
    add_meminfo(probe, &reading);
    if (!complete) {
        reading = (struct memory_reading){.source = "none", .oom_kills = reading.oom_kills};
    }
    reading.psi_some = reading.psi_full = -1;
    read_pressure(probe, &reading);
    *ret = reading;
}

void probe_limits(struct probe *probe, struct memory_limits *ret) {
    cgroup_path_refresh(&probe->path, probe->root);
    limits_own(ret);
    ret->cgroup = limits_lowest(&probe->path);
}

void reading_add(struct memory_reading *reading, uint64_t limit, uint64_t used, const char *source) {
    uint64_t available = limit > used ? limit - used : 0;
    if (reading->known && reading->available <= available) {
        return;
    }
    reading->known = true;
    reading->limit = limit;
    reading->used = used;
    reading->available = available;
    reading->source = source;
}
