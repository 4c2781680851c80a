/* Plans for the memory there is: their order, and that what is chosen fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "memory/plan.h"

#include <cmocka.h> /* last: it has a macro fail() */

/* Round figures, so that floors can be told by hand. The first keeps what runs took, the second does not. */
static const struct plan_costs engines[] = {
    {.engine = "wanted",
     .baseline = 100,
     .models = 3,
     .model = {{.weights = 20, .loading = 30, .run = {400, 200, 150, 100}},
               {.weights = 50, .loading = 60, .run = {40, 40, 40, 40}, .further = 40, .by_line = true},
               {.weights = 5, .loading = 2, .run = {10, 10, 10, 10}}},
     .keeps = true},
    {.engine = "leaner",
     .baseline = 50,
     .models = 3,
     .model = {{.weights = 10, .loading = 15, .run = {300, 150, 110, 80}},
               {.weights = 25, .loading = 90, .run = {30, 30, 30, 30}, .further = 30, .by_line = true},
               {.weights = 2, .loading = 1, .run = {8, 8, 8, 8}}}},
};

static uint64_t floor_of(int engine, int threads, int tiles, bool swapping) {
    struct plan plan = {engine, threads, tiles, swapping};
    return plan_floor(&engines[engine], &plan);
}

static uint64_t comfort_of(int engine, int threads, int tiles, bool swapping) {
    struct plan plan = {engine, threads, tiles, swapping};
    return plan_comfort(&engines[engine], &plan);
}

static void floors_are_sums(void **state) {
    (void)state;
    assert_int_equal(floor_of(0, 4, 1, false), 100 + 75 + 400 + 4 * 40 + 10 + 60);
    assert_int_equal(floor_of(0, 1, 4, false), 100 + 75 + 100 + 40 + 10 + 60);
    assert_int_equal(floor_of(1, 4, 1, false), 50 + 37 + 300);
    assert_int_equal(floor_of(1, 1, 1, false), 50 + 37 + 300);
    assert_int_equal(floor_of(1, 1, 4, false), 50 + 37 + 90); /* loading is the most */
    assert_int_equal(floor_of(0, 1, 1, true), 100 + 20 + 400);
    assert_int_equal(floor_of(0, 1, 4, true), 100 + 20 + 100);
    assert_int_equal(floor_of(1, 1, 3, true), 50 + 10 + 110);
    assert_int_equal(floor_of(1, 1, 4, true), 50 + 25 + 90);
}

static void threads_but_the_first_may_take_less(void **state) {
    (void)state;
    struct plan_costs costs = engines[0];
    costs.model[1].further = 25;
    struct plan plan = {.threads = 4, .tiles = 1};
    assert_int_equal(plan_floor(&costs, &plan), 100 + 75 + 400 + 40 + 3 * 25 + 10 + 60);
    plan.threads = 1;
    assert_int_equal(plan_floor(&costs, &plan), 100 + 75 + 400 + 40 + 10 + 60);
}

/* Threads with weights of their own give way before models are loaded one at a time. */
static void weights_of_threads_add_up(void **state) {
    (void)state;
    const struct plan_costs reader = {
        .engine = "reader",
        .baseline = 20,
        .models = 2,
        .model = {
            {.weights = 15, .loading = 5, .run = {30, 30, 30, 30}, .further = 30, .by_line = true, .own_weights = true},
            {.weights = 8, .loading = 4, .run = {6, 6, 6, 6}}}};
    struct plan plan = {.threads = 3, .tiles = 1};
    assert_int_equal(plan_floor(&reader, &plan), 20 + 3 * 15 + 8 + 30);
    assert_int_equal(plan_comfort(&reader, &plan), 20 + 3 * 15 + 8 + 3 * 30 + 6 + 5);
    assert_int_equal(plan_choose(&reader, 1, 3, 20 + 2 * 15 + 8 + 30, &plan), 0);
    assert_true(plan.threads == 2 && !plan.swapping);
    assert_int_equal(plan_choose(&reader, 1, 3, 20 + 15 + 30, &plan), 0);
    assert_true(plan.threads == 1 && plan.swapping);
}

static void comfort_has_room_for_all_at_once(void **state) {
    (void)state;
    assert_int_equal(comfort_of(0, 4, 1, false), floor_of(0, 4, 1, false));
    assert_int_equal(comfort_of(1, 4, 1, false), 50 + 37 + 4 * 30 + 300 + 90);
    assert_int_equal(comfort_of(1, 1, 2, false), 50 + 37 + 30 + 150 + 90);
    assert_int_equal(comfort_of(0, 1, 2, true), floor_of(0, 1, 2, true));
}

struct expectation {
    uint64_t bytes;
    struct plan plan;
};

/* From plenty down: more tiles, fewer threads from one tile again, the leaner engine, one model at a time. */
static const struct expectation expectations[] = {
    {UINT64_MAX, {0, 4, 1, false}}, {805, {0, 4, 1, false}}, /* 100 + 75 + 60 + 10 + 160 + 400 */
    {804, {0, 4, 2, false}},        {605, {0, 4, 2, false}}, {604, {0, 4, 3, false}}, {555, {0, 4, 3, false}},
    {554, {0, 4, 4, false}},        {505, {0, 4, 4, false}}, {504, {0, 3, 4, false}}, {465, {0, 3, 4, false}},
    {464, {0, 2, 4, false}},        {425, {0, 2, 4, false}}, {424, {0, 1, 4, false}}, {385, {0, 1, 4, false}},
    {384, {1, 4, 2, false}},        {237, {1, 4, 2, false}}, {236, {1, 4, 3, false}}, {197, {1, 4, 3, false}},
    {196, {1, 4, 4, false}},        {177, {1, 4, 4, false}}, {176, {1, 1, 3, true}},  {170, {1, 1, 3, true}},
    {169, {1, 1, 4, true}},         {165, {1, 1, 4, true}},
};

static void smaller_plans_come_in_order(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(expectations); i++) {
        struct plan plan;
        assert_int_equal(plan_choose(engines, 2, 4, expectations[i].bytes, &plan), 0);
        assert_int_equal(plan.engine, expectations[i].plan.engine);
        assert_int_equal(plan.threads, expectations[i].plan.threads);
        assert_int_equal(plan.tiles, expectations[i].plan.tiles);
        assert_int_equal(plan.swapping, expectations[i].plan.swapping);
    }
}

static void fewer_threads_may_save_tiles(void **state) {
    (void)state;
    /* Lines are most of it: with 3 threads a page need not be cut. */
    const struct plan_costs costs = {
        .engine = "e",
        .models = 2,
        .model = {{.run = {30, 20, 20, 20}}, {.run = {100, 100, 100, 100}, .further = 100, .by_line = true}},
        .keeps = true};
    struct plan plan;
    assert_int_equal(plan_choose(&costs, 1, 4, 419, &plan), 0);
    assert_int_equal(plan.threads, 3);
    assert_int_equal(plan.tiles, 1);
}

/* With 464 to 385 bytes the wanted engine keeps two of four threads, or one; the leaner one keeps four in one piece. */
static void threads_are_given_up_while_those_left_are_worth_more(void **state) {
    (void)state;
    static const struct {
        double prices[2];
        uint64_t bytes;
        int engine, threads;
    } cases[] = {
        {{10, 19}, 464, 1, 4}, {{10, 20}, 464, 0, 2},
        {{10, 21}, 464, 0, 2}, /* 2 threads count as 4 of twice the price */
        {{10, 19}, 465, 0, 3}, {{10, 13}, 465, 1, 4},
        {{10, 13}, 505, 0, 4}, /* none is given up */
        {{10, 19}, 424, 1, 4}, {{10, 41}, 424, 0, 1},
        {{10, 41}, 384, 1, 4},                       /* nothing of the wanted one fits */
        {{0, 10}, 424, 0, 1},  {{10, 0}, 424, 0, 1}, /* not known: in order */
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct plan_costs two[2] = {engines[0], engines[1]};
        struct plan plan;
        two[0].price = cases[i].prices[0];
        two[1].price = cases[i].prices[1];
        assert_int_equal(plan_choose(two, 2, 4, cases[i].bytes, &plan), 0);
        assert_int_equal(plan.engine, cases[i].engine);
        assert_int_equal(plan.threads, cases[i].threads);
    }
}

static void swapping_tries_the_wanted_engine_first(void **state) {
    (void)state;
    struct plan_costs two[2] = {engines[0], engines[1]};
    two[1].model[1].loading = 5000; /* does not fit in any way */
    struct plan plan;
    assert_int_equal(plan_choose(two, 2, 4, 384, &plan), 0);
    assert_true(plan.swapping);
    assert_int_equal(plan.engine, 0);
    assert_int_equal(plan.threads, 1);
    assert_int_equal(plan.tiles, 2); /* 100 + 20 + 200 */
}

/* Place of a plan in the order; the smaller the plan, the larger. */
static int place_of(const struct plan *plan, int threads) {
    int kind = plan->swapping ? 2 + plan->engine : plan->engine;
    return (kind * threads + (threads - plan->threads)) * PLAN_TILES + plan->tiles - 1;
}

static void more_memory_never_gives_a_smaller_plan(void **state) {
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 200; round++) {
        struct plan_costs random[2] = {engines[0], engines[1]};
        for (int i = 0; i < 6; i++) {
            struct plan_model *model = &random[i / 3].model[i % 3];
            model->weights = (uint64_t)rand_r(&seed) % 100;
            model->loading = (uint64_t)rand_r(&seed) % 100;
            model->run[0] = (uint64_t)rand_r(&seed) % 400;
            model->run[1] = model->run[0] * 2 / 3;
            model->run[2] = model->run[3] = model->run[0] / 2;
            random[i / 3].keeps = rand_r(&seed) % 2;
        }
        int last = INT32_MAX;
        for (uint64_t bytes = 0; bytes < 2600; bytes += 13) {
            struct plan plan;
            if (plan_choose(random, 2, 5, bytes, &plan) != 0) {
                assert_int_equal(last, INT32_MAX);
                continue;
            }
            assert_true(plan_floor(&random[plan.engine], &plan) <= bytes);
            assert_true(plan_comfort(&random[plan.engine], &plan) >= plan_floor(&random[plan.engine], &plan));
            assert_true(place_of(&plan, 5) <= last);
            last = place_of(&plan, 5);
        }
        assert_int_not_equal(last, INT32_MAX);
    }
}

static void more_memory_never_gives_a_slower_plan(void **state) {
    (void)state;
    for (double leaner = 10; leaner < 50; leaner += 3) {
        struct plan_costs two[2] = {engines[0], engines[1]};
        two[0].price = 10;
        two[1].price = leaner;
        double last = 0;
        for (uint64_t bytes = 177; bytes < 900; bytes++) {
            struct plan plan;
            assert_int_equal(plan_choose(two, 2, 4, bytes, &plan), 0);
            assert_true(plan_floor(&two[plan.engine], &plan) <= bytes);
            assert_true(plan.threads / two[plan.engine].price >= last);
            last = plan.threads / two[plan.engine].price;
        }
    }
}

static void no_plan_is_refused_with_figures(void **state) {
    (void)state;
    const struct plan_costs large = {.engine = "e",
                                     .baseline = 40000000,
                                     .models = 1,
                                     .model = {{.weights = 10000000, .run = {90000000, 70000000, 70000000, 60000001}}}};
    struct plan plan = {.threads = 77};
    assert_int_equal(plan_choose(&large, 1, 2, 110000000, &plan), ERR_NO_MEMORY);
    assert_string_equal(error_detail(), "reading any page needs 110.1 MB at the least, 110.0 MB are available");
    assert_int_equal(plan.threads, 77); /* untouched */
    assert_int_equal(plan_choose(&large, 1, 2, 110000001, &plan), 0);
    assert_int_equal(plan_choose(engines, 2, 4, 164, &plan), ERR_NO_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floors_are_sums),
        cmocka_unit_test(threads_but_the_first_may_take_less),
        cmocka_unit_test(weights_of_threads_add_up),
        cmocka_unit_test(comfort_has_room_for_all_at_once),
        cmocka_unit_test(smaller_plans_come_in_order),
        cmocka_unit_test(fewer_threads_may_save_tiles),
        cmocka_unit_test(threads_are_given_up_while_those_left_are_worth_more),
        cmocka_unit_test(swapping_tries_the_wanted_engine_first),
        cmocka_unit_test(more_memory_never_gives_a_smaller_plan),
        cmocka_unit_test(more_memory_never_gives_a_slower_plan),
        cmocka_unit_test(no_plan_is_refused_with_figures),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
