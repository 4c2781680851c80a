/*
 * The searchable PDF of a document, written by its raster when its pages were read: into a file of the owner's, so that
 * nobody has to hold it. It is a part of a job (pool/job.h), which is over when it was written or cannot be.
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

struct core;
struct job;
struct json;

struct edition {
    enum { EDITION_NONE, EDITION_DUE, EDITION_WRITING, EDITION_DONE, EDITION_FAILED } state;
    int fd;        /* the file; -1 */
    uint32_t page; /* the last one whose text was sent */
    bool finishing;
    uint64_t most; /* bytes that drawing a page took, at the most so far */
    uint64_t need; /* bytes that writing takes, as far as is known; 0: unknown */
    int needs;     /* how often the raster has asked for more */
};

/* Before pool_add(): the PDF is wanted, in this file (copied), which is empty. ERR_NO_INPUT. */
int job_want_edition(struct job *job, int fd);

/* Whether the PDF is still to be written, of a job whose pages are all dealt with. Nothing is
 * written where no page was read. */
bool edition_is_due(const struct job *job);

/* The raster is idle: asks for the memory, begins when it is there. */
void edition_advance(struct job *job, struct core *core);

/* The raster's answer. */
void edition_take(struct job *job, struct core *core, const struct json *message);

/* It cannot be written: the job's pages stay good. */
void edition_fail(struct job *job, struct core *core, int error, const char *detail);

#endif
