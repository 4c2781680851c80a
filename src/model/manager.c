#include "model/manager.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/blocks.h"
#include "model/entry.h"

#define MILLISECOND INT64_C(1000000)
enum { KEEPER_PERIOD = 100, REST = 500 /* milliseconds without a run after which slack goes back */ };

bool model_state_follows(enum model_state from, enum model_state to) {
    static const unsigned next_of[] = {
#define TO(symbol) | 1U << MODEL_##symbol
#define MODEL_STATE(symbol, word, next) 0 next,
#include "table/model_states.def"
#undef MODEL_STATE
#undef TO
    };
    return next_of[from] >> to & 1U;
}

static int64_t patience_of(const struct manager *manager, const struct entry *entry) {
    return entry->spec->idle > 0 ? entry->spec->idle * INT64_C(1000000000) : manager->options.idle;
}

void entry_note(const struct manager *manager, const struct entry *entry) {
    if (manager->options.roster) {
        const struct roster_state state = {.state = entry->state,
                                           .charged = entry_charged(entry),
                                           .users = (uint64_t)entry->users,
                                           .idle = patience_of(manager, entry),
                                           .loaded = entry->loaded,
                                           .used = entry->used,
                                           .load_duration = (uint64_t)(entry->load_seconds * 1e9)};
        roster_note(manager->options.roster, entry->place, &state);
    }
}

void entry_count(const struct manager *manager, const struct entry *entry, enum roster_count what, uint64_t more) {
    if (manager->options.roster) {
        roster_count(manager->options.roster, entry->place, what, more);
    }
}

void entry_set_state(struct manager *manager, struct entry *entry, enum model_state state) {
    if (!model_state_follows(entry->state, state)) {
#ifdef OCTAVO_CHECKS
        abort();
#endif
        manager->illegal++;
        log_line(LOG_ERROR, "model %s went from %s to %s", entry->spec->id, model_state_word(entry->state),
                 model_state_word(state));
    }
    entry->state = state;
    entry_note(manager, entry);
    pthread_cond_broadcast(&manager->changed);
}

uint64_t entry_charged(const struct entry *entry) {
    uint64_t sum = entry->charged;
    for (int i = 0; i < entry->seat_count; i++) {
        sum += entry->seats[i].charged;
    }
    return sum;
}

/* False once the deadline has passed. */
static bool wait_until(struct manager *manager, pthread_cond_t *condition, int64_t deadline) {
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    return pthread_cond_timedwait(condition, &manager->lock, &until) != ETIMEDOUT;
}

#define LOOK_AT_CANCEL INT64_C(100000000) /* nanoseconds: nobody signals what is cancelled */

static bool wait_changed(struct manager *manager, int64_t deadline) {
    return wait_until(manager, &manager->changed, deadline);
}

/* Room */

static bool is_idle(const struct entry *entry) { return entry->state == MODEL_READY && entry->users == 0; }

/* Seconds to bring back for each byte freed. */
static double price(const struct entry *entry) {
    return entry->load_seconds / (double)(entry_charged(entry) > 0 ? entry_charged(entry) : 1);
}

/* Whether a should rather go than b: prices within a tenth count as equal. */
static bool goes_before(const struct entry *a, const struct entry *b) {
    double left = price(a), right = price(b);
    bool equal = left > 0.9 * right && right > 0.9 * left;
    return equal ? a->used < b->used : left < right;
}

static struct entry *victim_locked(struct manager *manager, int64_t now) {
    struct entry *victim = NULL;
    for (int i = 0; i < ENTRY_COUNT; i++) {
        struct entry *entry = &manager->entry[i];
        if (entry->spec && is_idle(entry) && now - entry->loaded >= manager->options.residency &&
            (!victim || goes_before(entry, victim))) {
            victim = entry;
        }
    }
    return victim;
}

uint64_t manager_evict(struct manager *manager, uint64_t wanted) {
    pthread_mutex_lock(&manager->lock);
    struct entry *victim = victim_locked(manager, clock_now());
    if (victim) {
        entry_set_state(manager, victim, MODEL_DRAINING);
        manager->evictions++;
        entry_count(manager, victim, ROSTER_EVICTIONS, 1);
        recorder_note(manager->options.recorder, EVENT_EVICT, victim->spec->id, (int64_t)wanted,
                      (int64_t)entry_charged(victim));
    }
    pthread_mutex_unlock(&manager->lock);
    return victim ? entry_unload(manager, victim) : 0;
}

/* What the heap's large blocks may take, and less bytes when these are about to be credited. Bounding. */
static void bound_heap(struct manager *manager, uint64_t less) {
    const struct manager_options *options = &manager->options;
    uint64_t charged = ledger_held(options->ledger, options->account, CHARGE_COUNT) -
                       ledger_held(options->ledger, options->account, CHARGE_BASELINE);
    blocks_bound(charged > less ? charged - less : 0);
}

void manager_charged(struct manager *manager) {
    pthread_mutex_lock(&manager->bounding);
    bound_heap(manager, 0);
    pthread_mutex_unlock(&manager->bounding);
}

void manager_credit_heap(struct manager *manager, enum charge_kind kind, uint64_t bytes, uint32_t seats) {
    pthread_mutex_lock(&manager->bounding);
    bound_heap(manager, bytes);
    ledger_credit(manager->options.ledger, manager->options.account, kind, bytes, seats);
    pthread_mutex_unlock(&manager->bounding);
}

uint64_t manager_trim(struct manager *manager) {
    pthread_mutex_lock(&manager->lock);
    uint64_t bytes = manager->slack;
    manager->slack = 0;
    pthread_mutex_unlock(&manager->lock);
    malloc_trim(0); /* before others are told that they may have it */
    if (bytes > 0) {
        manager_credit_heap(manager, CHARGE_KEPT, bytes, 0);
    }
    return bytes;
}

/* One that has been idle for long enough at now; INT64_MAX: any that is idle. */
static struct entry *idle_at_locked(struct manager *manager, int64_t now) {
    for (int i = 0; i < ENTRY_COUNT; i++) {
        struct entry *entry = &manager->entry[i];
        if (entry->spec && is_idle(entry) && now - entry->used >= patience_of(manager, entry)) {
            return entry;
        }
    }
    return NULL;
}

static uint64_t unload_idle_at(struct manager *manager, int64_t now) {
    uint64_t credited = 0;
    for (;;) {
        pthread_mutex_lock(&manager->lock);
        struct entry *entry = idle_at_locked(manager, now);
        if (entry) {
            entry_set_state(manager, entry, MODEL_DRAINING);
        }
        pthread_mutex_unlock(&manager->lock);
        if (!entry) {
            return credited;
        }
        credited += entry_unload(manager, entry);
    }
}

uint64_t manager_unload_idle(struct manager *manager) {
    uint64_t credited = unload_idle_at(manager, INT64_MAX);
    return credited + manager_trim(manager);
}

int manager_charge(struct manager *manager, enum charge_kind kind, uint64_t bytes, int priority, int64_t deadline,
                   const atomic_bool *cancel) {
    struct ledger_request request = {.kind = kind,
                                     .class = LEDGER_IN_HAND,
                                     .bytes = bytes,
                                     .priority = priority,
                                     .deadline = deadline,
                                     .cancel = cancel};
    manager_make_room(manager, bytes);
    int result = ledger_charge(manager->options.ledger, manager->options.account, &request);
    manager_charged(manager);
    return result;
}

void manager_credit(struct manager *manager, enum charge_kind kind, uint64_t bytes) {
    if (bytes > 0) {
        manager_credit_heap(manager, kind, bytes, 0);
    }
}

/* The keeper: what must happen while nobody calls */

static bool rests_locked(const struct manager *manager, int64_t now) {
    return manager->slack > 0 && manager->runs == 0 && now - manager->last_run >= REST * MILLISECOND;
}

static bool is_empty(struct manager *manager) {
    bool empty = true;
    pthread_mutex_lock(&manager->lock);
    for (int i = 0; i < ENTRY_COUNT && empty; i++) {
        enum model_state state = manager->entry[i].state;
        empty = state == MODEL_ABSENT || state == MODEL_FAILED;
    }
    pthread_mutex_unlock(&manager->lock);
    return empty;
}

static void keep_house(struct manager *manager) {
    struct ledger_state state;
    int64_t now = clock_now();
    ledger_read(manager->options.ledger, &state);
    pthread_mutex_lock(&manager->lock);
    bool trims = manager->slack > 0 && (state.lacking > 0 || rests_locked(manager, now));
    pthread_mutex_unlock(&manager->lock);
    if (trims) {
        manager_trim(manager);
    } else if (state.lacking > 0) {
        manager_evict(manager, state.lacking);
    }
    if (unload_idle_at(manager, now) > 0 && manager->options.emptied && is_empty(manager)) {
        manager->options.emptied(manager->options.emptied_context);
    }
}

static void *keeper_main(void *context) {
    struct manager *manager = context;
    heap_own_thread();
    pthread_mutex_lock(&manager->lock);
    while (!manager->stopping) {
        int64_t next = clock_now() + KEEPER_PERIOD * MILLISECOND;
        while (!manager->stopping && wait_until(manager, &manager->stop, next)) {
        }
        pthread_mutex_unlock(&manager->lock);
        keep_house(manager);
        pthread_mutex_lock(&manager->lock);
    }
    pthread_mutex_unlock(&manager->lock);
    return NULL;
}

/* Begin and end */

int manager_new(const struct manager_options *options, struct manager **ret) {
    struct manager *manager = alloc(1, sizeof(*manager));
    manager->options = *options;
    pthread_mutex_init(&manager->lock, NULL);
    pthread_mutex_init(&manager->bounding, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&manager->changed, &attributes);
    pthread_cond_init(&manager->stop, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = pthread_create(&manager->keeper, NULL, keeper_main, manager);
    manager->keeper_started = error == 0;
    if (error != 0) {
        models_teardown(&manager);
        return fail(ERR_INTERNAL, "starting a thread: %s", strerror(error));
    }
    *ret = manager;
    return 0;
}

static void set_text(char to[ROSTER_TEXT], const char *text) {
    memcpy(to, text ? text : "", strnlen(text ? text : "", ROSTER_TEXT - 1));
}

void entry_enlist(const struct manager *manager, struct entry *entry) {
    struct roster_name name = {.instance = manager->options.instance, .device = "cpu"};
    entry->place = -1;
    if (manager->options.roster) {
        set_text(name.id, entry->spec->id);
        set_text(name.role, role_word(entry->spec->role));
        set_text(name.version, entry->spec->version);
        set_text(name.engine, entry->kind->name);
        entry->place = roster_add(manager->options.roster, &name);
    }
}

void manager_add(struct manager *manager, const struct model_spec *spec, int runners) {
    manager_add_on(manager, spec, runners, manager->options.kind, manager->options.engine);
}

void manager_add_on(struct manager *manager, const struct model_spec *spec, int runners, const struct engine_kind *kind,
                    struct engine *engine) {
    struct entry *entry = &manager->entry[spec->role];
    entry += entry->spec && entry->kind != kind ? ROLE_COUNT : 0;
    pthread_mutex_lock(&manager->lock);
    free(entry->seats);
    entry->spec = spec;
    entry->kind = kind;
    entry->engine = engine;
    entry->seats = alloc((size_t)runners, sizeof(*entry->seats));
    entry->seat_count = runners;
    entry->place = -1;
    if (entry == &manager->entry[spec->role]) { /* the others are told of when they are used */
        entry_enlist(manager, entry);
    }
    entry_note(manager, entry);
    pthread_mutex_unlock(&manager->lock);
}

void models_teardown(struct manager **manager) {
    struct manager *gone = *manager;
    if (!gone) {
        return;
    }
    *manager = NULL;
    pthread_mutex_lock(&gone->lock);
    gone->stopping = true;
    pthread_cond_broadcast(&gone->stop);
    pthread_mutex_unlock(&gone->lock);
    if (gone->keeper_started) {
        pthread_join(gone->keeper, NULL);
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        uint64_t bytes;
        model_unload(gone, (enum role)role, INT64_MAX, &bytes);
    }
    for (int i = 0; i < ENTRY_COUNT; i++) {
        free(gone->entry[i].seats);
        free(gone->entry[i].detail);
    }
    manager_trim(gone);
    pthread_cond_destroy(&gone->changed);
    pthread_cond_destroy(&gone->stop);
    pthread_mutex_destroy(&gone->lock);
    pthread_mutex_destroy(&gone->bounding);
    free(gone);
}

/* Use */

const struct model_spec *manager_spec(const struct manager *manager, enum role role) {
    return manager->entry[role].spec; /* constant after manager_add() */
}

enum role manager_role(const struct manager *manager, const char *id) {
    int role = 0;
    while (role < ROLE_COUNT && !(manager->entry[role].spec && strcmp(manager->entry[role].spec->id, id) == 0)) {
        role++;
    }
    return (enum role)role;
}

static int failed_before(const struct entry *entry, int64_t now) {
    return fail(entry->error, "%s (not tried again for %.0f s)", entry->detail,
                clock_seconds(entry->retry - now) + 0.5);
}

static struct entry *find_entry(struct manager *manager, enum role role, const struct engine_kind *kind) {
    struct entry *usual = &manager->entry[role], *other = usual + ROLE_COUNT;
    return kind && other->spec && other->kind == kind ? other : usual;
}

int model_acquire(struct manager *manager, enum role role, int64_t deadline, const atomic_bool *cancel,
                  struct model_handle *ret) {
    return model_acquire_on(manager, role, NULL, deadline, cancel, ret);
}

int model_acquire_on(struct manager *manager, enum role role, const struct engine_kind *kind, int64_t deadline,
                     const atomic_bool *cancel, struct model_handle *ret) {
    struct entry *entry = find_entry(manager, role, kind);
    if (!entry->spec) {
        return fail(ERR_NO_MODEL, "no model of role %s is installed", role_word(role));
    }
    int result = 0;
    pthread_mutex_lock(&manager->lock);
    while (result == 0 && entry->state != MODEL_READY) {
        int64_t now = clock_now(), look = now + LOOK_AT_CANCEL;
        if (cancel && atomic_load(cancel)) {
            result = fail(ERR_INTERRUPTED, "waiting for model %s", entry->spec->id);
        } else if (entry->state == MODEL_FAILED && now < entry->retry) {
            result = failed_before(entry, now);
        } else if (entry->state == MODEL_ABSENT || entry->state == MODEL_FAILED) {
            entry_set_state(manager, entry, MODEL_RESERVED);
            pthread_mutex_unlock(&manager->lock);
            result = entry_load(manager, entry, deadline, cancel);
            pthread_mutex_lock(&manager->lock);
        } else if (!wait_changed(manager, look < deadline ? look : deadline) && look >= deadline) {
            result = fail(ERR_TIMEOUT, "model %s is still %s", entry->spec->id, model_state_word(entry->state));
        }
    }
    if (result == 0) {
        entry->users++;
        entry_note(manager, entry);
        *ret = (struct model_handle){.manager = manager, .entry = entry};
    }
    pthread_mutex_unlock(&manager->lock);
    return result;
}

void model_release(struct model_handle *handle) {
    if (!handle->entry) {
        return;
    }
    pthread_mutex_lock(&handle->manager->lock);
    handle->entry->users--;
    handle->entry->used = handle->unnoticed ? handle->entry->used : clock_now();
    entry_note(handle->manager, handle->entry);
    if (handle->entry->users == 0) {
        pthread_cond_broadcast(&handle->manager->changed);
    }
    pthread_mutex_unlock(&handle->manager->lock);
    *handle = (struct model_handle){0};
}

const struct model *model_of(const struct model_handle *handle) { return &handle->entry->model; }

int model_load(struct manager *manager, enum role role, int64_t deadline) {
    struct model_handle handle = {0};
    int result = model_acquire(manager, role, deadline, NULL, &handle);
    model_release(&handle);
    return result;
}

/* Lets no new user in and waits for the present ones; *ret: whether there is something to unload now. */
static int drain_locked(struct manager *manager, struct entry *entry, int64_t deadline, bool *ret) {
    bool in_time = true, drained = false, ours = false;
    while (in_time && !drained && entry->state != MODEL_ABSENT && entry->state != MODEL_FAILED) {
        if (entry->state == MODEL_READY) {
            entry_set_state(manager, entry, MODEL_DRAINING);
            ours = true;
            while (in_time && entry->users > 0) {
                in_time = wait_changed(manager, deadline);
            }
            drained = in_time;
        } else {
            in_time = wait_changed(manager, deadline);
        }
    }
    if (!in_time) {
        if (ours) { /* else another waits on */
            entry_set_state(manager, entry, MODEL_READY);
        }
        return fail(ERR_TIMEOUT, "model %s is in use", entry->spec->id);
    }
    *ret = drained;
    return 0;
}

static int unload(struct manager *manager, struct entry *entry, int64_t deadline, uint64_t *sum) {
    bool drained = false;
    pthread_mutex_lock(&manager->lock);
    int result = entry->spec ? drain_locked(manager, entry, deadline, &drained) : 0;
    pthread_mutex_unlock(&manager->lock);
    *sum += drained ? entry_unload(manager, entry) : 0;
    return result;
}

int model_unload(struct manager *manager, enum role role, int64_t deadline, uint64_t *ret) {
    uint64_t sum = 0;
    int result = unload(manager, &manager->entry[role], deadline, &sum);
    result = result ? result : unload(manager, &manager->entry[ROLE_COUNT + role], deadline, &sum);
    if (result == 0) {
        *ret = sum;
    }
    return result;
}

void manager_read(struct manager *manager, struct manager_state *ret) {
    pthread_mutex_lock(&manager->lock);
    *ret = (struct manager_state){.runs = manager->runs,
                                  .slack = manager->slack,
                                  .deficit = manager->deficit,
                                  .loads = manager->loads,
                                  .unloads = manager->unloads,
                                  .evictions = manager->evictions,
                                  .failures = manager->failures,
                                  .illegal = manager->illegal};
    for (int role = 0; role < ROLE_COUNT; role++) {
        const struct entry *entry = &manager->entry[role];
        ret->state[role] = entry->state;
        ret->charged[role] = entry_charged(entry);
        ret->users[role] = entry->users;
    }
    for (int at = 0; at < ENTRY_COUNT; at++) {
        const struct entry *entry = &manager->entry[at];
        ret->handles += entry->users;
        ret->held += entry->charged;
        for (int i = 0; i < entry->seat_count; i++) {
            ret->held += entry->seats[i].held > 0 ? (uint64_t)entry->seats[i].held : 0;
        }
    }
    pthread_mutex_unlock(&manager->lock);
}
