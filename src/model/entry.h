/* The inside of the manager, shared by manager.c, load.c and run.c alone. Fields are under the manager's lock. */
#ifndef OCTAVO_MODEL_ENTRY_H
#define OCTAVO_MODEL_ENTRY_H

#include <pthread.h>

#include "engine/heap.h"
#include "model/manager.h"

/*
 * A runner and what its engine keeps for it. Where runs keep memory, a load's first runner keeps more than the further
 * ones: what all of them share (weights in the order that the kernels want) is made in its first run.
 */
struct seat {
    struct runner *runner; /* NULL until its first run */
    bool further;          /* not the first of its load */
    uint64_t largest;      /* input elements; what is kept grows with it */
    int64_t held;          /* measured bytes kept */
    uint64_t charged;      /* for what is kept */
};

struct entry {
    const struct model_spec *spec;
    const struct engine_kind *kind;
    struct engine *engine; /* NULL: it is opened with the first load */
    enum model_state state;
    struct model model;
    int users;
    int place; /* in the roster */
    struct seat *seats;
    int seat_count;
    bool first_taken;     /* the runner that the load has made, where they have weights of their own */
    bool has_run;         /* since it was loaded: what its runners share is there */
    uint64_t charged;     /* for the weights */
    double load_seconds;  /* of the last load */
    int64_t loaded, used; /* clock of the last load, of the last release */
    int failures, error;
    char *detail;
    int64_t retry; /* clock before which a failed load is not tried again */
};

enum { ENTRY_COUNT = 2 * ROLE_COUNT }; /* the usual engines' by role, then the others' */

struct manager {
    struct manager_options options;
    pthread_mutex_t lock;
    pthread_mutex_t bounding; /* the heap's bound follows the charges; taken last */
    pthread_cond_t changed;   /* some entry's state or users */
    pthread_cond_t stop;      /* stopping */
    struct entry entry[ENTRY_COUNT];
    uint64_t slack; /* bytes charged as KEPT that no run uses now: freed in the heap, taken first by the next run */
    int runs;       /* under way */
    int64_t last_run;
    uint64_t deficit, loads, unloads, evictions, failures, illegal;
    bool stopping;
    pthread_t keeper;
    bool keeper_started;
};

/* The name of what is learned (memory/predict.h): model, engine, device, threads of a run, and what. Caller frees. */
char *entry_key(const struct model_spec *spec, const struct engine_kind *kind, const char *what);
static inline const char *entry_run(bool further) { return further ? "further-run" : "run"; }

/* Puts it on the roster. With the lock. */
void entry_enlist(const struct manager *manager, struct entry *entry);

/* Notes in the roster how the entry stands; counts there. With the lock. */
void entry_note(const struct manager *manager, const struct entry *entry);
void entry_count(const struct manager *manager, const struct entry *entry, enum roster_count what, uint64_t more);

/* Changes the state, and notes it; a forbidden change aborts a checking build and is counted otherwise. With the lock.
 */
void entry_set_state(struct manager *manager, struct entry *entry, enum model_state state);

/* Loads an entry in RESERVED, ends in READY or FAILED. Without the lock. */
int entry_load(struct manager *manager, struct entry *entry, int64_t deadline, const atomic_bool *cancel);

/* Unloads an entry in DRAINING without users, ends in ABSENT; returns the bytes credited. Without the lock. */
uint64_t entry_unload(struct manager *manager, struct entry *entry);

/* Unloads one model without a user to make room; returns the bytes credited, 0 if there is none. Without the lock. */
uint64_t manager_evict(struct manager *manager, uint64_t wanted);

/* Frees what nobody uses until so many bytes are free in the ledger, or nothing is left to free. Without the lock. */
void manager_make_room(struct manager *manager, uint64_t bytes);

/*
 * The heap's large blocks are bounded by what the manager's account is charged beyond its baseline (engine/blocks.h):
 * after a charge, and with a credit, for which what is freed goes back first. Without the lock.
 */
void manager_charged(struct manager *manager);
void manager_credit_heap(struct manager *manager, enum charge_kind kind, uint64_t bytes, uint32_t seats);

/* Bytes charged for the entry: weights and kept. With the lock. */
uint64_t entry_charged(const struct entry *entry);

#endif
