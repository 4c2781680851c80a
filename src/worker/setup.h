/* From a `setup` message to a manager with models. One thread. */
#ifndef OCTAVO_WORKER_SETUP_H
#define OCTAVO_WORKER_SETUP_H

#include <pthread.h>
#include <stdatomic.h>

#include "catalog/places.h"
#include "conf/switches.h"
#include "model/manager.h"
#include "worker/planner.h"

struct wish {
    const char *engine;    /* name, or "auto" */
    const char *version;   /* of the text models, or NULL for the first installed */
    const char *languages; /* of Tesseract: "eng+deu" */
    int threads;           /* runs side by side */
    int tiles;             /* of detection at the least; 0: as memory allows */
    /* "auto": the stage is planned with where its models are installed; "on": it is an error where they are not. */
    struct switches switches;
    uint64_t bytes;                 /* to plan with */
    double model_idle;              /* seconds without a user after which a model is unloaded */
    double residency;               /* seconds after its load in which a model is not unloaded to make room */
    void (*emptied)(void *context); /* no model is left, all were idle (manager_options) */
    void *context;
};

struct setup {
    struct places places;
    struct catalog catalog;
    struct ledger *ledger;     /* shared by the front process, or our own */
    struct recorder *recorder; /* likewise */
    struct roster *roster;     /* of the front process; NULL: it shared none */
    int instance;              /* of the front process's pool */
    int account;
    struct predictor *predictor;
    char *stamp;              /* what the predictions belong to */
    bool rereads;             /* doubtful pages with Tesseract: languages are wanted that the models do not know */
    struct model_spec reader; /* Tesseract's languages, where they are installed */
    char *unread;             /* why there is no reader; NULL: there is one */
    struct model_spec turner; /* what it has to see how pages lie, where there is no other model for it */
    struct planner planner;
    struct planned planned;
    uint64_t bytes;                             /* of the last plan */
    const struct model_spec *specs[ROLE_COUNT]; /* installed; of these planner.specs is made ready for */
    char *missing[SWITCH_COUNT];                /* why a stage cannot be; NULL: it can */
    const struct engine_kind *kind;
    struct engine *engine;
    int64_t heap;           /* bytes allocated when the engine was open and nothing was loaded */
    uint64_t opened;        /* PSS then */
    _Atomic int64_t beside; /* bytes that were resident beside what is charged when the baseline was noted */
    /* The other engine beside it, for models that only it runs and for pages that ask for it. */
    const struct engine_kind *second_kind; /* NULL: it is not installed */
    _Atomic(struct engine *) second;       /* NULL: not open */
    _Atomic(struct engine *) third;        /* Tesseract beside them, for pages that ask for it; NULL: not open */
    pthread_mutex_t opening;               /* one opens them */
    struct manager *manager;
};

/*
 * Chooses engine and plan, opens the engine and loads the models, several at a time. setup must have its places, and
 * ledger, recorder and account where the front process shared them; the caller calls setup_done(), also after a
 * failure. ERR_NO_ENGINE, ERR_NO_MODEL, ERR_BAD_MODEL, ERR_USAGE (no such engine), ERR_NO_MEMORY (no plan is small
 * enough).
 */
int setup_load(const struct wish *wish, struct setup *setup);

/* Opens an engine beside the usual one: as the second, Tesseract as the third. Errors as engine_kind's open(). */
int setup_open_beside(struct setup *setup, const struct engine_kind *kind);

/* Plans anew, with the engine that is open. ERR_NO_MEMORY. */
int setup_plan(struct setup *setup, uint64_t bytes);

/*
 * How pages are read on an engine by this name, in the bytes of the last plan: *ret_kind and *ret, or NULL where it is
 * the usual one. ERR_NO_ENGINE, ERR_NO_MEMORY.
 */
int setup_plan_on(const struct setup *setup, const char *engine, const struct engine_kind **ret_kind,
                  struct page_plan *ret);

/*
 * The roles whose models a page that is read on kind, as of setup_plan_on(), does without: bits 1 << role of stages
 * that are "off", and of what finds and reads lines where the page is read as a whole, or else of what reads wholes.
 */
unsigned setup_without(const struct setup *setup, const struct switches *switches, const struct engine_kind *kind);

/* Names of the engines that are installed, with commas; caller frees. */
char *setup_engines(const struct setup *setup);

/* Bytes that this process holds besides models, after trimming, and those that no charge covers; 0: unknown. */
struct baseline {
    uint64_t bytes, uncharged;
};

/* Of worth only if the process rests meanwhile. */
struct baseline setup_measure_baseline(struct setup *setup);

/* What this process holds beyond the opened engine; it should be little while no model is loaded. */
uint64_t setup_left(const struct setup *setup);

/* Notes such a measurement in the ledger, and for later starts. */
void setup_note_baseline(struct setup *setup, const struct baseline *baseline);

/*
 * Whether this process holds so much more, or less, beside what it is charged than when that was noted that it should
 * be measured anew: an engine keeps kernels for new shapes. Cheap; any thread.
 */
bool setup_has_drifted(const struct setup *setup);

/* Keeps what was learned of memory for later starts. */
void setup_save(const struct setup *setup);

void setup_done(struct setup *setup);

#endif
