/*
 * The life of models on one device: loaded when first needed, one load for all who wait for it, counted while in use,
 * unloaded when idle for long or when others need the room. Every byte is charged to the ledger before it is used, and
 * credited when it was measured that it came back. No model is exempt.
 *
 * Who holds a handle may run the model (model/run.h) until model_release(). The victim for room is, among the models
 * without a user, the one that is cheapest to load again for each byte that it frees, the one that was not used for
 * longest among equals; one that was just loaded is spared for a while, so that two models cannot chase each other out.
 *
 * A load that failed is answered with the same error, untried, until its back-off is over (1 s, doubling to 60 s).
 * Any thread.
 */
#ifndef OCTAVO_MODEL_MANAGER_H
#define OCTAVO_MODEL_MANAGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "memory/ledger.h"
#include "memory/predict.h"
#include "memory/recorder.h"
#include "memory/roster.h"
#include "model/model.h"

/* Whether one state may follow the other. */
bool model_state_follows(enum model_state from, enum model_state to);

/* Nanoseconds to wait for memory: others' runs are over long before, so that something hangs and an answer is due. */
#define MODEL_LONGEST_WAIT INT64_C(300000000000)

struct manager;
struct entry;

/* All is borrowed, and outlives the manager. */
struct manager_options {
    const char *models; /* folder of the files */
    const char *cache;  /* for compiled forms, or NULL */
    const struct engine_kind *kind;
    struct engine *engine;
    struct ledger *ledger;
    int account;
    struct recorder *recorder;
    struct roster *roster; /* NULL: nobody wants to know */
    int instance;          /* of the pool, for the roster */
    /* Opens an engine for models that were added on it before it was open: called once for each of them, when it is
     * loaded. Any thread; waits for memory until deadline or *cancel; what it fails with the load fails with. */
    int (*open)(void *context, const struct engine_kind *kind, int64_t deadline, const atomic_bool *cancel,
                struct engine **ret);
    void *context;
    /* Called by the manager's own thread when models were unloaded as idle and none is left. NULL: nobody asks. */
    void (*emptied)(void *context);
    void *emptied_context;
    struct predictor *predictor;
    int64_t idle;      /* nanoseconds without a user after which a model is unloaded, unless its entry says otherwise */
    int64_t residency; /* nanoseconds after its load in which a model is not unloaded to make room */
};

/* A manager of no models yet; the caller calls models_teardown(). ERR_INTERNAL. */
int manager_new(const struct manager_options *options, struct manager **ret);

/* Declares the model for its role (borrowed), with runners for so many threads. Before any other use. */
void manager_add(struct manager *manager, const struct model_spec *spec, int runners);
/* Likewise, to be run by another engine than the manager's (both borrowed; engine NULL: options.open() opens it). The
 * first one that was declared for a role is the usual one, there may be one for each kind of engine. */
void manager_add_on(struct manager *manager, const struct model_spec *spec, int runners, const struct engine_kind *kind,
                    struct engine *engine);

/* The model declared for role, NULL if there is none. Borrowed. */
const struct model_spec *manager_spec(const struct manager *manager, enum role role);

/* A model in use. Zero it before the first use; one thread at a time. */
struct model_handle {
    struct manager *manager;
    struct entry *entry; /* NULL: none held */
    bool unnoticed;      /* set while it is held: this use does not keep the model from being unloaded as idle */
};

/*
 * The model of role, loaded if need be; waits for memory, or for another's load, until deadline (clock_now()) or until
 * *cancel (may be NULL). ERR_NO_MODEL (none declared), those of model_open(), ERR_NO_MEMORY (could never fit, with the
 * bytes), ERR_TIMEOUT, ERR_INTERRUPTED.
 */
int model_acquire(struct manager *manager, enum role role, int64_t deadline, const atomic_bool *cancel,
                  struct model_handle *ret);
/* Likewise on an engine of this kind; NULL, or where the model runs on one only: the usual one. */
int model_acquire_on(struct manager *manager, enum role role, const struct engine_kind *kind, int64_t deadline,
                     const atomic_bool *cancel, struct model_handle *ret);
/* Gives it back; for cleanup() too. */
void model_release(struct model_handle *handle);

/* The loaded model: its network and alphabet, constant while the handle is held. */
const struct model *model_of(const struct model_handle *handle);

/* Loads before it is needed. Errors as model_acquire(). */
int model_load(struct manager *manager, enum role role, int64_t deadline);

/* Waits for its users to go (no new ones are let in) and unloads it from all engines, *ret bytes came back.
 * ERR_TIMEOUT. */
int model_unload(struct manager *manager, enum role role, int64_t deadline, uint64_t *ret);

/* Charges other memory of the work in hand to the manager's account, as ledger_charge(), and credits it again. */
int manager_charge(struct manager *manager, enum charge_kind kind, uint64_t bytes, int priority, int64_t deadline,
                   const atomic_bool *cancel);
void manager_credit(struct manager *manager, enum charge_kind kind, uint64_t bytes);

/* Gives back to the system what was freed and is held for the next run; returns the bytes credited. */
uint64_t manager_trim(struct manager *manager);

/* Unloads what has no user, and trims; returns the bytes credited. */
uint64_t manager_unload_idle(struct manager *manager);

/* Waits for all users to go, unloads everything, frees the manager: nothing of it stays charged but deficits. */
void models_teardown(struct manager **manager);

/* The role for which the model of this id was declared; ROLE_COUNT if it was for none. */
enum role manager_role(const struct manager *manager, const char *id);

struct manager_state {
    /* Of the usual engines. */
    enum model_state state[ROLE_COUNT];
    uint64_t charged[ROLE_COUNT]; /* weights and what is kept of runs */
    int users[ROLE_COUNT];
    int handles, runs;                                     /* held and under way now */
    uint64_t slack;                                        /* held for the next run */
    uint64_t held;                                         /* weights and what is kept of runs, as measured */
    uint64_t deficit;                                      /* not given back by unloaded models */
    uint64_t loads, unloads, evictions, failures, illegal; /* counted; illegal: transitions that the table forbids */
};
void manager_read(struct manager *manager, struct manager_state *ret);

#endif
