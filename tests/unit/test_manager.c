/* The manager with the real models on the real engines. Skipped where set-up has not put them in place. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/heap.h"
#include "model/run.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define BUDGET (UINT64_C(1) << 30)

/* Everything that a manager stands on. */
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

static char *runtime(const char *name) {
    const char *folder = getenv("OCTAVO_RUNTIME");
    return format("%s/%s", folder ? folder : "runtime", name);
}

/* Fails once. */
static int open_second(void *context, const struct engine_kind *kind, struct engine **ret) {
    struct stand *stand = context;
    assert_ptr_equal(kind, &engine_onnxruntime);
    *ret = stand->opened++ > 0 ? stand->second : NULL;
    return *ret ? 0 : (fail)(ERR_NO_ENGINE, "not today");
}

static struct manager *new_manager(struct stand *stand, const char *models, int64_t idle, int64_t residency) {
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
        if (spec->only_onnxruntime && stand->second) {
            manager_add_on(manager, spec, 2, &engine_onnxruntime, stand->second);
        } else {
            manager_add(manager, spec, 2);
        }
    }
    return manager;
}

/* False where the engine is not installed. */
static bool stand_up(const struct engine_kind *kind, struct stand *stand) {
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

static uint64_t charged(const struct stand *stand) { return ledger_held(stand->ledger, stand->account, CHARGE_COUNT); }

static void stand_down(struct stand *stand) {
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

static void each_engine(void (*test)(struct stand *stand)) {
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

static int64_t soon(void) { return clock_now() + 60 * SECOND; }

static void take_model(struct stand *stand, enum role role, struct model_handle *ret) {
    assert_int_equal(model_acquire(stand->manager, role, soon(), NULL, ret), 0);
}

static void read_state(struct stand *stand, struct manager_state *ret) { manager_read(stand->manager, ret); }

/* Pixels that look like something; the same every time. */
static void fill(void *context, float *input) {
    const int64_t *shape = context;
    uint32_t random = 12345;
    for (int64_t i = 0; i < shape[1] * shape[2] * shape[3]; i++) {
        random = random * 1664525 + 1013904223;
        input[i] = (float)(random >> 8) / (1 << 24) - 0.5F;
    }
}

static void shape_of(enum role role, int64_t ret[TENSOR_RANK]) {
    static const int64_t sides[ROLE_COUNT][2] = {
        [ROLE_ORIENT] = {224, 224},   [ROLE_DETECT] = {320, 256}, [ROLE_CLASSIFY] = {48, 192},
        [ROLE_RECOGNISE] = {48, 320}, [ROLE_LAYOUT] = {800, 608}, [ROLE_TABLE] = {488, 488}};
    ret[0] = 1;
    ret[1] = 3;
    ret[2] = sides[role][0];
    ret[3] = sides[role][1];
}

static uint64_t digest(const struct tensor *tensor) {
    uint64_t sum = 1469598103934665603U;
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        count *= (size_t)tensor->shape[i];
    }
    const unsigned char *bytes = (const unsigned char *)tensor->data;
    for (size_t i = 0; i < count * sizeof(float); i++) {
        sum = (sum ^ bytes[i]) * 1099511628211U;
    }
    return sum;
}

static uint64_t run_once(struct model_handle *handle, enum role role) {
    struct run_wish wish = {.fill = fill, .context = wish.shape, .deadline = soon()};
    shape_of(role, wish.shape);
    struct model_run run cleanup(run_end) = {0};
    assert_int_equal(run_begin(handle, &wish, &run), 0);
    return digest(&run.output.tensor[0]);
}

/* The table */

static void test_transitions(void **state) {
    (void)state;
    int allowed = 0;
    for (int from = 0; from < MODEL_STATE_COUNT; from++) {
        for (int to = 0; to < MODEL_STATE_COUNT; to++) {
            allowed += model_state_follows((enum model_state)from, (enum model_state)to);
        }
        assert_false(model_state_follows((enum model_state)from, (enum model_state)from));
    }
    assert_int_equal(allowed, 11);
    assert_true(model_state_follows(MODEL_ABSENT, MODEL_RESERVED));
    assert_false(model_state_follows(MODEL_ABSENT, MODEL_READY));
    assert_false(model_state_follows(MODEL_UNLOADING, MODEL_READY));
}

/* Life */

static void load_and_unload(struct stand *stand) {
    for (int role = 0; role < ROLE_READ; role++) {
        struct model_handle handle = {0};
        take_model(stand, (enum role)role, &handle);
        uint64_t first = run_once(&handle, (enum role)role);
        assert_true(charged(stand) > 0);
        model_release(&handle);
        uint64_t bytes;
        assert_int_equal(model_unload(stand->manager, (enum role)role, soon(), &bytes), 0);
        assert_true(bytes > 0);
        manager_trim(stand->manager);
        assert_int_equal(charged(stand), 0);
        take_model(stand, (enum role)role, &handle);
        assert_true(run_once(&handle, (enum role)role) == first);
        model_release(&handle);
        assert_true(manager_unload_idle(stand->manager) > 0);
        assert_int_equal(charged(stand), 0);
    }
    struct manager_state state;
    read_state(stand, &state);
    assert_int_equal(state.loads, 2 * ROLE_READ);
    assert_int_equal(state.unloads, 2 * ROLE_READ);
    assert_int_equal(state.illegal + state.failures + state.deficit + (uint64_t)state.handles, 0);
    assert_int_equal(recorder_count(stand->recorder, EVENT_LOAD), state.loads);
}

/* What comes out after unloading and loading again is the same to the bit, and all charges come back. */
static void test_reload(void **state) {
    (void)state;
    each_engine(load_and_unload);
}

static void *acquire_and_run(void *context) {
    struct stand *stand = context;
    struct model_handle handle = {0};
    take_model(stand, ROLE_ORIENT, &handle);
    model_release(&handle);
    return NULL;
}

static void load_together(struct stand *stand) {
    pthread_t threads[8];
    for (size_t i = 0; i < array_length(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, acquire_and_run, stand), 0);
    }
    for (size_t i = 0; i < array_length(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    struct manager_state state;
    read_state(stand, &state);
    assert_int_equal(state.loads, 1);
    assert_int_equal(state.handles, 0);
}

static void test_one_load_for_all(void **state) {
    (void)state;
    each_engine(load_together);
}

static void unload_in_use(struct stand *stand) {
    struct model_handle handle = {0};
    uint64_t bytes = 77;
    take_model(stand, ROLE_CLASSIFY, &handle);
    assert_int_equal(model_unload(stand->manager, ROLE_CLASSIFY, clock_now() + SECOND / 20, &bytes), ERR_TIMEOUT);
    assert_int_equal(bytes, 77);
    assert_int_equal(manager_unload_idle(stand->manager), 0);
    (void)run_once(&handle, ROLE_CLASSIFY);
    model_release(&handle);
    model_release(&handle); /* a handle that is not held is left alone */
    assert_true(manager_unload_idle(stand->manager) > 0);
    assert_int_equal(charged(stand), 0);
}

static void test_unload_in_use(void **state) {
    (void)state;
    each_engine(unload_in_use);
}

/* A model beside the usual one, on an engine that is opened when it is wanted. */
static void use_other_engine(struct stand *stand) {
    const struct model_spec *spec = manager_spec(stand->manager, ROLE_CLASSIFY);
    struct model_handle usual = {0}, other = {0};
    uint64_t bytes;
    if (!stand->second) {
        return;
    }
    models_teardown(&stand->manager);
    stand->manager = new_manager(stand, stand->models, 3600 * SECOND, 0);
    manager_add_on(stand->manager, spec, 1, &engine_onnxruntime, NULL);
    take_model(stand, ROLE_CLASSIFY, &usual);
    assert_int_equal(stand->opened, 0);
    const struct engine_kind *kind = &engine_onnxruntime;
    assert_int_equal(model_acquire_on(stand->manager, ROLE_CLASSIFY, kind, soon(), NULL, &other), ERR_NO_ENGINE);
    usleep(1100000); /* the back-off */
    assert_int_equal(model_acquire_on(stand->manager, ROLE_CLASSIFY, kind, soon(), NULL, &other), 0);
    assert_ptr_equal(model_of(&usual)->kind, stand->kind);
    assert_ptr_equal(model_of(&other)->kind, kind);
    (void)run_once(&usual, ROLE_CLASSIFY);
    (void)run_once(&other, ROLE_CLASSIFY);
    model_release(&usual);
    assert_int_equal(model_unload(stand->manager, ROLE_CLASSIFY, clock_now() + SECOND / 20, &bytes), ERR_TIMEOUT);
    assert_true(charged(stand) > 0);
    model_release(&other);
    assert_int_equal(model_unload(stand->manager, ROLE_CLASSIFY, soon(), &bytes), 0);
    assert_true(bytes > 0);
    manager_trim(stand->manager);
    assert_int_equal(charged(stand), 0);
}

static void test_other_engine(void **state) {
    (void)state;
    each_engine(use_other_engine);
}

static void wait_idle(struct stand *stand) {
    models_teardown(&stand->manager);
    stand->manager = new_manager(stand, stand->models, SECOND / 5, 0);
    assert_int_equal(model_load(stand->manager, ROLE_CLASSIFY, soon()), 0);
    for (int i = 0; i < 100 && charged(stand) > 0; i++) {
        usleep(50000);
    }
    assert_int_equal(charged(stand), 0);
}

/* Uses that go unnoticed do not keep a model. */
static void wait_idle_in_use(struct stand *stand) {
    struct manager_state state;
    models_teardown(&stand->manager);
    stand->manager = new_manager(stand, stand->models, SECOND / 5, 0);
    assert_int_equal(model_load(stand->manager, ROLE_CLASSIFY, soon()), 0);
    read_state(stand, &state);
    for (int i = 0; i < 200 && state.state[ROLE_CLASSIFY] == MODEL_READY; i++) {
        struct model_handle handle = {0};
        take_model(stand, ROLE_CLASSIFY, &handle);
        handle.unnoticed = true;
        model_release(&handle);
        usleep(50000);
        read_state(stand, &state);
    }
    assert_int_not_equal(state.state[ROLE_CLASSIFY], MODEL_READY);
}

/* A model may have a time-out of its own: it goes while the others stay. */
static void wait_idle_alone(struct stand *stand) {
    struct manager_state state;
    for (size_t i = 0; i < stand->catalog.count; i++) {
        stand->catalog.specs[i].idle = stand->catalog.specs[i].role == ROLE_CLASSIFY ? 1 : 0;
    }
    assert_int_equal(model_load(stand->manager, ROLE_ORIENT, soon()), 0);
    assert_int_equal(model_load(stand->manager, ROLE_CLASSIFY, soon()), 0);
    read_state(stand, &state);
    for (int i = 0; i < 100 && state.state[ROLE_CLASSIFY] != MODEL_ABSENT; i++) {
        usleep(50000);
        read_state(stand, &state);
    }
    assert_int_equal(state.state[ROLE_CLASSIFY], MODEL_ABSENT);
    assert_int_equal(state.state[ROLE_ORIENT], MODEL_READY);
}

static void test_idle_timeout(void **state) {
    (void)state;
    each_engine(wait_idle);
    each_engine(wait_idle_in_use);
    each_engine(wait_idle_alone);
}

/* Room */

static void evict(struct stand *stand) {
    assert_int_equal(model_load(stand->manager, ROLE_DETECT, soon()), 0);
    struct model_handle held = {0};
    take_model(stand, ROLE_CLASSIFY, &held);
    uint64_t wanted = weights_predict(stand->predictor, manager_spec(stand->manager, ROLE_RECOGNISE), stand->kind) +
                      loading_predict(stand->predictor, manager_spec(stand->manager, ROLE_RECOGNISE), stand->kind);
    ledger_set_budget(stand->ledger, charged(stand) + wanted - 1000000);
    assert_int_equal(model_load(stand->manager, ROLE_RECOGNISE, soon()), 0);
    struct manager_state state;
    read_state(stand, &state);
    assert_int_equal(state.evictions, 1);
    assert_int_equal(state.state[ROLE_DETECT], MODEL_ABSENT);
    assert_int_equal(state.state[ROLE_CLASSIFY], MODEL_READY); /* it is in use */
    model_release(&held);
    ledger_set_budget(stand->ledger, BUDGET);
}

static void test_eviction(void **state) {
    (void)state;
    each_engine(evict);
}

static void never_fits(struct stand *stand) {
    ledger_set_budget(stand->ledger, 100000);
    assert_int_equal(model_load(stand->manager, ROLE_DETECT, soon()), ERR_NO_MEMORY);
    assert_int_equal(charged(stand), 0);
    ledger_set_budget(stand->ledger, BUDGET);
    /* Within the back-off the answer is the same, at once, and says so. */
    assert_int_equal(model_load(stand->manager, ROLE_DETECT, soon()), ERR_NO_MEMORY);
    assert_non_null(strstr(error_detail(), "not tried again for"));
    sleep(2);
    assert_int_equal(model_load(stand->manager, ROLE_DETECT, soon()), 0);
}

static void test_never_fits(void **state) {
    (void)state;
    each_engine(never_fits);
}

/* Bad files */

static void write_file(const char *folder, const char *name, const char *bytes, size_t length) {
    char *path cleanup(drop_memory) = format("%s/%s", folder, name);
    assert_int_equal(file_replace(path, bytes, length), 0);
}

static void fail_to_load(struct stand *stand) {
    char folder[] = "/tmp/octavo-models-XXXXXX";
    assert_non_null(mkdtemp(folder));
    models_teardown(&stand->manager);
    stand->manager = new_manager(stand, folder, 3600 * SECOND, 0);
    const struct model_spec *spec = manager_spec(stand->manager, ROLE_CLASSIFY);
    char *name cleanup(drop_memory) = format("models/%s", spec->file);
    char *good cleanup(drop_memory) = runtime(name);
    char *bytes cleanup(drop_memory) = NULL;
    size_t length;
    assert_int_equal(file_read_path(good, 1 << 24, &bytes, &length), 0);
    assert_int_equal(model_load(stand->manager, ROLE_CLASSIFY, soon()), ERR_NO_MODEL);
    assert_int_equal(charged(stand), 0);
    sleep(2);
    write_file(folder, spec->file, bytes, length / 2); /* cut short */
    assert_int_equal(model_load(stand->manager, ROLE_CLASSIFY, soon()), ERR_BAD_MODEL);
    assert_int_equal(model_load(stand->manager, ROLE_CLASSIFY, soon()), ERR_BAD_MODEL);
    bytes[length / 2] ^= 1; /* one bit: the hash is wrong */
    write_file(folder, spec->file, bytes, length);
    sleep(3);
    assert_int_equal(model_load(stand->manager, ROLE_CLASSIFY, soon()), ERR_BAD_MODEL);
    assert_non_null(strstr(error_detail(), "sha256"));
    assert_int_equal(charged(stand), 0);
    struct manager_state state;
    read_state(stand, &state);
    assert_int_equal(state.failures, 3); /* the one in the back-off was not tried */
    char *path cleanup(drop_memory) = format("%s/%s", folder, spec->file);
    unlink(path);
    rmdir(folder);
}

static void test_bad_files(void **state) {
    (void)state;
    each_engine(fail_to_load);
}

#define SHA256_OF_THREE "ed6a0afee01b4ef9cbc093768da80022c9d64126ebf5b93a59f33531e0cfcaef"

/* A file with the right hash that is no ONNX: the engine's refusal leaves no charge. */
static void test_truncated_onnx(void **state) {
    (void)state;
    struct stand stand;
    if (!stand_up(&engine_onnxruntime, &stand)) {
        skip();
    }
    char folder[] = "/tmp/octavo-models-XXXXXX", file[] = "x.onnx", sha256[] = SHA256_OF_THREE;
    assert_non_null(mkdtemp(folder));
    write_file(folder, file, "\x08\x07\x12", 3);
    models_teardown(&stand.manager);
    size_t count = stand.catalog.count;
    stand.catalog.count = 3; /* the classifier is the fourth: it comes from elsewhere */
    stand.manager = new_manager(&stand, folder, SECOND, 0);
    stand.catalog.count = count;
    struct model_spec spec = stand.catalog.specs[3];
    spec.file = file;
    spec.bytes = 3;
    spec.sha256 = sha256;
    manager_add(stand.manager, &spec, 1);
    assert_int_equal(model_load(stand.manager, ROLE_CLASSIFY, soon()), ERR_BAD_MODEL);
    assert_int_equal(charged(&stand), 0);
    stand_down(&stand);
    char *path cleanup(drop_memory) = format("%s/x.onnx", folder);
    unlink(path);
    rmdir(folder);
}

/* Runs */

struct runner_thread {
    struct stand *stand;
    int seat;
};

static void *run_lines(void *context) {
    const struct runner_thread *thread = context;
    for (int i = 0; i < 12; i++) {
        struct model_handle handle = {0};
        take_model(thread->stand, ROLE_RECOGNISE, &handle);
        struct run_wish wish = {.shape = {1, 3, 48, 64 * (1 + (i * 5 + thread->seat) % 8)},
                                .fill = fill,
                                .context = wish.shape,
                                .seat = thread->seat,
                                .deadline = soon()};
        struct model_run run cleanup(run_end) = {0};
        assert_int_equal(run_begin(&handle, &wish, &run), 0);
        assert_int_equal(run.output.tensor[0].rank, 3);
        run_end(&run);
        model_release(&handle);
    }
    return NULL;
}

/* Two threads in a budget with hardly room for one run: they take turns, and the sum stays within the budget. */
static void run_in_little(struct stand *stand) {
    assert_int_equal(model_load(stand->manager, ROLE_RECOGNISE, soon()), 0);
    struct runner_thread threads[2] = {{stand, 0}, {stand, 1}};
    run_lines(&threads[0]); /* learns what a run takes */
    pthread_t other;
    uint64_t run =
        run_predict(stand->predictor, manager_spec(stand->manager, ROLE_RECOGNISE), stand->kind, 3 * 48 * 512);
    ledger_set_budget(stand->ledger, charged(stand) + (stand->kind->keeps ? run + run / 10 : run / 10));
    assert_int_equal(pthread_create(&other, NULL, run_lines, &threads[1]), 0);
    run_lines(&threads[0]);
    assert_int_equal(pthread_join(other, NULL), 0);
    struct ledger_state state;
    ledger_read(stand->ledger, &state);
    assert_true(ledger_is_sound(stand->ledger));
    assert_int_equal(state.seats_taken, 0);
    struct quality_figures quality;
    quality_read(recorder_quality(stand->recorder), &quality);
    assert_true(!heap_counts() || quality.samples > 0);
    ledger_set_budget(stand->ledger, BUDGET);
}

static void test_runs_wait_for_room(void **state) {
    (void)state;
    each_engine(run_in_little);
}

static void cancel_wait(struct stand *stand) {
    assert_int_equal(model_load(stand->manager, ROLE_RECOGNISE, soon()), 0);
    struct model_handle handle = {0};
    take_model(stand, ROLE_RECOGNISE, &handle);
    atomic_bool cancel = true;
    struct ledger_request all = {.kind = CHARGE_DOCUMENT, .seats = LEDGER_ALL_SEATS, .deadline = soon()};
    assert_int_equal(ledger_charge(stand->ledger, stand->account, &all), 0);
    struct run_wish wish = {
        .shape = {1, 3, 48, 64}, .fill = fill, .context = wish.shape, .deadline = soon(), .cancel = &cancel};
    struct model_run run = {0};
    assert_int_equal(run_begin(&handle, &wish, &run), ERR_INTERRUPTED);
    wish.cancel = NULL;
    wish.deadline = clock_now() + SECOND / 20;
    assert_int_equal(run_begin(&handle, &wish, &run), ERR_TIMEOUT);
    ledger_credit(stand->ledger, stand->account, CHARGE_DOCUMENT, 0, LEDGER_ALL_SEATS);
    wish.deadline = soon();
    assert_int_equal(run_begin(&handle, &wish, &run), 0);
    run_end(&run);
    run_end(&run);
    model_release(&handle);
}

static void test_cancel_and_deadline(void **state) {
    (void)state;
    each_engine(cancel_wait);
}

static void test_no_such_model(void **state) {
    (void)state;
    struct stand stand;
    if (!stand_up(&engine_onnxruntime, &stand)) {
        skip();
    }
    models_teardown(&stand.manager);
    const struct manager_options options = {.models = "nowhere",
                                            .kind = stand.kind,
                                            .engine = stand.engine,
                                            .ledger = stand.ledger,
                                            .account = stand.account,
                                            .recorder = stand.recorder,
                                            .predictor = stand.predictor,
                                            .idle = SECOND};
    assert_int_equal(manager_new(&options, &stand.manager), 0);
    assert_int_equal(model_load(stand.manager, ROLE_ORIENT, soon()), ERR_NO_MODEL);
    stand_down(&stand);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),      cmocka_unit_test(test_reload),
        cmocka_unit_test(test_one_load_for_all), cmocka_unit_test(test_unload_in_use),
        cmocka_unit_test(test_idle_timeout),     cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_never_fits),       cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_truncated_onnx),   cmocka_unit_test(test_runs_wait_for_room),
        cmocka_unit_test(test_other_engine),     cmocka_unit_test(test_cancel_and_deadline),
        cmocka_unit_test(test_no_such_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
