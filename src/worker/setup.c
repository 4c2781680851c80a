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

#define PREDICTIONS "predictions.json"
#define LOAD_PATIENCE INT64_C(60000000000) /* nanoseconds to wait for memory at the start */

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

/* Side by side: compiling takes most of the start-up time and one core each. */
static int load_models(struct setup *setup) {
    struct load loads[ROLE_COUNT] = {0};
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct load *load = &loads[role];
        *load = (struct load){.manager = setup->manager, .role = (enum role)role};
        if (setup->planner.specs[role] && role != ROLE_TABLE) { /* few pages have tables: it is loaded with the first */
            load->started = pthread_create(&load->thread, NULL, load_one, load) == 0;
            if (!load->started) {
                load_one(load);
            }
        }
    }
    return join_loads(loads, ROLE_COUNT);
}

static unsigned roles_of(enum stage_switch which) {
    static const unsigned roles[] = {
#define WITH(role) | 1U << ROLE_##role
#define SWITCH(symbol, word, member, roles) 0 roles,
#include "table/switches.def"
#undef SWITCH
#undef WITH
    };
    return roles[which];
}

unsigned setup_without(const struct switches *switches) {
    unsigned roles = 0;
    for (int i = 0; i < SWITCH_COUNT; i++) {
        roles |= strcmp(switches->to[i], "off") == 0 ? roles_of((enum stage_switch)i) : 0;
    }
    return roles;
}

static void note_missing(struct setup *setup, enum stage_switch which) {
    free(setup->missing[which]);
    setup->missing[which] = copy_string(error_detail());
}

/* The models of a stage that can be switched, whether it is wanted or not: a page may want it. */
static int choose_stage(struct setup *setup, enum stage_switch which, const char *word) {
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (!(roles_of(which) & 1U << role)) {
            continue;
        }
        int result = catalog_choose(&setup->catalog, (enum role)role, NULL, setup->places.models, &setup->specs[role]);
        if (result != 0 && strcmp(word, "on") == 0) {
            return result;
        }
        if (result != 0) {
            note_missing(setup, which);
        }
        setup->planner.specs[role] = strcmp(word, "off") != 0 ? setup->specs[role] : NULL;
    }
    return 0;
}

/* Detection and recognition of one version. */
static int choose_lines(struct setup *setup, const struct wish *wish) {
    static const enum role always[] = {ROLE_RECOGNISE, ROLE_DETECT};
    const char *version = wish->version;
    int result = 0;
    for (size_t i = 0; i < array_length(always) && result == 0; i++) {
        enum role role = always[i];
        result = catalog_choose(&setup->catalog, role, version, setup->places.models, &setup->specs[role]);
        setup->planner.specs[role] = setup->specs[role];
        version = result == 0 ? setup->specs[role]->version : version;
    }
    return result;
}

/* Tesseract's languages. */
static int choose_reader(struct setup *setup, const struct wish *wish) {
    int result = languages_choose(&setup->places, wish->languages, &setup->reader);
    setup->specs[ROLE_READ] = setup->planner.specs[ROLE_READ] = result == 0 ? &setup->reader : NULL;
    return result;
}

/* What reads text, and the stages; there are no lines to turn where pages are read as wholes. */
static int choose_models(struct setup *setup, const struct wish *wish) {
    bool reads = strcmp(wish->engine, engine_tesseract.name) == 0;
    int result = reads ? choose_reader(setup, wish) : choose_lines(setup, wish);
    for (int i = 0; i < SWITCH_COUNT && result == 0; i++) {
        result = choose_stage(setup, (enum stage_switch)i, wish->switches.to[i]);
    }
    if (reads) {
        setup->specs[ROLE_CLASSIFY] = setup->planner.specs[ROLE_CLASSIFY] = NULL;
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
    int result = calibrate_choose(&setup->places, planner->specs[ROLE_RECOGNISE], wish->bytes, &planner->kinds[0]);
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

void setup_note_baseline(struct setup *setup, const struct baseline *baseline) {
    uint64_t bytes = baseline->bytes > baseline->uncharged ? baseline->bytes : baseline->uncharged;
    ledger_note(setup->ledger, setup->account, CHARGE_BASELINE, bytes);
    planner_learn_baseline(setup->predictor, setup->kind, setup->second != NULL, baseline->bytes);
}

/* Code that was not run yet is not in memory yet, but will be. */
static void expect_baseline(struct setup *setup) {
    struct tree_memory memory = {0};
    uint64_t expected = planner_baseline(setup->predictor, setup->kind, setup->second != NULL);
    (void)tree_read(getpid(), &memory);
    setup->opened = memory.pss;
    ledger_note(setup->ledger, setup->account, CHARGE_BASELINE, memory.pss > expected ? memory.pss : expected);
}

static char *engine_folder(const struct setup *setup, const struct engine_kind *kind) {
    return format("%s/%s", setup->places.engines, kind->name);
}

static bool has_folder(const struct setup *setup, const struct engine_kind *kind) {
    char *folder cleanup(drop_memory) = engine_folder(setup, kind);
    return access(folder, X_OK) == 0;
}

static int open_engine(struct setup *setup) {
    setup->kind = setup->planned.kind;
    for (size_t i = 0; engine_kinds[i]; i++) {
        bool fits = !setup->kind->read || engine_kinds[i] == &engine_onnxruntime;
        if (fits && engine_kinds[i] != setup->kind && has_folder(setup, engine_kinds[i])) {
            setup->second_kind = engine_kinds[i];
        }
    }
    pin_malloc();
    char *folder cleanup(drop_memory) = engine_folder(setup, setup->kind);
    return setup->kind->open(folder, &setup->engine);
}

static int open_second(struct setup *setup, const struct engine_kind *kind) {
    struct engine *engine;
    char *folder cleanup(drop_memory) = engine_folder(setup, kind);
    int result = kind->open(folder, &engine);
    if (result == 0) {
        setup->second_kind = kind;
        atomic_store(&setup->second, engine);
    }
    return result;
}

/* The models that need ONNX Runtime are left out where it is not installed and need not be. */
static int open_for_models(struct setup *setup, const struct wish *wish) {
    const struct engine_kind *needed = &engine_onnxruntime;
    int result = !planner_second(setup->specs, setup->kind)          ? 0
                 : planner_second(setup->planner.specs, setup->kind) ? open_second(setup, needed)
                 : setup->second_kind == needed                      ? 0
                                                : fail(ERR_NO_ENGINE, "%s is not installed", needed->name);
    if (result == 0 || strcmp(wish->switches.to[SWITCH_LAYOUT], "on") == 0) {
        return result;
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (planner_kind(setup->specs[role], setup->kind) != setup->kind) {
            note_missing(setup, role == ROLE_ORIENT ? SWITCH_ORIENT : SWITCH_LAYOUT);
            setup->specs[role] = setup->planner.specs[role] = NULL;
        }
    }
    return 0;
}

/* Called by the manager when the first model on the other engine is loaded: that is charged before it is opened. */
static int open_later(void *context, const struct engine_kind *kind, struct engine **ret) {
    struct setup *setup = context;
    int result = 0;
    pthread_mutex_lock(&setup->opening);
    if (!atomic_load(&setup->second)) {
        uint64_t expected = planner_baseline(setup->predictor, kind, true);
        uint64_t held = ledger_held(setup->ledger, setup->account, CHARGE_BASELINE);
        uint64_t more = expected > held ? expected - held : 0;
        result = manager_charge(setup->manager, CHARGE_BASELINE, more, 0, NULL);
        if (result == 0) {
            result = open_second(setup, kind);
            manager_credit(setup->manager, CHARGE_BASELINE, result != 0 ? more : 0);
        }
    }
    *ret = atomic_load(&setup->second);
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
        bool on_both = !spec->only_onnxruntime && !setup->kind->read;
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
                                            .open = open_later,
                                            .context = setup,
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
    result = result ? result : choose_models(setup, wish);
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

/* The other engine that pages may ask for: where pages are read as wholes there is none for their lines. */
static const struct engine_kind *other_kind(const struct setup *setup) {
    return setup->kind->read ? NULL : setup->second_kind;
}

int setup_plan_on(const struct setup *setup, const char *engine, const struct engine_kind **ret_kind,
                  struct page_plan *ret) {
    bool usual = !engine || strcmp(engine, "auto") == 0 || strcmp(engine, setup->kind->name) == 0;
    const struct engine_kind *other = other_kind(setup);
    if (!usual && !(other && strcmp(engine, other->name) == 0)) {
        return fail(ERR_NO_ENGINE, "%s is not installed", engine);
    }
    *ret_kind = usual ? NULL : other;
    struct planner planner = setup->planner;
    planner.kinds[0] = other;
    planner.kind_count = 1;
    planner.both = true;
    struct planned planned = {0};
    int result = usual ? 0 : planner_choose(&planner, setup->bytes, &planned);
    *ret = planned.told;
    return result;
}

char *setup_engines(const struct setup *setup) {
    const struct engine_kind *other = other_kind(setup);
    return format("%s%s%s", setup->kind->name, other ? "," : "", other ? other->name : "");
}

void setup_done(struct setup *setup) {
    models_teardown(&setup->manager);
    if (setup->engine) {
        setup->kind->close(setup->engine);
    }
    if (setup->second) {
        setup->second_kind->close(setup->second);
    }
    for (int i = 0; i < SWITCH_COUNT; i++) {
        free(setup->missing[i]);
    }
    if (setup->predictor) {
        predictor_drop(&setup->predictor);
    }
    free(setup->stamp);
    ledger_drop(&setup->ledger);
    recorder_drop(&setup->recorder);
    roster_drop(&setup->roster);
    languages_done(&setup->reader);
    catalog_done(&setup->catalog);
    places_done(&setup->places);
    *setup = (struct setup){0};
}
