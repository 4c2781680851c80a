/* --files-from: names of files, one a line, as they come through a file or a pipe that may stay open. One thread. */
#ifndef OCTAVO_CLI_FEED_H
#define OCTAVO_CLI_FEED_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct feed {
    int fd;      /* -1: nothing more comes */
    int trouble; /* errno of a read that failed, after which nothing more comes; 0: none did */
    struct buffer text;
    size_t start; /* of what was not taken yet */
};

/* Opens path, "-" for standard input; a pipe without a writer is waited for. ERR_NO_INPUT, for a folder too. */
int feed_open(const char *path, struct feed *ret);
void feed_done(struct feed *feed);

/* What to poll for: fd is -1 while a line is there that was not taken, or nothing more comes. */
struct pollfd feed_poll(const struct feed *feed);

/* Reads once; to be called when poll() says so. Where that fails (trouble), names that have come whole are kept. */
void feed_receive(struct feed *feed);

/* Whether feed_next() would give a name now; whether it will ever again. */
bool feed_has(const struct feed *feed);
bool feed_is_over(const struct feed *feed);

/* The next name; empty lines are left out. Caller frees. NULL if there is none now. */
char *feed_next(struct feed *feed);

#endif
