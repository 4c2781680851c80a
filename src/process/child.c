#include "process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "process/message.h"

/* Those that were started and not ended yet: they are waited for by name. */
static pid_t *own;
static size_t own_count;

static bool is_own(pid_t pid) {
    for (size_t i = 0; i < own_count; i++) {
        if (own[i] == pid) {
            return true;
        }
    }
    return false;
}

static void add_own(pid_t pid) {
    own = resize(own, own_count + 1, sizeof(*own));
    own[own_count++] = pid;
}

static void remove_own(pid_t pid) {
    for (size_t i = 0; i < own_count; i++) {
        if (own[i] == pid) {
            own[i] = own[--own_count];
            return;
        }
    }
}

/* Standard input and output lead nowhere (what a library prints there must not end up in our results). */
static void fill_actions(posix_spawn_file_actions_t *actions, int socket) {
    posix_spawn_file_actions_init(actions);
    posix_spawn_file_actions_adddup2(actions, socket, MESSAGE_CHILD_SOCKET);
    posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(actions, MESSAGE_CHILD_SOCKET + 1);
}

/* Signals as after login, and a process group apart: what a terminal sends is for the parent to act on. */
static void fill_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(attributes);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

static int spawn(const char *name, int socket, pid_t *ret) {
    char *folder cleanup(drop_memory) = NULL;
    int result = file_own_folder(&folder);
    if (result != 0) {
        return result;
    }
    char *path cleanup(drop_memory) = format("%s/%s", folder, name);
    char *program cleanup(drop_memory) = copy_string(name);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    fill_actions(&actions, socket);
    fill_attributes(&attributes);
    int error = posix_spawn(ret, path, &actions, &attributes, (char *[]){program, NULL}, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error ? fail(ERR_PROCESS, "starting %s: %s", path, strerror(error)) : 0;
}

/* Of all threads that it may have started by now: it is alone in its process group (setpriority(2) of a process is of
 * one thread). Raising the number needs no privilege; above the highest, the highest is meant. */
static void lower_priority(pid_t pid, int nice) {
    if (nice > 0) {
        setpriority(PRIO_PGRP, (id_t)pid, getpriority(PRIO_PROCESS, 0) + nice);
    }
}

int child_start(const char *name, int nice, struct child *ret) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return fail(ERR_PROCESS, "starting %s: %s", name, strerror(errno));
    }
    int ours cleanup(drop_fd) = pair[0];
    int theirs cleanup(drop_fd) = pair[1];
    struct child child = {.name = name};
    int result = spawn(name, theirs, &child.pid);
    if (result != 0) {
        return result;
    }
    add_own(child.pid);
    lower_priority(child.pid, nice);
    child.pid_fd = pidfd_open(child.pid, 0);
    child.socket = take_fd(&ours);
    if (child.pid_fd < 0) {
        result = fail(ERR_PROCESS, "watching %s: %s", name, strerror(errno));
        child_end(&child, NULL);
        return result;
    }
    *ret = child;
    return 0;
}

static struct obituary obituary_of(int status, const struct rusage *usage) {
    const struct timeval *user = &usage->ru_utime, *system = &usage->ru_stime;
    return (struct obituary){
        .by_signal = WIFSIGNALED(status),
        .code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
        .cpu_seconds = (double)(user->tv_sec + system->tv_sec) + (double)(user->tv_usec + system->tv_usec) / 1e6,
        .peak_kib = usage->ru_maxrss,
    };
}

void child_end(struct child *child, struct obituary *ret_obituary) {
    if (child->pid == 0) {
        return;
    }
    kill(child->pid, SIGKILL); /* no effect on one that has ended by itself: its status stays */
    int status = 0;
    struct rusage usage = {0};
    while (wait4(child->pid, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    remove_own(child->pid);
    drop_fd(&child->socket);
    drop_fd(&child->pid_fd);
    *child = (struct child){.pid_fd = -1, .socket = -1};
    if (ret_obituary) {
        *ret_obituary = obituary_of(status, &usage);
    }
}

void child_leave(struct child *child, int milliseconds, struct obituary *ret_obituary) {
    if (child->pid == 0) {
        return;
    }
    drop_fd(&child->socket);
    struct pollfd end = {.fd = child->pid_fd, .events = POLLIN};
    while (poll(&end, 1, milliseconds) < 0 && errno == EINTR) {
    }
    child_end(child, ret_obituary);
}

bool child_reap_orphans(void) {
    for (;;) {
        siginfo_t found = {0};
        if (waitid(P_ALL, 0, &found, WEXITED | WNOHANG | WNOWAIT) != 0 || found.si_pid == 0) {
            return true;
        }
        if (is_own(found.si_pid)) {
            return false; /* it hides who is behind it until child_end() */
        }
        waitid(P_PID, (id_t)found.si_pid, &found, WEXITED | WNOHANG);
    }
}

char *obituary_text(const char *name, const struct obituary *obituary) {
    if (!obituary->by_signal) {
        return format("%s ended with status %d", name, obituary->code);
    }
    const char *about = sigdescr_np(obituary->code);
    return format("%s was killed by signal %d (%s)", name, obituary->code, about ? about : "unknown");
}

void child_begin(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* A parent that was gone before that left its end of the socket closed. */
    struct pollfd parent = {.fd = MESSAGE_CHILD_SOCKET};
    if (poll(&parent, 1, 0) == 1 && parent.revents & POLLHUP) {
        _exit(0);
    }
    /* 1, not 0: a core that is piped to a program is made at 0, yet never at 1 (core(5), fs/coredump.c). */
    setrlimit(RLIMIT_CORE, &(struct rlimit){.rlim_cur = 1, .rlim_max = 1});
}
