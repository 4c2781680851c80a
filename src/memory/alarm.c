#include "memory/alarm.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "memory/cgroup.h"

/* Some task stood still for a tenth of 2 s. Without privileges the kernel takes only windows of whole 2 s. */
static const char trigger[] = "some 200000 2000000";

struct alarm {
    int fd;
    short events; /* POLLPRI for files of the kernel; POLLIN for an eventfd */
    bool watched; /* memory.events: only a change after the last read is told */
};

struct alarms {
    struct alarm alarms[ALARMS];
    size_t count;
};

static void add(struct alarms *alarms, int *fd, short events, bool watched) {
    if (*fd >= 0 && alarms->count < ALARMS) {
        alarms->alarms[alarms->count++] = (struct alarm){.fd = take_fd(fd), .events = events, .watched = watched};
    }
}

static int open_file(const char *folder, const char *name, int flags) {
    char *path cleanup(drop_memory) = format("%s/%s", folder, name);
    return open(path, flags | O_CLOEXEC | O_NONBLOCK);
}

/* What stands there is left to the probe; only after a read the next change is told. */
static bool rearm(int fd) {
    char text[4096];
    return pread(fd, text, sizeof(text), 0) >= 0;
}

static bool add_trigger(struct alarms *alarms, const char *folder, const char *name) {
    int fd cleanup(drop_fd) = open_file(folder, name, O_RDWR);
    if (fd < 0 || write(fd, trigger, sizeof(trigger)) != (ssize_t)sizeof(trigger)) {
        return false;
    }
    add(alarms, &fd, POLLPRI, false);
    return true;
}

static void add_events(struct alarms *alarms, const char *folder) {
    int fd cleanup(drop_fd) = open_file(folder, "memory.events", O_RDONLY);
    if (fd >= 0 && rearm(fd)) {
        add(alarms, &fd, POLLPRI, true);
    }
}

/* cgroup v1: an eventfd is tied to memory.pressure_level through cgroup.event_control, and lives on its own. */
static void add_pressure_level(struct alarms *alarms, const char *folder) {
    int level cleanup(drop_fd) = open_file(folder, "memory.pressure_level", O_RDONLY);
    int control cleanup(drop_fd) = open_file(folder, "cgroup.event_control", O_WRONLY);
    int event cleanup(drop_fd) = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (level < 0 || control < 0 || event < 0) {
        return;
    }
    char *line cleanup(drop_memory) = format("%d %d medium", event, level);
    if (write(control, line, strlen(line)) == (ssize_t)strlen(line)) {
        add(alarms, &event, POLLIN, false);
    }
}

static void add_path(struct alarms *alarms, const char *root) {
    struct cgroup_path path cleanup(cgroup_path_done) = {0};
    cgroup_path_refresh(&path, root);
    bool stalls = false;
    for (size_t i = 0; i < path.count; i++) {
        const struct cgroup_level *level = &path.levels[i];
        if (!level->unified) {
            add_pressure_level(alarms, level->folder);
            continue;
        }
        add_events(alarms, level->folder);
        stalls |= level->own && add_trigger(alarms, level->folder, "memory.pressure");
    }
    if (!stalls) {
        char *machine cleanup(drop_memory) = format("%s/proc/pressure", root);
        add_trigger(alarms, machine, "memory");
    }
}

struct alarms *alarms_new(const char *root) {
    struct alarms *alarms = alloc(1, sizeof(*alarms));
    add_path(alarms, root);
    return alarms;
}

void alarms_drop(struct alarms **alarms) {
    if (*alarms) {
        for (size_t i = 0; i < (*alarms)->count; i++) {
            close((*alarms)->alarms[i].fd);
        }
        free(take(*alarms));
    }
}

size_t alarms_poll(const struct alarms *alarms, struct pollfd *ret) {
    for (size_t i = 0; i < alarms->count; i++) {
        ret[i] = (struct pollfd){.fd = alarms->alarms[i].fd, .events = alarms->alarms[i].events};
    }
    return alarms->count;
}

/* False if it will never be told again; it would keep poll() from waiting. */
static bool ready(const struct alarm *alarm, short revents) {
    uint64_t times;
    if (alarm->watched) { /* the kernel says POLLPRI and POLLERR for a change; reading fails when the cgroup is gone */
        return !revents || rearm(alarm->fd);
    }
    return !(revents & (POLLERR | POLLNVAL)) &&
           (!(revents & POLLIN) || read(alarm->fd, &times, sizeof(times)) == sizeof(times));
}

void alarms_ready(struct alarms *alarms, const struct pollfd *polled) {
    size_t kept = 0;
    for (size_t i = 0; i < alarms->count; i++) {
        if (ready(&alarms->alarms[i], polled[i].revents)) {
            alarms->alarms[kept++] = alarms->alarms[i];
        } else {
            close(alarms->alarms[i].fd);
        }
    }
    alarms->count = kept;
}
