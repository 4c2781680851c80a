/*
 * What is made of a document's bytes beside its result (document/made.h), by its raster when its pages were read: each
 * into a file of the owner's, so that nobody has to hold it. It is a part of a job (pool/job.h), which is over when all
 * that was wanted is made or cannot be. One is made after the other:
 *
 *   DUE --its memory is granted--> WRITING --"finished"--> DONE
 *    ^                               |  |
 *    +--more is needed, by another---+  +--failed, late, raster dead--> FAILED
 *        raster
 *
 * One thread.
 */
#ifndef OCTAVO_POOL_EDITION_H
#define OCTAVO_POOL_EDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "document/album.h"
#include "document/made.h"

struct core;
struct job;
struct json;

struct edition {
    enum { EDITION_NONE, EDITION_DUE, EDITION_WRITING, EDITION_DONE, EDITION_FAILED } state;
    int fd;        /* the file, its own, unless state is EDITION_NONE */
    uint32_t page; /* the last one whose result was sent */
    bool finishing;
    uint64_t need; /* bytes that writing takes, as far as is known; 0: unknown */
    int needs;     /* how often the raster has asked for more */
};

struct editions {
    struct edition of[MADE_COUNT];
    uint64_t most; /* bytes that drawing a page took, at the most so far */
};

/* Before pool_add(): this is wanted, in a file (copied), which is empty. ERR_NO_INPUT. */
int job_want_edition(struct job *job, enum made made, int fd);

/* The file of what was made, borrowed; -1: it was not wanted, or could not be made. */
int edition_file(const struct job *job, enum made made);

/* Opens the pictures and figures that were made; the caller frees them with albums_done(), also after a failure. Errors
 * of album_open(). */
int edition_albums(const struct job *job, struct albums *ret);

/* Whether one is still to be written, of a job whose pages are all dealt with; nothing is written where no page was
 * read, or when the job winds up. Whether one is being written. Whether one was left out. */
bool edition_is_due(const struct job *job);
bool edition_is_writing(const struct job *job);
bool edition_is_left(const struct job *job);

/* Bytes that the next one takes, as far as is known. */
uint64_t edition_need(const struct job *job);

/* The raster is idle: asks for the memory, begins when it is there. */
void edition_advance(struct job *job, struct core *core);

/* The raster's answer. */
void edition_take(struct job *job, struct core *core, const struct json *message);

/* The one in turn cannot be written: the job's pages stay good. It has failed, or has a warning (made_is_vital()). */
void edition_fail(struct job *job, struct core *core, int error, const char *detail);

/* No answer came in time. */
void edition_fail_late(struct job *job, struct core *core);

/* Closes the files. */
void editions_done(struct editions *editions);

#endif
