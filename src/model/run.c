#include "model/run.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/entry.h"

/* What a run is about to take. */
struct demand {
    bool further;       /* on another runner than the first, as it looks before the wait */
    uint64_t elements;  /* that the prediction is for */
    uint64_t predicted; /* peak, with what the seat keeps already */
    uint64_t instance;  /* of extra: for the runner that is made first, if it has weights of its own */
    uint64_t extra;     /* beyond what is charged for the seat */
    uint64_t slack;     /* of it from the manager's slack */
    bool alone;
};

static uint64_t elements_of(const struct run_wish *wish) {
    uint64_t count = 1;
    for (int i = 0; i < TENSOR_RANK; i++) {
        count *= (uint64_t)wish->shape[i];
    }
    return count;
}

/*
 * What a seat's first run makes beside: an instance as large as that which the load has made, which is whose comes
 * first.
 */
static uint64_t instance_for(struct manager *manager, struct entry *entry, const struct seat *seat) {
    uint64_t bytes = 0;
    if (entry->kind->exclusive && !seat->runner) {
        pthread_mutex_lock(&manager->lock);
        bytes = entry->first_taken ? entry->charged : 0;
        entry->first_taken = true;
        pthread_mutex_unlock(&manager->lock);
    }
    return bytes;
}

/* Whether what a model's runners share is there already, made by another than the seat's. */
static bool is_further(struct manager *manager, const struct entry *entry, const struct seat *seat) {
    if (seat->runner) {
        return seat->further;
    }
    pthread_mutex_lock(&manager->lock);
    bool further = entry->kind->keeps && entry->has_run;
    pthread_mutex_unlock(&manager->lock);
    return further;
}

static uint64_t beyond(const struct entry *entry, const struct seat *seat, uint64_t predicted) {
    uint64_t covered = entry->kind->keeps ? seat->charged : 0;
    return predicted > covered ? predicted - covered : 0;
}

static struct demand demand_of(struct manager *manager, struct entry *entry, const struct seat *seat,
                               const struct run_wish *wish) {
    const struct manager_options *options = &manager->options;
    struct demand demand = {.further = is_further(manager, entry, seat),
                            .elements = elements_of(wish),
                            .instance = instance_for(manager, entry, seat)};
    bool larger = (double)demand.elements > 1.25 * (double)seat->largest;
    if (entry->kind->keeps && demand.elements < seat->largest) {
        demand.elements = seat->largest;
    }
    demand.predicted = run_predict(options->predictor, entry->spec, entry->kind, demand.further, demand.elements);
    demand.extra = beyond(entry, seat, demand.predicted) + demand.instance;
    if (!entry->kind->runs_in_caller && heap_counts()) {
        char *key cleanup(drop_memory) = entry_key(entry->spec, entry->kind, entry_run(demand.further));
        demand.alone = larger || predict_samples(options->predictor, key) < PREDICT_ENOUGH;
    }
    return demand;
}

/*
 * Bytes that an earlier run left in the heap, where they are enough: their charge changes hands. All or nothing: two
 * runs that hold a part each would wait for each other.
 */
static void take_slack(struct manager *manager, struct demand *demand) {
    pthread_mutex_lock(&manager->lock);
    demand->slack = manager->slack >= demand->extra ? demand->extra : 0;
    manager->slack -= demand->slack;
    pthread_mutex_unlock(&manager->lock);
}

static void give_slack(struct manager *manager, uint64_t bytes) {
    pthread_mutex_lock(&manager->lock);
    manager->slack += bytes;
    pthread_mutex_unlock(&manager->lock);
}

/* The instance that the load has made was not taken after all. */
static void leave_instance(struct manager *manager, struct entry *entry, const struct seat *seat,
                           const struct demand *demand) {
    if (entry->kind->exclusive && !seat->runner && demand->instance == 0) {
        pthread_mutex_lock(&manager->lock);
        entry->first_taken = false;
        pthread_mutex_unlock(&manager->lock);
    }
}

static int charge(struct manager *manager, const struct run_wish *wish, struct demand *demand) {
    const struct manager_options *options = &manager->options;
    take_slack(manager, demand);
    struct ledger_request request = {.kind = CHARGE_RUN,
                                     .class = LEDGER_IN_HAND,
                                     .bytes = demand->extra - demand->slack,
                                     .seats = demand->alone ? LEDGER_ALL_SEATS : 1,
                                     .priority = wish->priority,
                                     .deadline = wish->deadline,
                                     .cancel = wish->cancel};
    if (request.bytes > 0) {
        manager_make_room(manager, request.bytes);
    }
    int result = ledger_charge(options->ledger, options->account, &request);
    if (result != 0) {
        give_slack(manager, demand->slack);
        return result;
    }
    manager_charged(manager);
    ledger_move(options->ledger, options->account, CHARGE_KEPT, options->account, CHARGE_RUN, demand->slack, 0);
    pthread_mutex_lock(&manager->lock);
    manager->runs++;
    pthread_mutex_unlock(&manager->lock);
    return 0;
}

/* Where the first run was another's while this one waited, it takes less: the rest goes to the slack. */
static void ease(struct manager *manager, const struct entry *entry, struct seat *seat, struct demand *demand) {
    const struct manager_options *options = &manager->options;
    seat->further = is_further(manager, entry, seat);
    if (seat->further == demand->further) {
        return;
    }
    uint64_t predicted = run_predict(options->predictor, entry->spec, entry->kind, seat->further, demand->elements);
    uint64_t extra = beyond(entry, seat, predicted) + demand->instance;
    if (extra < demand->extra) {
        uint64_t less = demand->extra - extra;
        ledger_move(options->ledger, options->account, CHARGE_RUN, options->account, CHARGE_KEPT, less, 0);
        give_slack(manager, less);
        demand->extra = extra;
        demand->predicted = predicted;
    }
}

static int compute(const struct engine_kind *kind, struct runner *runner, const struct run_wish *wish,
                   struct outputs *ret) {
    void *input cleanup(drop_memory) = NULL;
    int result = try_alloc(elements_of(wish), sizeof(float), &input);
    if (result != 0) {
        return result;
    }
    wish->fill(wish->context, input);
    struct input inputs[ENGINE_INPUTS] = {{.name = "image", .tensor = {.data = input, .rank = TENSOR_RANK}}};
    memcpy(inputs[0].tensor.shape, wish->shape, sizeof(wish->shape));
    for (int i = 0; i < wish->beside_count; i++) {
        inputs[i + 1] = wish->beside[i];
    }
    return kind->run(runner, inputs, 1 + wish->beside_count, ret);
}

static int run_on(const struct entry *entry, struct seat *seat, const struct run_wish *wish, struct model_run *ret) {
    const struct engine_kind *kind = entry->model.kind;
    int result = seat->runner ? 0 : kind->runner_new(entry->model.network, &seat->runner);
    if (result != 0) {
        return result;
    }
    if (!kind->read) {
        return compute(kind, seat->runner, wish, &ret->output);
    }
    return entry->spec->role == ROLE_ORIENT
               ? kind->orient(seat->runner, wish->picture, wish->dpi, &ret->orientation)
               : kind->read(seat->runner, wish->picture, wish->dpi, wish->cancel, &ret->lines, &ret->line_count);
}

static int make_instance(const struct entry *entry, struct seat *seat) {
    struct heap_span span;
    int64_t peak, kept;
    heap_begin(&span, false);
    int result = entry->kind->runner_new(entry->model.network, &seat->runner);
    heap_end(&span, &peak, &kept);
    seat->held += kept;
    return result;
}

static int run_measured(const struct entry *entry, struct seat *seat, const struct run_wish *wish, bool alone,
                        struct model_run *ret, int64_t *ret_peak, int64_t *ret_kept) {
    struct heap_span span;
    heap_begin(&span, alone);
    int result = run_on(entry, seat, wish, ret);
    heap_end(&span, ret_peak, ret_kept);
    return result;
}

static void learn(struct manager *manager, const struct entry *entry, struct seat *seat, const struct demand *demand,
                  int64_t peak, int64_t kept) {
    const struct manager_options *options = &manager->options;
    bool keeps = entry->kind->keeps;
    int64_t actual = peak + (keeps ? seat->held : 0);
    if (!heap_counts() || (!entry->kind->runs_in_caller && !demand->alone)) {
        return;
    }
    char *key cleanup(drop_memory) = entry_key(entry->spec, entry->kind, entry_run(seat->further));
    uint64_t took = actual > 0 ? (uint64_t)actual : 0;
    predict_learn(options->predictor, key, demand->elements, took, demand->predicted);
    quality_count(recorder_quality(options->recorder), took, demand->predicted);
    recorder_note(options->recorder, took > demand->predicted ? EVENT_UNDER : EVENT_RUN, entry->spec->id,
                  (int64_t)demand->predicted, (int64_t)took);
    if (keeps) {
        seat->held += kept;
    }
}

/* What a seat is charged between runs: as predicted now, which may be less than before, where its runs keep memory. */
static uint64_t due_between(const struct manager *manager, const struct entry *entry, const struct seat *seat,
                            uint64_t instance) {
    if (!entry->kind->keeps) {
        return seat->charged + instance;
    }
    uint64_t predicted =
        run_predict(manager->options.predictor, entry->spec, entry->kind, seat->further, seat->largest);
    uint64_t held = seat->held > 0 ? (uint64_t)seat->held : 0;
    return predicted > held ? predicted : held;
}

/* After a run the seats are given back; its bytes stay charged: to the seat, or as slack for the next run. */
static void settle(struct manager *manager, struct entry *entry, struct model_run *run) {
    const struct manager_options *options = &manager->options;
    struct seat *seat = &entry->seats[run->seat];
    uint64_t due = due_between(manager, entry, seat, run->instance), sum = seat->charged + run->charged;
    ledger_move(options->ledger, options->account, CHARGE_RUN, options->account, CHARGE_KEPT, run->charged,
                run->alone ? LEDGER_ALL_SEATS : 1);
    pthread_mutex_lock(&manager->lock);
    seat->charged = due < sum ? due : sum;
    manager->slack += sum - seat->charged;
    manager->runs--;
    manager->last_run = clock_now();
    pthread_mutex_unlock(&manager->lock);
}

int run_begin(struct model_handle *handle, const struct run_wish *wish, struct model_run *ret) {
    struct manager *manager = handle->manager;
    struct entry *entry = handle->entry;
    struct seat *seat = &entry->seats[wish->seat];
    struct demand demand = demand_of(manager, entry, seat, wish);
    int64_t start = clock_now(), peak, kept;
    int result = charge(manager, wish, &demand);
    int64_t waited = clock_now() - start;
    if (waited > 10000000) {
        recorder_note(manager->options.recorder, EVENT_WAIT, entry->spec->id, (int64_t)demand.extra, waited);
    }
    if (result != 0) {
        leave_instance(manager, entry, seat, &demand);
        return fail(result, "model %s: %s", entry->spec->id, error_detail());
    }
    ease(manager, entry, seat, &demand);
    struct model_run run = {
        .handle = *handle, .seat = wish->seat, .charged = demand.extra, .alone = demand.alone, .open = true};
    if (entry->kind->exclusive && !seat->runner) {
        result = make_instance(entry, seat);
        run.instance = result == 0 ? demand.instance : 0;
    }
    seat->largest = demand.elements > seat->largest ? demand.elements : seat->largest; /* kept even if it fails */
    result = result ? result : run_measured(entry, seat, wish, demand.alone, &run, &peak, &kept);
    if (result != 0) {
        settle(manager, entry, &run);
        return fail(result, "model %s: %s", entry->spec->id, error_detail());
    }
    learn(manager, entry, seat, &demand, peak, kept);
    pthread_mutex_lock(&manager->lock);
    entry->has_run = true;
    pthread_mutex_unlock(&manager->lock);
    *ret = run;
    return 0;
}

void run_end(struct model_run *run) {
    if (run->open) {
        struct entry *entry = run->handle.entry;
        entry->model.kind->output_free(entry->seats[run->seat].runner);
        settle(run->handle.manager, entry, run);
        *run = (struct model_run){0};
    }
}
