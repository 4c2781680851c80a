/*
 * The worker process and the pages in its hands. A worker that dies is started again, its pages are read again, each
 * alone, so that a page that kills its worker is known by doing so twice. One thread.
 */
#ifndef OCTAVO_CLI_READER_H
#define OCTAVO_CLI_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/job.h"
#include "conf/options.h"
#include "process/child.h"

/* A page at the worker. */
struct reading {
    long id;
    struct job *job; /* borrowed; NULL if it is over */
    struct sheet sheet;
};

struct reader {
    struct child worker;
    bool ready;
    int false_starts;         /* deaths in a row before "ready" */
    struct reading *readings; /* window of them, count in use */
    size_t window, count;
    long last_id;
    char *engine;        /* "openvino 2026.4.1"; NULL before "ready" */
    int64_t first_read;  /* clock, 0: none yet */
    int64_t ready_since; /* clock at the first "ready" */
    double started;      /* seconds from the first worker's exec to "ready", as it says */
};

/* Starts the worker and sends it its setup. ERR_INTERNAL. */
int reader_start(struct reader *reader, const struct options *options);

/* Whether it would take this page now. */
bool reader_takes(const struct reader *reader, const struct sheet *sheet);

/* Sends the job's waiting bitmap. */
void reader_read(struct reader *reader, struct job *job);

/*
 * Takes the worker's next message (its socket is readable), its end included, and passes it on to the job. A failure
 * means that no page can be read any more: ERR_NO_ENGINE, ERR_NO_MODEL, ..., ERR_WORKER_CRASHED.
 */
int reader_receive(struct reader *reader, const struct options *options);

/* The job is over: what the worker still says about its pages is ignored. */
void reader_forget(struct reader *reader, const struct job *job);

/* Ends the worker, frees all. */
void reader_done(struct reader *reader);

#endif
