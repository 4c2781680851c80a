/* Loading and unloading one model, charged and measured. */
#include <malloc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "model/entry.h"
#include "model/run.h"

#define BACK_OFF INT64_C(1000000000) /* after the first failure; doubles */
enum { MOST_DOUBLINGS = 6 };

char *entry_key(const struct model_spec *spec, const struct engine_kind *kind, const char *what) {
    return format("%s/%s/cpu/1/%s", spec->id, kind->name, what);
}

static uint64_t predict_what(struct predictor *predictor, const struct model_spec *spec, const struct engine_kind *kind,
                             const char *what, struct prior prior, uint64_t elements) {
    char *key cleanup(drop_memory) = entry_key(spec, kind, what);
    return predict(predictor, key, prior, elements);
}

static const struct memory_prior *prior_of(const struct model_spec *spec, const struct engine_kind *kind) {
    return kind == &engine_openvino    ? &spec->openvino
           : kind == &engine_tesseract ? &spec->tesseract
                                       : &spec->onnxruntime;
}

uint64_t run_predict(struct predictor *predictor, const struct model_spec *spec, const struct engine_kind *kind,
                     bool further, uint64_t elements) {
    return predict_what(predictor, spec, kind, entry_run(further), prior_of(spec, kind)->run, elements);
}

uint64_t weights_predict(struct predictor *predictor, const struct model_spec *spec, const struct engine_kind *kind) {
    return predict_what(predictor, spec, kind, "weights", (struct prior){.a = prior_of(spec, kind)->weights}, 0);
}

uint64_t loading_predict(struct predictor *predictor, const struct model_spec *spec, const struct engine_kind *kind) {
    return predict_what(predictor, spec, kind, "loading", (struct prior){.a = prior_of(spec, kind)->loading}, 0);
}

void manager_make_room(struct manager *manager, uint64_t bytes) {
    for (;;) {
        struct ledger_state state;
        ledger_read(manager->options.ledger, &state);
        uint64_t room = state.budget > state.charged ? state.budget - state.charged : 0;
        if (room >= bytes || (manager_trim(manager) == 0 && manager_evict(manager, bytes - room) == 0)) {
            return;
        }
    }
}

/* What a load was charged and what it took. */
struct bill {
    uint64_t weights, loading; /* predicted */
    uint32_t seats;            /* all, where the engine's threads are measured too */
    int64_t peak, kept;        /* measured; 0: not */
};

static int charge_load(struct manager *manager, const struct entry *entry, int64_t deadline, const atomic_bool *cancel,
                       struct bill *ret) {
    const struct manager_options *options = &manager->options;
    struct bill bill = {.weights = weights_predict(options->predictor, entry->spec, entry->kind),
                        .loading = loading_predict(options->predictor, entry->spec, entry->kind)};
    /*
     * Taken alone, to be measured: what one takes depends on what the engine finds in its cache, and a charge that is
     * only predicted leaves a deficit when it is unloaded.
     */
    if (!entry->kind->runs_in_caller) {
        bill.seats = heap_counts() ? LEDGER_ALL_SEATS : 1;
    }
    struct ledger_request request = {.kind = CHARGE_LOADING,
                                     .class = LEDGER_IN_HAND,
                                     .bytes = bill.weights + bill.loading,
                                     .seats = bill.seats,
                                     .deadline = deadline,
                                     .cancel = cancel};
    manager_make_room(manager, request.bytes);
    int result = ledger_charge(options->ledger, options->account, &request);
    if (result == 0) {
        manager_charged(manager);
        *ret = bill;
    }
    return result;
}

static int open_measured(struct manager *manager, struct entry *entry, struct bill *bill) {
    const struct manager_options *options = &manager->options;
    struct heap_span span;
    bool alone = bill->seats == LEDGER_ALL_SEATS;
    heap_begin(&span, alone);
    int result = model_open(entry->spec, options->models, entry->kind, entry->engine, entry->seat_count, options->cache,
                            &entry->model);
    heap_end(&span, &bill->peak, &bill->kept);
    bool measured = result == 0 && heap_counts() && (entry->kind->runs_in_caller || alone);
    if (!measured) {
        bill->peak = bill->kept = 0;
    }
    return result;
}

static void learn_load(struct manager *manager, const struct entry *entry, const struct bill *bill) {
    if (bill->kept > 0) {
        const struct manager_options *options = &manager->options;
        char *weights cleanup(drop_memory) = entry_key(entry->spec, entry->kind, "weights");
        char *loading cleanup(drop_memory) = entry_key(entry->spec, entry->kind, "loading");
        predict_learn(options->predictor, weights, 0, (uint64_t)bill->kept, 0);
        predict_learn(options->predictor, loading, 0, (uint64_t)(bill->peak - bill->kept), 0);
    }
}

/* The charge of the load becomes that of the weights, as measured; the rest is credited. */
static void settle_load(struct manager *manager, struct entry *entry, const struct bill *bill) {
    const struct manager_options *options = &manager->options;
    uint64_t charged = bill->weights + bill->loading;
    uint64_t actual = bill->kept > 0 ? (uint64_t)bill->kept : bill->weights;
    uint64_t covered = actual < charged ? actual : charged;
    ledger_move(options->ledger, options->account, CHARGE_LOADING, options->account, CHARGE_WEIGHTS, covered, 0);
    manager_credit_heap(manager, CHARGE_LOADING, charged - covered, bill->seats);
    if (actual > covered) {
        uint64_t held = ledger_held(options->ledger, options->account, CHARGE_WEIGHTS);
        ledger_note(options->ledger, options->account, CHARGE_WEIGHTS, held + actual - covered);
        manager_charged(manager);
    }
    entry->charged = actual;
}

static int note_failure(struct manager *manager, struct entry *entry, int error) {
    char *detail cleanup(drop_memory) = copy_string(error_detail());
    pthread_mutex_lock(&manager->lock);
    int doublings = entry->failures < MOST_DOUBLINGS ? entry->failures : MOST_DOUBLINGS;
    int64_t wait = BACK_OFF << doublings;
    /* Cancelled or out of time says nothing of the model. */
    bool blames = error != ERR_INTERRUPTED && error != ERR_TIMEOUT;
    entry->failures += blames;
    entry->retry = blames ? clock_now() + wait : 0;
    entry->error = error;
    free(entry->detail);
    entry->detail = copy_string(detail); /* from here on another thread may replace it */
    manager->failures++;
    entry_count(manager, entry, ROSTER_FAILURES, 1);
    entry_set_state(manager, entry, MODEL_FAILED);
    pthread_mutex_unlock(&manager->lock);
    recorder_note(manager->options.recorder, EVENT_LOAD_FAILED, entry->spec->id, error, blames ? wait : 0);
    log_line(LOG_INFO, "model %s was not loaded: %s", entry->spec->id, detail);
    return fail(error, "%s", detail);
}

/* An entry that is not the usual one of its model is told of, and its engine is opened, when it is used first. */
static int need_engine(struct manager *manager, struct entry *entry, int64_t deadline, const atomic_bool *cancel) {
    pthread_mutex_lock(&manager->lock);
    if (entry->place < 0) {
        entry_enlist(manager, entry);
    }
    pthread_mutex_unlock(&manager->lock);
    const struct manager_options *options = &manager->options;
    return entry->engine ? 0 : options->open(options->context, entry->kind, deadline, cancel, &entry->engine);
}

int entry_load(struct manager *manager, struct entry *entry, int64_t deadline, const atomic_bool *cancel) {
    struct bill bill = {0};
    int64_t start = clock_now();
    int result = need_engine(manager, entry, deadline, cancel);
    result = result ? result : charge_load(manager, entry, deadline, cancel, &bill);
    if (result != 0) {
        return note_failure(manager, entry, result);
    }
    pthread_mutex_lock(&manager->lock);
    entry_set_state(manager, entry, MODEL_LOADING);
    pthread_mutex_unlock(&manager->lock);
    int64_t begun = clock_now();
    result = open_measured(manager, entry, &bill);
    if (result != 0) {
        manager_credit_heap(manager, CHARGE_LOADING, bill.weights + bill.loading, bill.seats);
        return note_failure(manager, entry, result);
    }
    learn_load(manager, entry, &bill);
    pthread_mutex_lock(&manager->lock);
    settle_load(manager, entry, &bill);
    entry->first_taken = entry->has_run = false;
    entry->loaded = entry->used = clock_now();
    entry->load_seconds = clock_seconds(entry->loaded - begun);
    entry->failures = 0;
    manager->loads++;
    entry_count(manager, entry, ROSTER_LOADS, 1);
    entry_count(manager, entry, ROSTER_LOAD_TIME, (uint64_t)(entry->loaded - begun));
    entry_set_state(manager, entry, MODEL_READY);
    pthread_mutex_unlock(&manager->lock);
    recorder_note(manager->options.recorder, EVENT_LOAD, entry->spec->id, (int64_t)entry->charged,
                  entry->loaded - begun);
    log_line(LOG_INFO, "model %s loaded in %.3f s after %.3f s of waiting, %.1f MB", entry->spec->id,
             entry->load_seconds, clock_seconds(begun - start), (double)entry->charged / 1e6);
    return 0;
}

/* Frees all that the entry has; returns the bytes that came back, as this thread counted them. */
static int64_t close_measured(struct entry *entry) {
    struct heap_span span;
    int64_t peak, kept;
    heap_begin(&span, false);
    for (int i = 0; i < entry->seat_count; i++) {
        if (entry->seats[i].runner) {
            entry->model.kind->runner_free(entry->seats[i].runner);
        }
    }
    model_close(&entry->model);
    heap_end(&span, &peak, &kept);
    malloc_trim(0);
    return -kept;
}

/* Credits what came back; where that is less than three quarters, the rest is a deficit and stays charged. */
static uint64_t verify(struct manager *manager, const struct entry *entry, uint64_t expected, int64_t freed) {
    const struct manager_options *options = &manager->options;
    uint64_t weights = entry->charged, kept = entry_charged(entry) - weights, all = weights + kept;
    bool enough = !heap_counts() || freed * 4 >= (int64_t)expected * 3;
    uint64_t missing = enough ? 0 : expected - (uint64_t)(freed > 0 ? freed : 0);
    missing = missing < all ? missing : all;
    uint64_t from_weights = missing < weights ? missing : weights;
    ledger_move(options->ledger, options->account, CHARGE_WEIGHTS, options->account, CHARGE_DEFICIT, from_weights, 0);
    ledger_move(options->ledger, options->account, CHARGE_KEPT, options->account, CHARGE_DEFICIT,
                missing - from_weights, 0);
    manager_credit_heap(manager, CHARGE_WEIGHTS, weights - from_weights, 0);
    manager_credit_heap(manager, CHARGE_KEPT, kept - (missing - from_weights), 0);
    manager->deficit += missing;
    if (missing > 0) {
        recorder_note(options->recorder, EVENT_DEFICIT, entry->spec->id, (int64_t)all, freed);
        log_line(LOG_INFO, "model %s gave back %.1f of %.1f MB", entry->spec->id, (double)freed / 1e6,
                 (double)expected / 1e6);
    }
    return all - missing;
}

uint64_t entry_unload(struct manager *manager, struct entry *entry) {
    pthread_mutex_lock(&manager->lock);
    entry_set_state(manager, entry, MODEL_UNLOADING);
    uint64_t expected = entry->charged;
    for (int i = 0; i < entry->seat_count; i++) {
        const struct seat *seat = &entry->seats[i];
        expected += seat->held > 0 ? (uint64_t)seat->held : 0;
    }
    pthread_mutex_unlock(&manager->lock);
    int64_t freed = close_measured(entry);
    pthread_mutex_lock(&manager->lock);
    entry_set_state(manager, entry, MODEL_VERIFYING);
    uint64_t charged = entry_charged(entry), credited = verify(manager, entry, expected, freed);
    entry->charged = 0;
    for (int i = 0; i < entry->seat_count; i++) {
        entry->seats[i] = (struct seat){0};
    }
    manager->unloads++;
    entry_count(manager, entry, ROSTER_UNLOADS, 1);
    entry_set_state(manager, entry, MODEL_ABSENT);
    pthread_mutex_unlock(&manager->lock);
    recorder_note(manager->options.recorder, EVENT_UNLOAD, entry->spec->id, (int64_t)charged, freed);
    log_line(LOG_INFO, "model %s unloaded, %.1f MB came back", entry->spec->id, (double)freed / 1e6);
    return credited;
}
