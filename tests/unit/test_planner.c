/* From the real catalog and its priors to plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/run.h"
#include "worker/planner.h"

#include <cmocka.h>

#define MEGABYTE UINT64_C(1000000)

struct bench {
    struct catalog catalog;
    struct planner planner;
};

static void set_up(struct bench *bench, const struct engine_kind *first, const struct engine_kind *second) {
    *bench = (struct bench){.planner = {.threads = 2, .predictor = predictor_new(), .kinds = {first, second}}};
    bench->planner.kind_count = second ? 2 : 1;
    assert_int_equal(catalog_load("share/octavo/catalog.yaml", &bench->catalog), 0);
    for (size_t i = bench->catalog.count; i-- > 0;) {
        const struct model_spec *spec = &bench->catalog.specs[i];
        if (spec->sha256) { /* the others do not come with us */
            bench->planner.specs[spec->role] = spec;
        }
    }
}

static void tear_down(struct bench *bench) {
    predictor_drop(&bench->planner.predictor);
    catalog_done(&bench->catalog);
}

/* From much memory to little: each plan fits, none is larger than the one before, and the last word is a refusal. */
static void shrink(struct bench *bench) {
    uint64_t before = UINT64_MAX;
    bool reduced = false;
    for (uint64_t bytes = 2000 * MEGABYTE;; bytes -= 20 * MEGABYTE) {
        struct planned planned;
        int result = planner_choose(&bench->planner, bytes, &planned);
        if (result != 0) {
            assert_int_equal(result, ERR_NO_MEMORY);
            assert_true(bytes < 150 * MEGABYTE);
            break;
        }
        assert_true(planned.floor <= bytes);
        assert_true(planned.floor <= planned.comfort);
        assert_true(planned.floor <= before);
        assert_true(planned.told.reduced || !reduced);
        assert_string_equal(planned.told.engine, planned.kind->name);
        before = planned.floor;
        reduced = planned.told.reduced;
    }
    assert_true(reduced);
}

static void test_plans_shrink(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, &engine_onnxruntime, NULL);
    shrink(&bench);
    tear_down(&bench);
}

/* Beside ONNX Runtime, which its other models need. */
static void test_a_reader(void **state) {
    (void)state;
    struct bench bench;
    struct planned planned;
    struct model_spec reader = {.id = (char[]){"reader"},
                                .role = ROLE_READ,
                                .only_tesseract = true,
                                .tesseract = {.weights = 15e6, .loading = 5e6, .run = {14e6, 2.5}}};
    set_up(&bench, &engine_tesseract, NULL);
    bench.planner.specs[ROLE_DETECT] = bench.planner.specs[ROLE_RECOGNISE] = bench.planner.specs[ROLE_CLASSIFY] = NULL;
    bench.planner.specs[ROLE_READ] = &reader;
    assert_true(planner_second(bench.planner.specs, &engine_tesseract));
    assert_ptr_equal(planner_kind(&reader, &engine_tesseract), &engine_tesseract);
    assert_ptr_equal(planner_kind(bench.planner.specs[ROLE_ORIENT], &engine_tesseract), &engine_onnxruntime);
    assert_int_equal(planner_choose(&bench.planner, 1000 * MEGABYTE, &planned), 0);
    uint64_t floor = planned.floor;
    bench.planner.threads = 3;
    assert_int_equal(planner_choose(&bench.planner, 1000 * MEGABYTE, &planned), 0);
    assert_int_equal(planned.floor - floor, weights_predict(bench.planner.predictor, &reader, &engine_tesseract));
    for (int role = 0; role < ROLE_READ; role++) {
        bench.planner.specs[role] = NULL;
    }
    assert_false(planner_second(bench.planner.specs, &engine_tesseract));
    bench.planner.threads = 2;
    shrink(&bench);
    tear_down(&bench);
}

/* Tesseract beside the engine of the text models, for how pages lie. */
static void test_orientation_by_tesseract(void **state) {
    (void)state;
    struct bench bench;
    struct planned with, without;
    struct model_spec turner = {.id = (char[]){"turner"},
                                .role = ROLE_ORIENT,
                                .only_tesseract = true,
                                .tesseract = {.weights = 33e6, .loading = 15e6, .run = {14e6, 2.5}}};
    set_up(&bench, &engine_onnxruntime, NULL);
    bench.planner.specs[ROLE_ORIENT] = NULL;
    assert_int_equal(planner_choose(&bench.planner, 2000 * MEGABYTE, &without), 0);
    bench.planner.specs[ROLE_ORIENT] = &turner;
    assert_false(planner_second(bench.planner.specs, &engine_onnxruntime));
    assert_ptr_equal(planner_kind(&turner, &engine_onnxruntime), &engine_tesseract);
    assert_int_equal(planner_choose(&bench.planner, 2000 * MEGABYTE, &with), 0);
    assert_int_equal(with.comfort - without.comfort,
                     PLANNER_LIBRARY + weights_predict(bench.planner.predictor, &turner, &engine_tesseract));
    shrink(&bench);
    tear_down(&bench);
}

static void test_the_leaner_engine_comes_last(void **state) {
    (void)state;
    struct bench bench;
    struct planned planned;
    set_up(&bench, &engine_openvino, &engine_onnxruntime);
    assert_int_equal(planner_choose(&bench.planner, 2000 * MEGABYTE, &planned), 0);
    assert_ptr_equal(planned.kind, &engine_openvino);
    assert_false(planned.told.reduced);
    assert_int_equal(planner_choose(&bench.planner, 200 * MEGABYTE, &planned), 0);
    assert_ptr_equal(planned.kind, &engine_onnxruntime);
    assert_true(planned.told.reduced);
    tear_down(&bench);
}

/* Where OpenVINO can read on one of two threads, and ONNX Runtime on both. */
static void test_what_does_more_is_taken(void **state) {
    (void)state;
    struct bench bench;
    struct planned planned, alone;
    set_up(&bench, &engine_openvino, &engine_onnxruntime);
    bench.planner.tiles = PLAN_TILES;
    bench.planner.threads = 1;
    assert_int_equal(planner_choose(&bench.planner, 2000 * MEGABYTE, &alone), 0);
    bench.planner.threads = 2;
    bench.planner.prices[0] = 10;
    bench.planner.prices[1] = 21;
    assert_int_equal(planner_choose(&bench.planner, alone.floor, &planned), 0);
    assert_ptr_equal(planned.kind, &engine_openvino);
    assert_int_equal(planned.told.threads, 1);
    bench.planner.prices[1] = 19;
    assert_int_equal(planner_choose(&bench.planner, alone.floor, &planned), 0);
    assert_ptr_equal(planned.kind, &engine_onnxruntime);
    assert_int_equal(planned.told.threads, 2);
    assert_true(planned.told.reduced);
    tear_down(&bench);
}

static void test_tiles_that_are_wished_for(void **state) {
    (void)state;
    struct bench bench;
    struct planned planned;
    set_up(&bench, &engine_onnxruntime, NULL);
    bench.planner.tiles = 3;
    assert_int_equal(planner_choose(&bench.planner, 2000 * MEGABYTE, &planned), 0);
    assert_int_equal(planned.told.tiles, 3);
    assert_false(planned.told.reduced);
    tear_down(&bench);
}

static void test_more_tiles_are_smaller(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, &engine_onnxruntime, NULL);
    const struct model_spec *detect = bench.planner.specs[ROLE_DETECT];
    for (int tiles = 2; tiles <= PLAN_TILES; tiles++) {
        assert_true(planner_largest(detect, tiles) < planner_largest(detect, tiles - 1));
    }
    tear_down(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans_shrink),
        cmocka_unit_test(test_a_reader),
        cmocka_unit_test(test_orientation_by_tesseract),
        cmocka_unit_test(test_the_leaner_engine_comes_last),
        cmocka_unit_test(test_what_does_more_is_taken),
        cmocka_unit_test(test_tiles_that_are_wished_for),
        cmocka_unit_test(test_more_tiles_are_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
