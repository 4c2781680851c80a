#include "worker/setup.h"

#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pipeline/reading.h"
#include "worker/calibrate.h"

/* Loading one model in a thread of its own; the detail of a failure is that thread's, so it is carried over. */
struct load {
    const struct model_spec *spec; /* NULL: nothing to load */
    struct setup *setup;
    int runners;
    pthread_t thread;
    bool started;
    int result;
    char *detail;
};

static void *load_model(void *context) {
    struct load *load = context;
    struct setup *setup = load->setup;
    load->result = model_load(load->spec, setup->places.models, setup->kind, setup->engine, load->runners,
                              setup->places.cache, &setup->models.role[load->spec->role]);
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
static int load_models(struct setup *setup, const struct model_spec *const specs[ROLE_COUNT], int threads) {
    struct load loads[ROLE_COUNT] = {0};
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct load *load = &loads[role];
        int runners = role_reads_lines((enum role)role) ? threads : 1;
        *load = (struct load){.spec = specs[role], .setup = setup, .runners = runners};
        if (load->spec) {
            load->started = pthread_create(&load->thread, NULL, load_model, load) == 0;
            if (!load->started) {
                load_model(load);
            }
        }
    }
    return join_loads(loads, ROLE_COUNT);
}

/* Detection and recognition of one version; the orientation models only where they are installed. */
static int choose_models(const struct setup *setup, const char *version, const struct model_spec *ret[ROLE_COUNT]) {
    const struct catalog *catalog = &setup->catalog;
    const char *folder = setup->places.models;
    int result = catalog_choose(catalog, ROLE_RECOGNISE, version, folder, &ret[ROLE_RECOGNISE]);
    if (result == 0) {
        result = catalog_choose(catalog, ROLE_DETECT, ret[ROLE_RECOGNISE]->version, folder, &ret[ROLE_DETECT]);
    }
    if (result == 0) {
        (void)catalog_choose(catalog, ROLE_ORIENT, NULL, folder, &ret[ROLE_ORIENT]);
        (void)catalog_choose(catalog, ROLE_CLASSIFY, NULL, folder, &ret[ROLE_CLASSIFY]);
    }
    return result;
}

/*
 * glibc moves its thresholds with what it sees; here they are fixed to what the engine does (docs/performance.md has
 * the figures), and there is one arena, since each would keep what was freed in it.
 */
static void pin_malloc(const struct engine_kind *kind) {
    mallopt(M_MMAP_THRESHOLD, kind->keep_below);
    mallopt(M_TRIM_THRESHOLD, 2 * kind->keep_below);
    mallopt(M_ARENA_MAX, 1);
}

static int choose_engine(const struct wish *wish, const struct model_spec *spec, struct setup *setup) {
    if (strcmp(wish->engine, "auto") == 0) {
        return calibrate_choose(&setup->places, spec, &setup->kind);
    }
    setup->kind = engine_kind_find(wish->engine);
    return setup->kind ? 0 : fail(ERR_USAGE, "no engine is called %s", wish->engine);
}

int setup_load(const struct wish *wish, struct setup *setup) {
    const struct model_spec *specs[ROLE_COUNT] = {0};
    int result = catalog_load(setup->places.catalog, &setup->catalog);
    if (result == 0) {
        result = choose_models(setup, wish->version, specs);
    }
    if (result == 0) {
        result = choose_engine(wish, specs[ROLE_RECOGNISE], setup);
    }
    if (result == 0) {
        pin_malloc(setup->kind);
        char *folder cleanup(drop_memory) = format("%s/%s", setup->places.engines, setup->kind->name);
        result = setup->kind->open(folder, &setup->engine);
    }
    return result != 0 ? result : load_models(setup, specs, wish->threads);
}

void setup_done(struct setup *setup) {
    models_unload(&setup->models);
    if (setup->engine) {
        setup->kind->close(setup->engine);
    }
    catalog_done(&setup->catalog);
    places_done(&setup->places);
    *setup = (struct setup){0};
}
