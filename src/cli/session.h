/*
 * The event loop of `octavo ocr`: the worker, up to --jobs documents in work, signals, deadlines, progress. One thread.
 */
#ifndef OCTAVO_CLI_SESSION_H
#define OCTAVO_CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/job.h"
#include "cli/reader.h"
#include "conf/options.h"

/* Memory (PSS) of our processes: the sum, and its parts. Bytes. */
struct footprint {
    uint64_t all, front, worker, rasters;
};

struct session {
    const struct options *options;
    struct job *jobs;
    size_t job_count, begun;
    char **names;    /* of the results, by job */
    size_t *in_work; /* indices of the jobs in work, at most --jobs, the next to be served first */
    size_t in_work_count;
    struct reader reader;
    int signal_fd;
    int interrupted; /* the signal; 0: none */
    int fatal;       /* why no page can be read any more; 0 */
    int64_t started; /* clock */
    int64_t next_sample, next_draw;
    /* what has been done, for progress and --timing */
    size_t jobs_over, jobs_failed;
    uint64_t pages_read, pages_known;
    struct stages stages;
    struct footprint now, peak; /* each part's own peak */
};

/*
 * Reads all jobs. With --output each is written when it ends; else the one job's result stays for the caller. Every
 * failure has been told on the terminal and is in job.error, session.fatal or session.interrupted afterwards. All
 * children are gone then. The caller frees the jobs (job_done()) and calls session_done().
 */
void session_run(struct session *session);

/* Writes the job's result, as far as there is one, and tells how it ended. */
void session_deliver(struct session *session, size_t index);

void session_done(struct session *session);

#endif
