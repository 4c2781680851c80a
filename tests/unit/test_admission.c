/* The gate for new work: its arithmetic, and claims on a ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "pool/admission.h"

#include <cmocka.h>

#define MB ((uint64_t)1 << 20)

static void worker_leaves_a_quarter_to_the_documents(void **state) {
    (void)state;
    assert_int_equal(admission_worker_bytes(400 * MB, 10 * MB, 0), 290 * MB);
    assert_int_equal(admission_worker_bytes(400 * MB, 10 * MB, 99 * MB), 290 * MB);
    assert_int_equal(admission_worker_bytes(400 * MB, 10 * MB, 200 * MB), 190 * MB);
    assert_int_equal(admission_worker_bytes(400 * MB, 10 * MB, 500 * MB), 1);
    assert_int_equal(admission_worker_bytes(0, 10 * MB, 0), 1);
}

static void as_many_workers_as_have_what_they_ask_for(void **state) {
    (void)state;
    assert_int_equal(admission_workers(400 * MB, 100 * MB, 150 * MB, 1, 4), 2); /* three would have 133 MB each */
    assert_int_equal(admission_workers(399 * MB, 100 * MB, 120 * MB, 2, 4), 3);
    assert_int_equal(admission_workers(400 * MB, 100 * MB, 150 * MB, 1, 1), 1);
    assert_int_equal(admission_workers(300 * MB, 100 * MB, 150 * MB, 1, 4), 1); /* not without some more */
    assert_int_equal(admission_workers(300 * MB, 100 * MB, 150 * MB, 3, 4), 3); /* and none goes for it */
    assert_int_equal(admission_workers(299 * MB, 100 * MB, 150 * MB, 3, 4), 2);
    assert_int_equal(admission_workers(50 * MB, 100 * MB, 150 * MB, 3, 4), 1);
    assert_int_equal(admission_workers(1, 100 * MB, 150 * MB, 1, 4), 1);
    assert_int_equal(admission_workers(UINT64_MAX, 0, UINT64_MAX, 2, 4), 2); /* nobody has told yet */
}

/* Whatever comes, what is promised to workers is within what they may plan with. */
static void nothing_is_promised_twice(void **state) {
    (void)state;
    for (uint64_t budget = 40 * MB; budget < 4000 * MB; budget += 37 * MB) {
        for (uint64_t floor = 30 * MB; floor < 700 * MB; floor += 53 * MB) {
            size_t open = 1;
            for (uint64_t page = 0; page < 2000 * MB; page += 333 * MB) {
                uint64_t bytes = admission_worker_bytes(budget, 10 * MB, page);
                open = admission_workers(bytes, floor, floor + floor / 4, open, 16);
                assert_true(open == 1 || open * floor <= bytes);
                uint64_t room;
                assert_true(open == 1 || admission_fits(budget, 10 * MB, open * floor, page, &room));
            }
        }
    }
}

static void what_never_fits_is_known(void **state) {
    (void)state;
    uint64_t room;
    assert_true(admission_fits(400 * MB, 10 * MB, 150 * MB, 240 * MB, &room));
    assert_int_equal(room, 240 * MB);
    assert_false(admission_fits(400 * MB, 10 * MB, 150 * MB, 240 * MB + 1, &room));
    assert_false(admission_fits(100 * MB, 10 * MB, 150 * MB, 1, &room));
    assert_int_equal(room, 0);
}

static void grants_follow_what_was_needed(void **state) {
    (void)state;
    assert_int_equal(admission_first_grant(1000 * MB), 32 * MB);
    assert_int_equal(admission_first_grant(40 * MB), 10 * MB);
    assert_int_equal(admission_first_grant(0), MB);
    assert_int_equal(admission_guess(0, 40 * MB), 10 * MB);
    assert_int_equal(admission_guess(30 * MB, 40 * MB), 30 * MB);
    assert_int_equal(admission_guess(80 * MB, 40 * MB), 40 * MB);
    assert_int_equal(admission_next_grant(80 * MB, 60 * MB), 80 * MB);
    assert_int_equal(admission_next_grant(80 * MB, 2 * MB), 40 * MB); /* after a large page small ones */
    assert_int_equal(admission_next_grant(2 * MB, 1), 2 * MB);
}

/* Claims */

static void note(void *context, const char *text) { (void)context, (void)text; }

static const struct pool_conf conf = {.threads = 1, .seats = 1, .jobs = 1};
static const struct pool_events events = {.note = note};

static int set_up(void **state) {
    static struct core core;
    static struct stake stakes[2];
    stakes[0] = stakes[1] = (struct stake){.account = -1};
    core = (struct core){.conf = &conf, .events = &events, .stakes = stakes, .stake_count = 2, .baseline = 10 * MB};
    if (ledger_create("cpu", 400 * MB, 1, &core.ledger) != 0 || recorder_create(&core.recorder) != 0 ||
        ledger_open_account(core.ledger, "front", getpid(), &core.account) != 0) {
        return -1;
    }
    ledger_note(core.ledger, core.account, CHARGE_BASELINE, core.baseline);
    *state = &core;
    return 0;
}

static int tear_down(void **state) {
    struct core *core = *state;
    ledger_drop(&core->ledger);
    recorder_drop(&core->recorder);
    return 0;
}

static int ask(struct core *core, struct claim *claim, uint64_t bytes) {
    return claim_ask(claim, core, core->account, CHARGE_DRAWING, bytes, 0, 0, 0);
}

static uint64_t drawing(struct core *core) { return ledger_held(core->ledger, core->account, CHARGE_DRAWING); }

static void what_fits_is_held_until_it_is_dropped(void **state) {
    struct core *core = *state;
    struct claim claim = {.ticket = -1};
    assert_int_equal(ask(core, &claim, 100 * MB), 0);
    assert_int_equal(ask(core, &claim, 100 * MB), 0); /* once */
    assert_int_equal(drawing(core), 100 * MB);
    claim_drop(&claim, core);
    claim_drop(&claim, core);
    assert_int_equal(drawing(core), 0);
}

static void what_does_not_fit_now_waits(void **state) {
    struct core *core = *state;
    struct claim first = {.ticket = -1}, second = {.ticket = -1}, third = {.ticket = -1};
    assert_int_equal(ask(core, &first, 300 * MB), 0);
    assert_int_equal(ask(core, &second, 200 * MB), 1);
    assert_int_equal(ask(core, &third, 200 * MB), 1);
    claim_drop(&third, core); /* gives up waiting */
    claim_drop(&first, core);
    assert_int_equal(ask(core, &second, 200 * MB), 0);
    claim_drop(&second, core);
    assert_int_equal(drawing(core), 0);
}

static void room_of_the_worker_is_left(void **state) {
    struct core *core = *state;
    struct claim claim = {.ticket = -1};
    int worker;
    core->stakes[0].floor = 200 * MB;
    assert_int_equal(ledger_open_account(core->ledger, "worker", getpid(), &worker), 0);
    core->stakes[0].account = worker;
    assert_int_equal(ask(core, &claim, 190 * MB), 0);
    claim_drop(&claim, core);
    ledger_note(core->ledger, worker, CHARGE_WEIGHTS, 250 * MB); /* more than its floor */
    assert_int_equal(ask(core, &claim, 190 * MB), 1);
    ledger_note(core->ledger, worker, CHARGE_WEIGHTS, 200 * MB);
    assert_int_equal(ask(core, &claim, 190 * MB), 0);
    claim_drop(&claim, core);
    ledger_note(core->ledger, worker, CHARGE_WEIGHTS, 0);
    assert_int_equal(ask(core, &claim, 150 * MB), 0); /* in hand, the floor less what it has stays free */
    struct claim more = {.ticket = -1};
    assert_int_equal(ask(core, &more, 80 * MB), 1);
    ledger_note(core->ledger, worker, CHARGE_WEIGHTS, 160 * MB); /* was counted already */
    assert_int_equal(ask(core, &more, 80 * MB), 1);
    claim_drop(&claim, core);
    assert_int_equal(ask(core, &more, 80 * MB), 0);
    claim_drop(&more, core);
}

/* What each lacks is left, whatever another has beyond its floor. */
static void room_of_each_worker_is_left(void **state) {
    struct core *core = *state;
    struct claim claim = {.ticket = -1};
    core->stakes[0].floor = core->stakes[1].floor = 100 * MB;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ledger_open_account(core->ledger, "worker", getpid(), &core->stakes[i].account), 0);
    }
    ledger_note(core->ledger, core->stakes[0].account, CHARGE_WEIGHTS, 150 * MB);
    assert_int_equal(ask(core, &claim, 141 * MB), 1); /* 400 less 10, less 150, less 100 that the other lacks */
    assert_int_equal(ask(core, &claim, 140 * MB), 0);
    claim_drop(&claim, core);
    ledger_note(core->ledger, core->stakes[1].account, CHARGE_WEIGHTS, 60 * MB);
    assert_int_equal(ask(core, &claim, 140 * MB), 0); /* was counted already */
    claim_drop(&claim, core);
    core->stakes[1].floor = 0; /* it is not used any more, and has given nothing back yet */
    assert_int_equal(ask(core, &claim, 181 * MB), 1);
    assert_int_equal(ask(core, &claim, 180 * MB), 0);
    claim_drop(&claim, core);
}

static void what_never_fits_is_refused_with_its_figures(void **state) {
    struct core *core = *state;
    struct claim claim = {.ticket = -1};
    core->stakes[0].floor = 120 * MB;
    core->stakes[1].floor = 80 * MB;
    assert_int_equal(ask(core, &claim, 191 * MB), ERR_NO_MEMORY);
    assert_string_equal(error_detail(), "drawing needs 200278016 bytes, 199229440 are available");
    assert_int_equal(recorder_count(core->recorder, EVENT_REFUSAL), 1);
    core->planning = true; /* a smaller plan of the worker may still make room ... */
    assert_int_equal(ask(core, &claim, 191 * MB), 1);
    core->stakes[1].floor = 30 * MB;
    core->planning = false;
    assert_int_equal(ask(core, &claim, 191 * MB), 0);
    claim_drop(&claim, core);
    core->planning = true; /* ... but not for this */
    assert_int_equal(ask(core, &claim, 391 * MB), ERR_NO_MEMORY);
    assert_int_equal(drawing(core), 0);
    assert_int_equal(core->refusals, 2);
}

static void shrunken_budget_refuses_who_waits(void **state) {
    struct core *core = *state;
    struct claim first = {.ticket = -1}, second = {.ticket = -1};
    assert_int_equal(ask(core, &first, 300 * MB), 0);
    assert_int_equal(ask(core, &second, 200 * MB), 1);
    ledger_set_budget(core->ledger, 150 * MB);
    assert_int_equal(ask(core, &second, 200 * MB), ERR_NO_MEMORY);
    claim_drop(&first, core);
    claim_drop(&second, core);
    assert_int_equal(drawing(core), 0);
    struct ledger_state end;
    ledger_read(core->ledger, &end);
    assert_int_equal(end.waiting, 0);
    assert_int_equal(end.errors, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_leaves_a_quarter_to_the_documents),
        cmocka_unit_test(as_many_workers_as_have_what_they_ask_for),
        cmocka_unit_test(nothing_is_promised_twice),
        cmocka_unit_test(what_never_fits_is_known),
        cmocka_unit_test(grants_follow_what_was_needed),
        cmocka_unit_test_setup_teardown(what_fits_is_held_until_it_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_now_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_of_the_worker_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_of_each_worker_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_never_fits_is_refused_with_its_figures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shrunken_budget_refuses_who_waits, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
