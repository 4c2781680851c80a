#include "worker/setup.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/blocks.h"
#include "engine/heap.h"
#include "memory/tree.h"
#include "pipeline/reading.h"
#include "worker/calibrate.h"
#include "worker/languages.h"
#include "worker/models.h"

#define PREDICTIONS "predictions.json"
#define LOAD_PATIENCE INT64_C(60000000000) /* nanoseconds to wait for memory at the start */
#define MOST_DRIFT 32000000                /* bytes; half of what ledger and kernel may be apart by */

/* Loading one model in a thread of its own; the detail of a failure is that thread's, so it is carried over. */
struct load {
    struct manager *manager;
    enum role role;
    pthread_t thread;
    bool started;
    int result;
    char *detail;
};

static void *load_one(void *context) {
    struct load *load = context;
    heap_own_thread();
    load->result = model_load(load->manager, load->role, clock_now() + LOAD_PATIENCE);
    if (load->result != 0) {
        load->detail = copy_string(error_detail());
    }
    return NULL;
}

/* Waits for all; the first failure counts. */
static int join_loads(struct load *loads, size_t count) {
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        if (loads[i].started) {
            pthread_join(loads[i].thread, NULL);
        }
        if (loads[i].result != 0 && result == 0) {
            result = fail(loads[i].result, "%s", loads[i].detail);
        }
        drop_memory(&loads[i].detail);
    }
    return result;
}

/* Few pages have what it reads: it is loaded with the first. */
static bool is_rare(enum role role) {
    return role == ROLE_TABLE || role == ROLE_TABLE_RULED || role == ROLE_TABLE_CLASS || role == ROLE_CELLS ||
           role == ROLE_CELLS_OPEN || role == ROLE_FORMULA || role == ROLE_SEAL;
}

/* Side by side: compiling takes most of the start-up time and one core each. */
static int load_models(struct setup *setup) {
    struct load loads[ROLE_COUNT] = {0};
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct load *load = &loads[role];
        *load = (struct load){.manager = setup->manager, .role = (enum role)role};
        if (setup->planner.specs[role] && !is_rare((enum role)role)) {
            load->started = pthread_create(&load->thread, NULL, load_one, load) == 0;
            if (!load->started) {
                load_one(load);
            }
        }
    }
    return join_loads(loads, ROLE_COUNT);
}

static bool is_for(enum role role, bool whole) {
    bool lines = role == ROLE_DETECT || role == ROLE_CLASSIFY || role == ROLE_RECOGNISE;
    return whole ? !lines : role != ROLE_READ;
}

unsigned setup_without(const struct setup *setup, const struct switches *switches, const struct engine_kind *kind) {
    bool whole = (kind ? kind : setup->kind)->read != NULL;
    unsigned roles = 0, off = switches_off(switches);
    for (int i = 0; i < SWITCH_COUNT; i++) {
        roles |= off & 1U << i ? models_of_stage((enum stage_switch)i) : 0;
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        roles |= is_for((enum role)role, whole) ? 0 : 1U << role;
    }
    return roles;
}

int setup_open_beside(struct setup *setup, const struct engine_kind *kind) {
    struct engine *engine;
    char *folder cleanup(drop_memory) = places_engine(&setup->places, kind->name);
    int result = kind->open(folder, &engine);
    if (result == 0) {
        atomic_store(kind->read ? &setup->third : &setup->second, engine);
    }
    return result;
}

/*
 * glibc moves its thresholds with what it sees; here they are fixed, since its part of the heap is that of the small
 * blocks, and there is one arena, since each would keep what was freed in it.
 */
static void pin_malloc(void) {
    mallopt(M_MMAP_THRESHOLD, BLOCKS_LEAST);
    mallopt(M_TRIM_THRESHOLD, 2 * BLOCKS_LEAST);
    mallopt(M_ARENA_MAX, 1);
}

/* The engines that may be taken: the one that is named; or the better one here, then the leaner one. */
static int choose_engines(const struct wish *wish, struct setup *setup) {
    struct planner *planner = &setup->planner;
    if (strcmp(wish->engine, "auto") != 0) {
        planner->kinds[0] = engine_kind_find(wish->engine);
        planner->kind_count = 1;
        return planner->kinds[0] ? 0 : fail(ERR_USAGE, "no engine is called %s", wish->engine);
    }
    int result = calibrate_choose(&setup->places, planner->specs[ROLE_RECOGNISE], wish->bytes, &planner->kinds[0],
                                  &planner->prices[0], &planner->prices[1]);
    planner->kind_count = 1;
    if (result == 0 && planner->kinds[0] != &engine_onnxruntime) {
        planner->kinds[planner->kind_count++] = &engine_onnxruntime;
    }
    return result;
}

/* A worker that was started without a front process keeps books of its own. */
static int open_books(struct setup *setup, const struct wish *wish) {
    int result = 0;
    if (!setup->ledger) {
        result = ledger_create("cpu", wish->bytes, (uint32_t)wish->threads, &setup->ledger);
        result = result ? result : ledger_open_account(setup->ledger, "worker", getpid(), &setup->account);
    }
    if (result == 0 && !setup->recorder) {
        result = recorder_create(&setup->recorder);
    }
    setup->predictor = predictor_new();
    return result;
}

static char *predictions_path(const struct setup *setup) {
    return setup->places.state ? format("%s/%s", setup->places.state, PREDICTIONS) : NULL;
}

static void load_predictions(struct setup *setup) {
    char *path cleanup(drop_memory) = predictions_path(setup);
    const struct model_spec *recogniser = setup->planner.specs[ROLE_RECOGNISE];
    if (!recogniser) { /* what all engines have learned is kept together */
        (void)catalog_choose(&setup->catalog, ROLE_RECOGNISE, NULL, setup->places.models, &recogniser);
    }
    setup->stamp = calibrate_stamp(&setup->places, recogniser);
    if (path) {
        (void)predict_load(setup->predictor, path, setup->stamp); /* without them the priors count */
    }
}

void setup_save(const struct setup *setup) {
    char *path cleanup(drop_memory) = predictions_path(setup);
    if (path && setup->stamp) {
        (void)predict_save(setup->predictor, path, setup->stamp); /* a later start learns again */
    }
}

static uint64_t less(uint64_t bytes, uint64_t part) { return bytes > part ? bytes - part : 0; }

/*
 * What was allocated since the engine was opened, and the blocks that are kept for the next run, are its models' and
 * charged as such, whether or not each run was measured by itself. Where nothing is counted it is what the manager has
 * measured.
 */
struct baseline setup_measure_baseline(struct setup *setup) {
    struct tree_memory memory;
    struct manager_state state;
    manager_trim(setup->manager);
    manager_read(setup->manager, &state);
    if (tree_read(getpid(), &memory) != 0) {
        return (struct baseline){0};
    }
    uint64_t used, kept;
    blocks_read(&used, &kept);
    int64_t grown = heap_live() - setup->heap + (int64_t)kept;
    uint64_t models = heap_counts() && grown > 0 ? (uint64_t)grown : state.held;
    uint64_t charged = ledger_held(setup->ledger, setup->account, CHARGE_COUNT) -
                       ledger_held(setup->ledger, setup->account, CHARGE_BASELINE);
    uint64_t rest = less(memory.pss, models); /* too little by what models have allocated and never touched */
    return (struct baseline){.bytes = rest > setup->opened ? rest : setup->opened,
                             .uncharged = less(memory.pss, charged)};
}

uint64_t setup_left(const struct setup *setup) {
    struct tree_memory memory;
    return tree_read(getpid(), &memory) == 0 ? less(memory.pss, setup->opened) : 0;
}

/* What is held for the next run is left out on both sides: it comes and goes with its charge. */
static int64_t resident_beside(const struct setup *setup) {
    struct manager_state state;
    uint64_t resident = 0, used, kept;
    manager_read(setup->manager, &state);
    blocks_read(&used, &kept);
    (void)tree_resident(getpid(), &resident);
    uint64_t charged = ledger_held(setup->ledger, setup->account, CHARGE_COUNT);
    return (int64_t)less(resident, kept) - (int64_t)less(charged, state.slack);
}

bool setup_has_drifted(const struct setup *setup) {
    int64_t drift = resident_beside(setup) - atomic_load(&setup->beside);
    return drift > MOST_DRIFT || drift < -MOST_DRIFT;
}

static void note_baseline(struct setup *setup, uint64_t bytes) {
    ledger_note(setup->ledger, setup->account, CHARGE_BASELINE, bytes);
    atomic_store(&setup->beside, resident_beside(setup));
}

void setup_note_baseline(struct setup *setup, const struct baseline *baseline) {
    note_baseline(setup, baseline->bytes > baseline->uncharged ? baseline->bytes : baseline->uncharged);
    if (!setup->third) { /* later starts have not opened it either */
        planner_learn_baseline(setup->predictor, setup->kind, setup->second != NULL, baseline->bytes);
    }
}

/* Code that was not run yet is not in memory yet, but will be. */
static void expect_baseline(struct setup *setup) {
    struct tree_memory memory = {0};
    uint64_t expected = planner_baseline(setup->predictor, setup->kind, setup->second != NULL);
    (void)tree_read(getpid(), &memory);
    setup->opened = memory.pss;
    note_baseline(setup, memory.pss > expected ? memory.pss : expected);
}

static int open_engine(struct setup *setup) {
    setup->kind = setup->planned.kind;
    for (size_t i = 0; engine_kinds[i]; i++) {
        bool fits = !setup->kind->read || engine_kinds[i] == &engine_onnxruntime;
        if (fits && engine_kinds[i] != setup->kind && places_has_engine(&setup->places, engine_kinds[i]->name)) {
            setup->second_kind = engine_kinds[i];
        }
    }
    pin_malloc();
    char *folder cleanup(drop_memory) = places_engine(&setup->places, setup->kind->name);
    blocks_keep(setup->kind->spare);
    return setup->kind->open(folder, &setup->engine);
}

/* The models that need ONNX Runtime are left out where it is not installed and need not be. */
static int open_for_models(struct setup *setup, const struct wish *wish) {
    const struct engine_kind *needed = &engine_onnxruntime;
    int result = !planner_second(setup->specs, setup->kind)          ? 0
                 : planner_second(setup->planner.specs, setup->kind) ? setup_open_beside(setup, needed)
                 : setup->second_kind == needed                      ? 0
                                                : fail(ERR_NO_ENGINE, "%s is not installed", needed->name);
    setup->second_kind = atomic_load(&setup->second) ? needed : setup->second_kind;
    for (int role = 0; role < ROLE_COUNT && result != 0; role++) {
        enum stage_switch stage = models_stage((enum role)role);
        if (planner_kind(setup->specs[role], setup->kind) != needed || needed == setup->kind) {
            continue;
        }
        if (strcmp(wish->switches.to[stage], "on") == 0) {
            return result;
        }
        models_note_missing(setup, stage);
        setup->specs[role] = setup->planner.specs[role] = NULL;
    }
    return 0;
}

/* What the process holds more when the engine is open. */
static uint64_t growth_of(const struct setup *setup, const struct engine_kind *kind) {
    if (kind->read) {
        return PLANNER_LIBRARY;
    }
    uint64_t held = ledger_held(setup->ledger, setup->account, CHARGE_BASELINE);
    return less(planner_baseline(setup->predictor, kind, true), held);
}

/* Called by the manager when the first model on an engine is loaded that is not open: it is charged before. */
static int open_later(void *context, const struct engine_kind *kind, int64_t deadline, const atomic_bool *cancel,
                      struct engine **ret) {
    struct setup *setup = context;
    _Atomic(struct engine *) *engine = kind->read ? &setup->third : &setup->second;
    int result = 0;
    pthread_mutex_lock(&setup->opening);
    if (!atomic_load(engine)) {
        uint64_t more = growth_of(setup, kind);
        result = manager_charge(setup->manager, CHARGE_BASELINE, more, 0, deadline, cancel);
        if (result == 0) {
            result = setup_open_beside(setup, kind);
            manager_credit(setup->manager, CHARGE_BASELINE, result != 0 ? more : 0);
        }
    }
    *ret = atomic_load(engine);
    pthread_mutex_unlock(&setup->opening);
    return result;
}

/* Each model on its usual engine, and on the other one where a page may ask for that. */
static void add_models(struct setup *setup, const struct wish *wish) {
    for (int role = 0; role < ROLE_COUNT; role++) {
        const struct model_spec *spec = setup->specs[role];
        int runners = role_reads_lines((enum role)role) ? wish->threads : 1;
        const struct engine_kind *usual = planner_kind(spec, setup->kind);
        if (!spec) {
            continue;
        }
        if (usual == setup->kind) {
            manager_add(setup->manager, spec, runners);
        }
        if (usual != setup->kind && usual->read) {
            manager_add_on(setup->manager, spec, runners, usual, NULL);
        }
        bool on_both = !spec->only_onnxruntime && !setup->kind->read && !usual->read;
        if (setup->second_kind && (usual == setup->second_kind || on_both)) {
            manager_add_on(setup->manager, spec, runners, setup->second_kind, atomic_load(&setup->second));
        }
    }
}

static int open_manager(struct setup *setup, const struct wish *wish) {
    const struct manager_options options = {.models = setup->places.models,
                                            .cache = setup->places.cache,
                                            .kind = setup->kind,
                                            .engine = setup->engine,
                                            .ledger = setup->ledger,
                                            .account = setup->account,
                                            .recorder = setup->recorder,
                                            .roster = setup->roster,
                                            .instance = setup->instance,
                                            .open = open_later,
                                            .context = setup,
                                            .emptied = wish->emptied,
                                            .emptied_context = wish->context,
                                            .predictor = setup->predictor,
                                            .idle = (int64_t)(wish->model_idle * 1e9),
                                            .residency =
                                                setup->planned.plan.swapping ? 0 : (int64_t)(wish->residency * 1e9)};
    pthread_mutex_init(&setup->opening, NULL);
    int result = manager_new(&options, &setup->manager);
    if (result == 0) {
        add_models(setup, wish);
    }
    return result;
}

int setup_load(const struct wish *wish, struct setup *setup) {
    setup->planner.threads = wish->threads;
    setup->planner.tiles = wish->tiles;
    int result = catalog_load(setup->places.catalog, &setup->catalog);
    result = result ? result : models_choose(setup, wish);
    result = result ? result : choose_engines(wish, setup);
    result = result ? result : open_books(setup, wish);
    if (result != 0) {
        return result;
    }
    load_predictions(setup);
    setup->bytes = wish->bytes;
    setup->planner.predictor = setup->predictor;
    result = planner_choose(&setup->planner, wish->bytes, &setup->planned);
    result = result ? result : open_engine(setup);
    result = result ? result : open_for_models(setup, wish);
    setup->heap = heap_live();
    result = result ? result : open_manager(setup, wish);
    if (result != 0) {
        return result;
    }
    expect_baseline(setup);
    recorder_note(setup->recorder, EVENT_PLAN, setup->planned.told.engine, (int64_t)setup->planned.floor,
                  (int64_t)wish->bytes);
    return setup->planned.plan.swapping ? 0 : load_models(setup);
}

int setup_plan(struct setup *setup, uint64_t bytes) {
    struct planner planner = setup->planner;
    planner.kinds[0] = setup->kind;
    planner.kind_count = 1;
    planner.both = atomic_load(&setup->second) != NULL;
    struct planned planned;
    int result = planner_choose(&planner, bytes, &planned);
    setup->bytes = bytes;
    if (result == 0) {
        planned.told.reduced = planned.told.reduced || setup->kind != setup->planner.kinds[0];
        setup->planned = planned;
        recorder_note(setup->recorder, EVENT_PLAN, planned.told.engine, (int64_t)planned.floor, (int64_t)bytes);
    }
    return result;
}

enum { OTHERS = 2 };

/* The other engines that pages may ask for: where pages are read as wholes there is none for their lines. NULL: none.
 */
static void list_others(const struct setup *setup, const struct engine_kind *ret[OTHERS]) {
    ret[0] = setup->kind->read ? NULL : setup->second_kind;
    ret[1] = setup->kind->read || !setup->specs[ROLE_READ] ? NULL : &engine_tesseract;
}

static const struct engine_kind *find_other(const struct setup *setup, const char *engine) {
    const struct engine_kind *others[OTHERS];
    list_others(setup, others);
    for (int i = 0; i < OTHERS; i++) {
        if (others[i] && strcmp(engine, others[i]->name) == 0) {
            return others[i];
        }
    }
    return NULL;
}

int setup_plan_on(const struct setup *setup, const char *engine, const struct engine_kind **ret_kind,
                  struct page_plan *ret) {
    bool usual = !engine || strcmp(engine, "auto") == 0 || strcmp(engine, setup->kind->name) == 0;
    const struct engine_kind *other = usual ? NULL : find_other(setup, engine);
    if (!usual && !other) {
        return fail(ERR_NO_ENGINE, "%s is not installed", engine);
    }
    *ret_kind = other;
    struct planner planner = setup->planner;
    planner.kinds[0] = other;
    planner.kind_count = 1;
    planner.both = true;
    for (int role = 0; role < ROLE_COUNT && other; role++) {
        bool reads = role == ROLE_READ && other->read;
        bool left_out = !is_for((enum role)role, other->read != NULL);
        planner.specs[role] = reads ? setup->specs[role] : left_out ? NULL : planner.specs[role];
    }
    struct planned planned = {0};
    int result = usual ? 0 : planner_choose(&planner, setup->bytes, &planned);
    *ret = planned.told;
    return result;
}

char *setup_engines(const struct setup *setup) {
    const struct engine_kind *others[OTHERS];
    char *names = copy_string(setup->kind->name);
    list_others(setup, others);
    for (int i = 0; i < OTHERS; i++) {
        char *before cleanup(drop_memory) = names;
        names = format("%s%s%s", before, others[i] ? "," : "", others[i] ? others[i]->name : "");
    }
    return names;
}

void setup_done(struct setup *setup) {
    models_teardown(&setup->manager);
    if (setup->engine) {
        setup->kind->close(setup->engine);
    }
    if (setup->second) {
        setup->second_kind->close(setup->second);
    }
    if (setup->third) {
        engine_tesseract.close(setup->third);
    }
    for (int i = 0; i < SWITCH_COUNT; i++) {
        free(setup->missing[i]);
    }
    if (setup->predictor) {
        predictor_drop(&setup->predictor);
    }
    free(setup->stamp);
    free(setup->unread);
    ledger_drop(&setup->ledger);
    recorder_drop(&setup->recorder);
    roster_drop(&setup->roster);
    languages_done(&setup->reader);
    languages_done(&setup->turner);
    catalog_done(&setup->catalog);
    places_done(&setup->places);
    *setup = (struct setup){0};
}
