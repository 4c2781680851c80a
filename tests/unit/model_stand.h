/* A manager with the real models on the real engines, and all that it stands on. */
#ifndef OCTAVO_TEST_MODEL_STAND_H
#define OCTAVO_TEST_MODEL_STAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/run.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define BUDGET (UINT64_C(1) << 30)

struct stand {
    struct engine *second; /* ONNX Runtime beside another */
    struct catalog catalog;
    const struct engine_kind *kind;
    struct engine *engine;
    struct ledger *ledger;
    int account;
    struct recorder *recorder;
    struct predictor *predictor;
    struct manager *manager;
    char *models;
    int opened; /* calls of open_second() */
};

static inline char *runtime(const char *name) {
    const char *folder = getenv("OCTAVO_RUNTIME");
    return format("%s/%s", folder ? folder : "runtime", name);
}

/* Fails once. */
static inline int open_second(void *context, const struct engine_kind *kind, int64_t deadline,
                              const atomic_bool *cancel, struct engine **ret) {
    (void)deadline, (void)cancel;
    struct stand *stand = context;
    assert_ptr_equal(kind, &engine_onnxruntime);
    *ret = stand->opened++ > 0 ? stand->second : NULL;
    return *ret ? 0 : (fail)(ERR_NO_ENGINE, "not today");
}

static inline struct manager *new_manager(struct stand *stand, const char *models, int64_t idle, int64_t residency) {
    const struct manager_options options = {.models = models,
                                            .kind = stand->kind,
                                            .engine = stand->engine,
                                            .ledger = stand->ledger,
                                            .account = stand->account,
                                            .recorder = stand->recorder,
                                            .open = open_second,
                                            .context = stand,
                                            .predictor = stand->predictor,
                                            .idle = idle,
                                            .residency = residency};
    struct manager *manager;
    assert_int_equal(manager_new(&options, &manager), 0);
    for (size_t i = stand->catalog.count; i-- > 0;) {
        const struct model_spec *spec = &stand->catalog.specs[i]; /* the first of a role counts */
        if (!spec->sha256) {                                      /* it does not come with us */
            continue;
        }
        if (spec->only_onnxruntime && stand->second) {
            manager_add_on(manager, spec, 2, &engine_onnxruntime, stand->second);
        } else {
            manager_add(manager, spec, 2);
        }
    }
    return manager;
}

/* False where the engine is not installed. */
static inline bool stand_up(const struct engine_kind *kind, struct stand *stand) {
    *stand = (struct stand){.kind = kind};
    char *folder cleanup(drop_memory) = format("engines/%s", kind->name);
    char *path cleanup(drop_memory) = runtime(folder);
    if (kind->open(path, &stand->engine) != 0) {
        return false;
    }
    char *other cleanup(drop_memory) = runtime("engines/onnxruntime");
    if (kind != &engine_onnxruntime && engine_onnxruntime.open(other, &stand->second) != 0) {
        kind->close(stand->engine);
        return false; /* one of the models runs on it alone */
    }
    assert_int_equal(catalog_load("share/octavo/catalog.yaml", &stand->catalog), 0);
    assert_int_equal(ledger_create("cpu", BUDGET, 2, &stand->ledger), 0);
    assert_int_equal(ledger_open_account(stand->ledger, "test", getpid(), &stand->account), 0);
    assert_int_equal(recorder_create(&stand->recorder), 0);
    stand->predictor = predictor_new();
    stand->models = runtime("models");
    stand->manager = new_manager(stand, stand->models, 3600 * SECOND, 0);
    return true;
}

static inline uint64_t charged(const struct stand *stand) {
    return ledger_held(stand->ledger, stand->account, CHARGE_COUNT);
}

static inline void stand_down(struct stand *stand) {
    models_teardown(&stand->manager);
    assert_int_equal(charged(stand), ledger_held(stand->ledger, stand->account, CHARGE_DEFICIT));
    stand->kind->close(stand->engine);
    if (stand->second) {
        engine_onnxruntime.close(stand->second);
    }
    predictor_drop(&stand->predictor);
    recorder_drop(&stand->recorder);
    ledger_drop(&stand->ledger);
    free(stand->models);
    catalog_done(&stand->catalog);
}

/* Skipped where set-up has put none in place. */
static inline void each_engine(void (*test)(struct stand *stand)) {
    bool any = false;
    for (size_t i = 0; engine_kinds[i]; i++) {
        struct stand stand;
        if (stand_up(engine_kinds[i], &stand)) {
            any = true;
            test(&stand);
            stand_down(&stand);
        }
    }
    if (!any) {
        skip();
    }
}

static inline int64_t soon(void) { return clock_now() + 60 * SECOND; }

static inline void take_model(struct stand *stand, enum role role, struct model_handle *ret) {
    assert_int_equal(model_acquire(stand->manager, role, soon(), NULL, ret), 0);
}

static inline void read_state(struct stand *stand, struct manager_state *ret) { manager_read(stand->manager, ret); }

/* Pixels that look like something; the same every time. */
static inline void fill(void *context, float *input) {
    const int64_t *shape = context;
    uint32_t random = 12345;
    for (int64_t i = 0; i < shape[1] * shape[2] * shape[3]; i++) {
        random = random * 1664525 + 1013904223;
        input[i] = (float)(random >> 8) / (1 << 24) - 0.5F;
    }
}

#endif
