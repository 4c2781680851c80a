/*
 * What all parts of the pool share: its settings, the ledger, the flight recorder and whom to tell. One thread.
 */
#ifndef OCTAVO_POOL_CORE_H
#define OCTAVO_POOL_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/switches.h"
#include "memory/judge.h"
#include "memory/ledger.h"
#include "memory/recorder.h"
#include "memory/roster.h"

struct job;
struct page;

#define POOL_SECOND INT64_C(1000000000)    /* of the clock */
#define POOL_UNLIMITED (UINT64_C(1) << 49) /* bytes: more than any machine has, and exact in JSON */

/* Texts are borrowed while the pool lives. Times are seconds. */
struct pool_conf {
    const char *engine, *models, *version; /* as in "setup"; models and version may be NULL */
    const char *languages;                 /* of Tesseract */
    int64_t instances;                     /* workers at the most; never more than jobs */
    int64_t threads;                       /* engine threads in all */
    int64_t tiles;                         /* of detection at the least; 0: as memory allows */
    struct switches switches;              /* of most documents: what a worker is made ready for */
    int64_t seats;                         /* engine runs at a time, over all */
    int64_t jobs;                          /* documents in work at a time */
    uint64_t memory;                       /* bytes for the whole tree; 0: what cgroups and the machine allow */
    int64_t run_timeout, worker_idle, model_idle;
    int64_t nice;                       /* of workers and rasters, above ours: child_start() */
    int64_t health_interval;            /* idle workers are looked at so often; 0: never */
    int64_t residency;                  /* after its load a model is not unloaded to make room */
    struct judge_thresholds thresholds; /* of pressure; their reserve is the budget's */
    int64_t guard_period, guard_calm;   /* between readings; without pressure before a step is taken back */
    const char *dump_folder;            /* NULL: no dumps are written */
    bool per_task;                      /* a worker for each document, nothing shared or limited: only for measuring */
};

/* Whom to tell. Called in the pool's calls; none may call the pool. */
struct pool_events {
    void *context;
    /* Nothing more will come for this job: it is the owner's again. */
    void (*over)(void *context, struct job *job);
    /*
     * A page was read. True: it was taken care of and is not kept in the job's result. NULL: all are kept.
     */
    bool (*page_read)(void *context, struct job *job, const struct page *page);
    /*
     * The text of the first page after a number that was read and not kept in the job's result, *ret_page 0 if there is
     * none; the pool frees *ret. NULL: all are kept.
     */
    int (*page_kept)(void *context, struct job *job, uint32_t after, uint32_t *ret_page, char **ret);
    /* A page cannot be read; the others of its document are. */
    void (*page_failed)(void *context, const struct job *job, uint32_t page, int error, const char *detail);
    /* About a document as a whole. */
    void (*warning)(void *context, const struct job *job, const char *text);
    /* A line for the log: deaths, restarts, pressure, dumps. */
    void (*note)(void *context, const char *text);
};

/* What a worker must be able to take: its floor is left free for it, less what it has. */
struct stake {
    uint64_t floor;
    int account; /* of its process; -1: there is none */
};

struct core {
    const struct pool_conf *conf;
    const struct pool_events *events;
    struct ledger *ledger;
    struct recorder *recorder;
    struct roster *roster;     /* the workers' models */
    int account;               /* the front's */
    uint64_t baseline;         /* bytes that the front holds by itself */
    uint64_t results, uploads; /* beside them: results of documents, documents on their way in */
    struct stake *stakes;      /* of the instances that share the budget */
    size_t stake_count;
    bool planning; /* a worker is asked for another plan, or is not ready yet, or leaves: the floors may change */
    int64_t moved; /* clock when something last went on: a page drawn or read, a document opened or ended */
    /* counted */
    uint64_t refusals, parked;
};

/* One line for the log, as printf. */
void core_note(const struct core *core, const char *pattern, ...) __attribute__((format(printf, 2, 3)));

/* The results of all documents are so many bytes more or less; documents on their way in hold so many in all. */
void core_results(struct core *core, int64_t more);
void core_uploads(struct core *core, uint64_t bytes);

#endif
