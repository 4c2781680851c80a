/* The manager: the life of models, and the room that they take. */
#include <pthread.h>
#include <string.h>

#include "model_stand.h"

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
    uint64_t count = 0;
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct model_handle handle = {0};
        if (!manager_spec(stand->manager, (enum role)role)) {
            continue; /* no model of it comes with us */
        }
        count++;
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
    assert_true(count >= 6);
    assert_int_equal(state.loads, 2 * count);
    assert_int_equal(state.unloads, 2 * count);
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

/* Waits on a model from a thread of its own. */
struct waiting {
    struct stand *stand;
    atomic_bool cancel;
    int result;
    uint64_t bytes;
};

static void *unload_patiently(void *context) {
    struct waiting *waiting = context;
    waiting->result = model_unload(waiting->stand->manager, ROLE_CLASSIFY, soon(), &waiting->bytes);
    return NULL;
}

static void *load_patiently(void *context) {
    struct waiting *waiting = context;
    struct model_handle handle = {0};
    waiting->result = model_acquire(waiting->stand->manager, ROLE_CLASSIFY, soon(), &waiting->cancel, &handle);
    model_release(&handle);
    return NULL;
}

static enum model_state state_of(struct stand *stand) {
    struct manager_state state;
    read_state(stand, &state);
    return state.state[ROLE_CLASSIFY];
}

static void await_state(struct stand *stand, enum model_state state) {
    for (int64_t end = soon(); state_of(stand) != state && clock_now() < end;) {
        usleep(1000);
    }
    assert_int_equal(state_of(stand), state);
}

/* Who has no patience leaves the model to who waits on: no new user is let in. */
static void unload_beside_another(struct stand *stand) {
    struct model_handle handle = {0};
    struct waiting waiting = {.stand = stand};
    pthread_t thread;
    uint64_t bytes = 0;
    take_model(stand, ROLE_CLASSIFY, &handle);
    assert_int_equal(pthread_create(&thread, NULL, unload_patiently, &waiting), 0);
    await_state(stand, MODEL_DRAINING);
    assert_int_equal(model_unload(stand->manager, ROLE_CLASSIFY, clock_now(), &bytes), ERR_TIMEOUT);
    assert_int_equal(state_of(stand), MODEL_DRAINING);
    model_release(&handle);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiting.result, 0);
    assert_true(waiting.bytes > 0);
    assert_int_equal(state_of(stand), MODEL_ABSENT);
}

static void test_unload_beside_another(void **state) {
    (void)state;
    each_engine(unload_beside_another);
}

/* Who waits for another's load can be cancelled, though that load cannot go on. */
static void cancel_beside_a_load(struct stand *stand) {
    struct ledger_request all = {.kind = CHARGE_DOCUMENT, .bytes = BUDGET, .deadline = soon()};
    struct waiting loading = {.stand = stand}, cancelled = {.stand = stand};
    pthread_t first, second;
    assert_int_equal(ledger_charge(stand->ledger, stand->account, &all), 0);
    assert_int_equal(pthread_create(&first, NULL, load_patiently, &loading), 0);
    await_state(stand, MODEL_RESERVED);
    assert_int_equal(pthread_create(&second, NULL, load_patiently, &cancelled), 0);
    usleep(50000);
    atomic_store(&cancelled.cancel, true);
    assert_int_equal(pthread_join(second, NULL), 0);
    assert_int_equal(cancelled.result, ERR_INTERRUPTED);
    ledger_credit(stand->ledger, stand->account, CHARGE_DOCUMENT, BUDGET, 0);
    assert_int_equal(pthread_join(first, NULL), 0);
    assert_int_equal(loading.result, 0);
}

static void test_cancel_beside_a_load(void **state) {
    (void)state;
    each_engine(cancel_beside_a_load);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_one_load_for_all),
        cmocka_unit_test(test_unload_in_use),
        cmocka_unit_test(test_unload_beside_another),
        cmocka_unit_test(test_cancel_beside_a_load),
        cmocka_unit_test(test_idle_timeout),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_never_fits),
        cmocka_unit_test(test_other_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
