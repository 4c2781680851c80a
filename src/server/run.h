/* A document that the server has read: of a task, or of somebody who waits for it. One thread. */
#ifndef OCTAVO_SERVER_RUN_H
#define OCTAVO_SERVER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "conf/options.h"
#include "conf/ranges.h"
#include "output/output.h"
#include "pool/job.h"
#include "pool/lease.h"
#include "task/tasks.h"
#include "task/wish.h"

/*
 * A document in work, or one that somebody waits for and that waits for its lease. Its task, or who waits for it, may
 * have ended: it only winds down then.
 */
struct run {
    struct task *task;
    struct direct *direct;
    struct job *job;    /* NULL while it waits for */
    struct lease lease; /* which is the job's then */
    struct wish wish;
    struct job_wish job_wish;
    struct selection selection; /* of who waits for the document, who may go */
    struct ranges pages;
    int64_t since; /* clock */
    bool opened;
    bool unwritten; /* a page could not be stored: what is in hand is not wanted */
};

/* With what the settings say; the caller frees it, after its job. */
struct run *run_new(const struct options *options);
void run_free(struct run *run);

/* Takes it out of a list of so many runs, which keeps its order. */
void run_leave(struct run **runs, size_t *count, const struct run *run);

/* Makes run->wish, what is wanted beyond the settings, part of what the job is told. ERR_BAD_REQUEST. */
int run_apply_wish(struct run *run);

/* What the wish asks to be made of the document is written into files of the task's, or ones without a name.
 * ERR_DISK_FULL, ERR_STORE. */
int run_want_editions(struct run *run, struct blobs *blobs, const struct wish *wish);

#endif
