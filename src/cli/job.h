/*
 * A FILE of the command line: its raster process while it is open, its pages as they come in.
 *
 *   WAITING --job_open()--> OPENING --"opened"--> READING --all asked pages are in--> OVER
 *                              |                     |
 *                              +-----job_fail()------+--> ENDING --pages at the worker are in, or 0.5 s--> OVER
 *
 * A raster is asked for one page ahead: at most one bitmap waits here. One thread.
 */
#ifndef OCTAVO_CLI_JOB_H
#define OCTAVO_CLI_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/options.h"
#include "document/bitmap.h"
#include "document/result.h"
#include "process/child.h"

struct json;

enum job_state { JOB_WAITING, JOB_OPENING, JOB_READING, JOB_ENDING, JOB_OVER };

/* A drawn page on its way to the worker. */
struct sheet {
    uint32_t page; /* 0: none */
    bool suspect;  /* a worker has died with it in hand: it is read alone */
    struct bitmap bitmap;
    int fd;
    struct json *message; /* the raster's, for its seconds and warnings */
};

/* A page that was in the hands of a worker that died. */
struct suspect {
    uint32_t page;
    bool waiting; /* not asked for again yet */
};

struct job {
    const char *file; /* borrowed from the command line */
    enum job_state state;
    dev_t device; /* of the file */
    ino_t inode;
    struct child raster;
    int64_t opened, deadline; /* clock; the deadline is of the raster's next answer, or of ENDING */
    uint32_t asked;           /* the page that the raster is drawing; 0: none */
    uint32_t last;            /* the highest page asked for so far */
    uint32_t wanted;          /* pages to be read in all */
    struct sheet sheet;
    struct suspect *suspects;
    size_t suspect_count;
    uint32_t in_hand; /* pages at the worker */
    struct result result;
    int error; /* why it ended early, or the last reason for which a page failed; 0: none */
    uint32_t error_page;
    char *error_detail;
};

/* Opens the file, starts its raster and sends it there. A failure ends the job. */
void job_open(struct job *job, const struct options *options);

/* Takes the raster's next message (its socket is readable), its end included. */
void job_receive(struct job *job, const struct options *options);

/* Asks the raster for the next page, if it is idle and no bitmap waits. */
void job_ask(struct job *job, const struct options *options);

/* Ends the job early, its raster at once. page 0: unknown. Only the first reason counts. */
void job_fail(struct job *job, int error, uint32_t page, const char *detail);

/* The worker's answers: a page (contents taken over), drawn as message says; a page that cannot be read; death. */
void job_page_read(struct job *job, const struct json *message, struct page *page);
void job_page_failed(struct job *job, uint32_t page, int error, const char *detail);
void job_page_lost(struct job *job, const struct sheet *sheet, const char *obituary);

/* Acts on deadlines that have passed and on completion: state is JOB_OVER when nothing more will come. */
void job_tick(struct job *job, const struct options *options, int64_t now);

/* Frees all and ends the raster. */
void job_done(struct job *job);

/* Frees what a sheet holds, for cleanup() too. */
void sheet_done(struct sheet *sheet);

#endif
