/* When the worker's baseline is due to be measured anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/blocks.h"
#include "worker/setup.h"

#include <cmocka.h>

#define MEGABYTE (UINT64_C(1) << 20)
enum { MUCH = 48, LITTLE = 16 /* MB that have come, and that may come unseen */ };

/* A worker without models, whose baseline was noted. */
static void set_up(struct setup *setup) {
    *setup = (struct setup){.kind = &engine_onnxruntime, .predictor = predictor_new()};
    assert_int_equal(ledger_create("cpu", 1024 * MEGABYTE, 1, &setup->ledger), 0);
    assert_int_equal(ledger_open_account(setup->ledger, "worker", getpid(), &setup->account), 0);
    const struct manager_options options = {.kind = setup->kind,
                                            .ledger = setup->ledger,
                                            .account = setup->account,
                                            .predictor = setup->predictor,
                                            .idle = 3600 * INT64_C(1000000000)};
    assert_int_equal(manager_new(&options, &setup->manager), 0);
    const struct baseline baseline = setup_measure_baseline(setup);
    setup_note_baseline(setup, &baseline);
    assert_false(setup_has_drifted(setup));
}

static char *take(uint64_t megabytes) {
    char *bytes = mmap(NULL, megabytes * MEGABYTE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    memset(bytes, 1, megabytes * MEGABYTE);
    return bytes;
}

/* What an engine maps by itself, as OpenVINO its kernels, is charged to nobody before it is measured. */
static void what_nobody_is_charged_for_makes_it_due(void **state) {
    (void)state;
    struct setup setup;
    set_up(&setup);
    char *kernels = take(MUCH);
    assert_true(setup_has_drifted(&setup));
    uint64_t before = ledger_held(setup.ledger, setup.account, CHARGE_BASELINE);
    const struct baseline baseline = setup_measure_baseline(&setup);
    assert_true(setup_has_drifted(&setup)); /* until it is noted */
    setup_note_baseline(&setup, &baseline);
    assert_false(setup_has_drifted(&setup));
    assert_true(ledger_held(setup.ledger, setup.account, CHARGE_BASELINE) > before + LITTLE * MEGABYTE);
    munmap(kernels, MUCH * MEGABYTE);
    assert_true(setup_has_drifted(&setup)); /* less is as much amiss */
    setup_done(&setup);
}

static void what_is_charged_and_what_is_little_do_not(void **state) {
    (void)state;
    struct setup setup;
    set_up(&setup);
    char *model = take(MUCH);
    assert_int_equal(manager_charge(setup.manager, CHARGE_WEIGHTS, MUCH * MEGABYTE, 0, INT64_MAX, NULL), 0);
    assert_false(setup_has_drifted(&setup));
    char *heap = take(LITTLE);
    assert_false(setup_has_drifted(&setup));
    munmap(heap, LITTLE * MEGABYTE);
    munmap(model, MUCH * MEGABYTE);
    manager_credit(setup.manager, CHARGE_WEIGHTS, MUCH * MEGABYTE);
    assert_false(setup_has_drifted(&setup));
    setup_done(&setup);
}

/* Blocks that were freed are held within a charge that outlives their run. */
static void blocks_that_are_kept_do_not(void **state) {
    (void)state;
    struct setup setup;
    set_up(&setup);
    blocks_bound(2 * MUCH * MEGABYTE);
    char *block = blocks_new(64, MUCH * MEGABYTE, false);
    memset(block, 1, MUCH * MEGABYTE);
    blocks_free(block);
    assert_false(setup_has_drifted(&setup));
    assert_true(blocks_trim() >= MUCH * MEGABYTE);
    setup_done(&setup);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_is_charged_for_makes_it_due),
        cmocka_unit_test(what_is_charged_and_what_is_little_do_not),
        cmocka_unit_test(blocks_that_are_kept_do_not),
    };
    return cmocka_run_group_tests_name("setup", tests, NULL, NULL);
}
