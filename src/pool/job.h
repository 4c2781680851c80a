/*
 * A document: its raster process while it is open, its pages as they come in.
 *
 *   WAITING --the raster fits--> OPENING --"opened"--> READING --all asked pages are in--> OVER
 *      ^                            |                   |  |
 *      +--------- parked -----------|-------------------+  |
 *                                   +----- job_fail() -----+--> ENDING --pages at the worker are in, or 0.5 s--> OVER
 *
 * When all pages were read, what is wanted beside the result (pictures, a searchable PDF) is made before the job is
 * over (pool/edition.h).
 *
 * A raster is asked for one page ahead: at most one bitmap waits here. A document that is parked gives back its raster,
 * so that another one can go on, and is opened again later. One thread.
 */
#ifndef OCTAVO_POOL_JOB_H
#define OCTAVO_POOL_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/ranges.h"
#include "document/bitmap.h"
#include "document/result.h"
#include "pool/admission.h"
#include "pool/core.h"
#include "pool/edition.h"
#include "pool/lease.h"
#include "pool/page_set.h"
#include "process/child.h"

struct json;
struct selection;

enum job_state { JOB_WAITING, JOB_OPENING, JOB_READING, JOB_ENDING, JOB_OVER };

/* What is wanted of a document. Borrowed while the job lives. */
struct job_wish {
    const struct selection *whole; /* refused when opened if it is not one file in these; NULL: it need not be */
    double dpi;                    /* 0: chosen page by page */
    const struct ranges *pages;
    int64_t max_pages, max_pixels;
    int64_t page_timeout; /* seconds for opening it, and for drawing a page */
    int64_t deadline;     /* seconds from opening to the end; 0: none */
    int priority;         /* -10 to 10, of its claims on memory and its engine runs */
    bool words;           /* the lines of a page come with their words */
    struct switches switches;
    const char *engine; /* NULL, "auto": the worker's own */
    int64_t tiles;      /* of detection at the least; 0: as the worker does */
    bool check;         /* nobody wants the page: it does not keep models from being unloaded as idle */
};

/* A drawn page on its way to the worker, and while it is there. */
struct sheet {
    uint32_t page; /* 0: none */
    bool suspect;  /* a worker has died with it in hand: it is read alone */
    struct bitmap bitmap;
    uint64_t bytes; /* charged to the front as a bitmap */
    int fd;
    struct json *message; /* the raster's, for its seconds and warnings */
};

/* A page that was in the hands of a worker that died. */
struct suspect {
    uint32_t page;
    bool waiting; /* not asked for again yet */
};

struct job {
    char *file; /* its path, "-" for standard input */
    const struct job_wish *wish;
    void *owner; /* for whoever made it */
    enum job_state state;
    struct lease lease; /* of the instance whose worker reads its pages */
    int fd;             /* of a regular file, to open it again; -1 */
    dev_t device;       /* of the file */
    ino_t inode;
    struct child raster;
    int account;              /* the raster's; -1 */
    struct claim opening;     /* for the raster that is to be started */
    struct claim drawing;     /* what drawing the next page takes */
    int64_t opened, deadline; /* clock; the deadline is of the raster's next answer, or of ENDING */
    uint32_t page;            /* the page that is to be drawn next; 0: none was chosen */
    bool asked;               /* the raster is drawing it */
    uint64_t need;            /* bytes that drawing the next page takes, as far as is known; 0: unknown */
    int needs;                /* how often the raster has asked for more for this page */
    uint32_t shrink;          /* so many times smaller is it drawn, for it does not fit as it is */
    uint32_t last;            /* the highest page asked for so far */
    uint32_t wanted;          /* pages to be read in all */
    uint32_t read;            /* of them: those that were read, skipped ones included */
    struct page_set skipped;  /* not to be read again */
    bool winding_up;          /* no other page is begun */
    bool suits;               /* the worker can do what is wanted: that was asked */
    struct sheet sheet;
    struct editions editions;
    struct suspect *suspects;
    size_t suspect_count;
    uint32_t in_hand; /* pages at the worker */
    uint64_t handed;  /* bytes of their bitmaps */
    uint64_t results; /* bytes of the pages read */
    uint64_t peak;    /* the most that was charged for it at a time: raster, bitmaps, results */
    struct result result;
    int error; /* why it ended early, or the last reason for which a page failed; 0: none */
    uint32_t error_page;
    char *error_detail;
};

/* A job for file (copied). The owner frees it with job_free() when the pool has given it back. */
struct job *job_new(const char *file, const struct job_wish *wish);

/* A job for a document that is open already: a regular file (fd is copied). name is for people. ERR_NO_INPUT. */
int job_new_open(const char *name, int fd, const struct job_wish *wish, struct job **ret);

/* Before pool_add(): a page that was dealt with earlier. */
void job_skip(struct job *job, uint32_t page);

/* Begins no other page: the job is over when those in hand are read. result.complete says whether all were. */
void job_wind_up(struct job *job);

/* Moves on what waits for memory: starts the raster, asks it for the next page if it is idle and no bitmap waits. */
void job_advance(struct job *job, struct core *core, bool others_open);

/* Whether a worker has died with the page in hand; whether such a page is still to be read, alone. */
bool job_is_suspect(const struct job *job, uint32_t page);
bool job_has_suspect(const struct job *job);

/* No page of it was read or is being read: the next one goes before those of documents that are further. */
bool job_is_new(const struct job *job);

/* Whether it could be parked now; parks it. */
bool job_can_park(const struct job *job);
void job_park(struct job *job, struct core *core);

/* Ends the job early, its raster at once. page 0: unknown. Only the first reason counts. */
void job_fail(struct job *job, struct core *core, int error, uint32_t page, const char *detail);

/* The worker's answers: a page (contents taken over) of so many bytes, drawn as message says; a page that cannot be
 * read; death. */
void job_page_read(struct job *job, struct core *core, const struct json *message, struct page *page, uint64_t bytes);
void job_page_failed(struct job *job, struct core *core, uint32_t page, int error, const char *detail);
void job_page_lost(struct job *job, struct core *core, const struct sheet *sheet, const char *obituary);

/* Acts on deadlines that have passed and on completion: state is JOB_OVER when nothing more will come. Whether the
 * whole document has become too late just now: the worker need not read on. */
bool job_tick(struct job *job, struct core *core, int64_t now);

/* Bytes of the raster and of its next page: what it takes to go on. */
uint64_t job_need(const struct job *job, struct core *core);

/* Whether it waits for memory; ends that wait: the page, or the document that is not open yet, fails. */
bool job_waits(const struct job *job);
void job_refuse(struct job *job, struct core *core);

/* The results leave the front's account: they are written, or thrown away. */
void job_release(struct job *job, struct core *core);

/* Notes a warning about the document as a whole; all the strings of an array. */
void job_warn(struct job *job, const struct core *core, const char *warning);
void job_warn_all(struct job *job, const struct core *core, const struct json *warnings);

/* For pool/raster_inbox.c, which takes what the raster says: the page that is to be drawn cannot be; notes what the
 * raster holds while it rests. */
void job_fail_page(struct job *job, struct core *core, int error, const char *detail);
void job_note_baseline(const struct job *job, struct core *core);

/* Likewise, and for pool/edition.c: ends the raster, all that it holds is credited with its account (the obituary may
 * be NULL); sets the deadline of an answer. */
void job_end_raster(struct job *job, struct core *core, struct obituary *ret_obituary);
void job_expect_answer(struct job *job);

/* Frees the job. Its raster has ended and its memory was released. */
void job_free(struct job **job);

/* Frees and credits what a sheet holds. */
void sheet_done(struct sheet *sheet, struct core *core);

#endif
