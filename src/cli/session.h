/*
 * The event loop of `octavo ocr`: files one after the other into the pool, results out of it, signals, progress. One
 * thread.
 */
#ifndef OCTAVO_CLI_SESSION_H
#define OCTAVO_CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/feed.h"
#include "conf/options.h"
#include "output/output.h"
#include "pool/pool.h"

struct session {
    const struct options *options;
    struct job_wish wish;
    struct selection selection; /* of the formats */
    struct pool pool;
    struct lease next;  /* of the file that is begun next */
    char **names;       /* of the results: of the files of the command line, then of those that --files-from brought */
    size_t names_known; /* entries */
    bool page_files;    /* results are files NAME-PAGE, too */
    size_t begun;       /* files given to the pool */
    struct feed feed;   /* fd -1 without --files-from */
    struct job *only;   /* without --output: the one job, when it is over */
    int signal_fd;
    int interrupted; /* the signal; 0: none */
    int fatal;       /* why no page can be read any more; 0 */
    char *fatal_detail;
    bool unbalanced; /* something was still charged at the end */
    int64_t started; /* clock */
    int64_t next_sample, next_draw;
    /* what has been done, for progress, --timing and the exit status */
    size_t jobs_over, jobs_failed;
    int status; /* of the last failure, of a file or of --files-from; 0: there was none */
    bool statuses_differ, unwritten;
    uint64_t pages_read, pages_known;
    struct stages stages;
};

/*
 * Reads all files and writes their results. Every failure has been told on the terminal and is in status, fatal,
 * interrupted or unbalanced afterwards. All children are gone then. The caller calls session_done(). An error means
 * that nothing could begin: ERR_NO_MEMORY, ERR_NO_INPUT, ERR_INTERNAL.
 */
int session_run(struct session *session, const struct options *options, int64_t started);

/* The exit status that follows. */
int session_status(const struct session *session);

void session_done(struct session *session);

#endif
