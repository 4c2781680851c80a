/*
 * Child processes: our own binaries, found beside the running one, started
 * by posix_spawn + exec, with every other descriptor closed, one control socket at MESSAGE_CHILD_SOCKET, and gone when
 * their parent is gone. The parent side belongs to one thread.
 */
#ifndef OCTAVO_PROCESS_CHILD_H
#define OCTAVO_PROCESS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
    pid_t pid;        /* 0: none */
    int pid_fd;       /* readable when the child has ended */
    int socket;       /* our end */
    const char *name; /* "octavo-worker": borrowed for ever */
};

/* How a child ended: its obituary. */
struct obituary {
    bool by_signal;
    int code;           /* exit status or signal number */
    double cpu_seconds; /* user + system */
    long peak_kib;      /* largest resident set */
};

/*
 * Starts name into *ret, with a priority so much lower than ours as nice(1) counts it (0: ours); the caller ends it
 * with child_end(). ERR_PROCESS with the reason.
 */
int child_start(const char *name, int nice, struct child *ret);

/* Kills (if still there), waits, closes, zeroes *child. The obituary may be NULL. Never blocks for long. */
void child_end(struct child *child, struct obituary *ret_obituary);

/* Closes our end and waits up to milliseconds for the child to leave by itself, then child_end(). */
void child_leave(struct child *child, int milliseconds, struct obituary *ret_obituary);

/*
 * For a process that inherits the children of others, as process 1 does: waits for those that have ended and were not
 * started here. False: one of our own has ended too and hides the rest, so call it again after child_end(). Never
 * blocks.
 */
bool child_reap_orphans(void);

/* One line for people: "octavo-raster was killed by signal 11 (Segmentation fault)". Caller frees. */
char *obituary_text(const char *name, const struct obituary *obituary);

/* To be called first in a child's main(): dies with the parent, leaves no core of a document behind. */
void child_begin(void);

#endif
