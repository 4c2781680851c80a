/* Runs of models: the wait for room, and its end. */
#include <pthread.h>

#include "engine/heap.h"
#include "model_stand.h"

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
    /* The other's runs are not known yet, where they are told apart. */
    uint64_t run = run_predict(stand->predictor, manager_spec(stand->manager, ROLE_RECOGNISE), stand->kind,
                               stand->kind->keeps, 3 * 48 * 512);
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

static void run_on_seat(struct model_handle *handle, int seat, int times) {
    for (int i = 0; i < times; i++) {
        struct run_wish wish = {
            .shape = {1, 3, 48, 192}, .fill = fill, .context = wish.shape, .seat = seat, .deadline = soon()};
        struct model_run run = {0};
        assert_int_equal(run_begin(handle, &wish, &run), 0);
        run_end(&run);
    }
}

/* Runs that can be measured only when they are taken alone are, until what was learned stands for itself. */
static void learn_enough(struct stand *stand) {
    enum { MORE = 4 };
    struct model_handle handle = {0};
    assert_int_equal(model_load(stand->manager, ROLE_CLASSIFY, soon()), 0);
    take_model(stand, ROLE_CLASSIFY, &handle);
    run_on_seat(&handle, 0, PREDICT_ENOUGH + MORE);
    model_release(&handle);
    struct quality_figures quality;
    quality_read(recorder_quality(stand->recorder), &quality);
    uint64_t measured = PREDICT_ENOUGH + (stand->kind->runs_in_caller ? MORE : 0);
    assert_int_equal(quality.samples, heap_counts() ? measured : 0);
}

static void test_enough_is_learned(void **state) {
    (void)state;
    each_engine(learn_enough);
}

/* What a load's runners share, its first one holds: the further ones are charged without it, whichever seat they have.
 */
static void charge_further(struct stand *stand) {
    const struct model_spec *spec = manager_spec(stand->manager, ROLE_RECOGNISE);
    const uint64_t elements = UINT64_C(3) * 48 * 192;
    for (int first = 0; first < 2; first++) {
        struct model_handle handle = {0};
        take_model(stand, ROLE_RECOGNISE, &handle);
        run_on_seat(&handle, first, PREDICT_ENOUGH);
        run_on_seat(&handle, 1 - first, PREDICT_ENOUGH);
        model_release(&handle);
        manager_unload_idle(stand->manager);
    }
    uint64_t leading = run_predict(stand->predictor, spec, stand->kind, false, elements);
    uint64_t further = run_predict(stand->predictor, spec, stand->kind, true, elements);
    if (heap_counts() && stand->kind->keeps) {
        assert_true(further < leading * 9 / 10);
    }
    struct quality_figures quality;
    quality_read(recorder_quality(stand->recorder), &quality);
    assert_int_equal(quality.under, 0);
}

static void test_further_runners_are_charged_less(void **state) {
    (void)state;
    each_engine(charge_further);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_wait_for_room),
        cmocka_unit_test(test_enough_is_learned),
        cmocka_unit_test(test_further_runners_are_charged_less),
        cmocka_unit_test(test_cancel_and_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
