/* The pages in the hands of a worker. One thread. */
#ifndef OCTAVO_POOL_HANDS_H
#define OCTAVO_POOL_HANDS_H

#include <stddef.h>

#include "pool/core.h"
#include "pool/job.h"

/* A page at the worker. */
struct reading {
    long id;
    struct job *job; /* borrowed; NULL if it is over, or nobody's */
    struct sheet sheet;
};

/* {0}: nothing is in them. Pages of jobs that are over stay until the worker answers, so no number bounds them. */
struct hands {
    struct reading *readings; /* count of them, room for places */
    size_t count, places;
};

void hands_done(struct hands *hands);

/* Puts a page that was sent to the worker with id into its hands. */
void hands_add(struct hands *hands, long id, struct job *job, const struct sheet *sheet);

/* Takes a page out of them; the caller calls sheet_done(). Without such a page: id 0. */
struct reading hands_take(struct hands *hands, long id);

/* The worker has died: its pages are lost (job_page_lost()), nothing is in its hands any more. */
void hands_lose(struct hands *hands, struct core *core, const char *obituary);

/* Nobody waits for any of them any more: as above, and no job is told. */
void hands_drop(struct hands *hands, struct core *core);

/* The job is over: its pages are nobody's. */
void hands_forget(struct hands *hands, const struct job *job);

#endif
