/* Predictions of memory: what is charged covers what is taken, without charging twice the need. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "memory/predict.h"
#include "memory/quality.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define MB UINT64_C(1000000)
static const struct prior nothing = {0, 0};

static uint64_t seed = 1;

/* From 0 to 1. */
static double chance(void) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(seed >> 11) / 9007199254740992.0;
}

/* Around 0, deviation 1, at most 6. */
static double scatter(void) {
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        sum += chance();
    }
    return sum;
}

/* What the engines took, as measured: detection by pixels, recognition by width. */
static double detection_peak(double pixels) { return 2e6 + 111 * pixels; }
static double recognition_peak(double width) { return 144 * width * (205 + 185 * fmax(0, log2(width / 64) / 5)); }

static struct quality quality; /* of what learn() has seen since forget() */

static void forget(void) { memset((void *)&quality, 0, sizeof(quality)); }

static uint64_t learn(struct predictor *predictor, const char *key, struct prior prior, double elements,
                      double actual) {
    uint64_t predicted = predict(predictor, key, prior, (uint64_t)elements);
    predict_learn(predictor, key, (uint64_t)elements, (uint64_t)actual, predicted);
    quality_count(&quality, (uint64_t)actual, predicted);
    return predicted;
}

static void prior_is_all_at_first(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    uint64_t bytes = predict(predictor, "det", (struct prior){10e6, 100}, 500000);
    assert_in_range(bytes, 75 * MB, 76 * MB);
    assert_int_equal(predict_samples(predictor, "det"), 0);
    assert_int_equal(predict_samples(predictor, "rec"), 0);
    assert_int_equal(predict(predictor, "none", (struct prior){NAN, -5}, 1000),
                     predict(predictor, "zero", nothing, 1000));
}

static void prior_counts_until_enough_was_learned(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    const struct prior high = {0, 1000};
    for (int i = 0; i < 3; i++) {
        assert_true(learn(predictor, "det", high, 100000, 20e6) >= 125 * MB);
    }
    for (int i = 0; i < 5; i++) {
        assert_in_range(learn(predictor, "det", high, 100000, 20e6), 20 * MB, 26 * MB);
    }
    assert_in_range(predict(predictor, "det", high, 100000), 20 * MB, 24 * MB);
    /* Sizes show no slope yet: the prior's, at the ratio that was seen. */
    assert_in_range(predict(predictor, "det", high, 1000000), 200 * MB, 240 * MB);
}

static void without_a_prior_one_size_is_read_safely(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    learn(predictor, "load", nothing, 100000, 20e6);
    assert_true(predict(predictor, "load", nothing, 10) >= 20 * MB);
    assert_true(predict(predictor, "load", nothing, 200000) >= 40 * MB);
    learn(predictor, "keep", nothing, 0, 3e6);
    assert_in_range(predict(predictor, "keep", nothing, 0), 3 * MB, 5 * MB);
}

static void line_is_found_and_goes_on(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    for (int i = 1; i <= 40; i++) {
        learn(predictor, "det", nothing, i * 20000, detection_peak(i * 20000));
    }
    for (double pixels = 20000; pixels < 2e7; pixels *= 1.3) {
        double ratio = (double)predict(predictor, "det", nothing, (uint64_t)pixels) / detection_peak(pixels);
        assert_true(ratio >= 1 && ratio < 1.4);
    }
}

static void few_large_samples_count_like_many_small_ones(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    for (int i = 0; i < 2000; i++) {
        learn(predictor, "rec", nothing, 5000 + 10 * (i % 50), 2e6 * (1 + 0.2 * chance()));
    }
    for (int i = 0; i < 4; i++) {
        learn(predictor, "rec", nothing, 300000, 30e6);
    }
    assert_in_range(predict(predictor, "rec", nothing, 600000), 50 * MB, 100 * MB);
    assert_in_range(predict(predictor, "rec", nothing, 5000), 2 * MB, 4 * MB);
}

static void neither_part_gets_negative(void **state) {
    (void)state;
    static const double wrong[][2] = {{-1, 1e9}, {1, -3e8}}; /* shrinking with size; nothing below a size */
    for (size_t k = 0; k < array_length(wrong); k++) {
        struct predictor *predictor cleanup(predictor_drop) = predictor_new();
        for (int i = 1; i <= 64; i++) {
            learn(predictor, "x", nothing, i * 1e7, fmax(1e6, wrong[k][0] * i * 1e7 + wrong[k][1]));
        }
        assert_true(predict(predictor, "x", nothing, 1) >= 1 * MB);
        assert_true(predict(predictor, "x", nothing, UINT64_C(10000000000)) >= 330 * MB);
    }
}

/* As when a worker was measured while it was not at rest: the odd one is charged, but no multiple of it. */
static void a_few_that_scatter_say_little(void **state) {
    (void)state;
    static const uint64_t seen[] = {20 * MB, 45 * MB, 240 * MB, 44 * MB, 46 * MB};
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    for (size_t i = 0; i < array_length(seen); i++) {
        predict_learn(predictor, "base", 0, seen[i], 0);
        uint64_t bytes = predict(predictor, "base", (struct prior){40e6, 0}, 0);
        assert_in_range(bytes, i < 2 ? seen[i] : 240 * MB, 301 * MB);
    }
}

/* Whatever was learned before and however odd: the next prediction is above the peak that was not foreseen. */
static void what_was_not_foreseen_is_charged_at_once(void **state) {
    (void)state;
    int unforeseen = 0;
    for (int round = 0; round < 300; round++) {
        struct predictor *predictor cleanup(predictor_drop) = predictor_new();
        int before = (int)(chance() * 100);
        for (int i = 0; i < before; i++) {
            double elements = exp2(20 * chance());
            learn(predictor, "x", (struct prior){1e5, 100}, elements, 1e6 + exp2(4 * chance()) * 50 * elements);
        }
        double elements = exp2(22 * chance());
        uint64_t predicted = predict(predictor, "x", nothing, (uint64_t)elements), actual = predicted * 3 / 2;
        predict_learn(predictor, "x", (uint64_t)elements, actual, predicted);
        for (double more = elements; more < 1e8; more *= 1.7) {
            assert_true(predict(predictor, "x", nothing, (uint64_t)more) > actual);
        }
        unforeseen++;
    }
    assert_int_equal(unforeseen, 300);
}

struct corpus {
    const char *about;
    double deviation, odd; /* relative scatter; the part of runs that take twice as much */
};

/* A page: detection, then lines of all widths. The first runs take twice as much. */
static void read_page(struct predictor *predictor, const struct corpus *corpus, bool first) {
    double pixels = exp2(16 + 5.5 * chance());
    double peak = detection_peak(pixels) * (1 + corpus->deviation * scatter()) * (first ? 2 : 1);
    learn(predictor, "det", (struct prior){1e6, 120}, pixels, peak);
    int lines = 3 + (int)(chance() * 40);
    for (int i = 0; i < lines; i++) {
        double width = 64 * ceil(exp2(5 * chance()));
        double odd = (first && i == 0) || chance() < corpus->odd ? 2 : 1;
        peak = recognition_peak(width) * (1 + corpus->deviation * scatter()) * odd;
        learn(predictor, "rec", (struct prior){1e6, 250}, 144 * width, peak);
    }
}

static void corpora_are_charged_well(void **state) {
    (void)state;
    static const struct corpus corpora[] = {
        {"even", 0, 0}, {"onnxruntime", 0.01, 0}, {"openvino", 0.06, 0}, {"noisy", 0.1, 0}, {"odd", 0.02, 0.001}};
    for (size_t k = 0; k < array_length(corpora); k++) {
        struct predictor *predictor cleanup(predictor_drop) = predictor_new();
        forget();
        for (int page = 0; page < 20; page++) {
            read_page(predictor, &corpora[k], page == 0);
        }
        struct quality_figures early, late;
        quality_read(&quality, &early);
        for (int page = 20; page < 300; page++) {
            read_page(predictor, &corpora[k], false);
        }
        quality_read(&quality, &late);
        print_message("# %s: after 20 pages median %.3f p99 %.3f; after 300 median %.3f p99 %.3f, under %.4f\n",
                      corpora[k].about, early.median, early.p99, late.median, late.p99,
                      (double)late.under / (double)late.samples);
        assert_true(early.p99 <= 1 && early.median >= 0.6);
        assert_true(late.p99 <= 1 && late.median >= 0.6);
        assert_true((double)late.under <= 0.01 * (double)late.samples);
    }
}

/*
 * 110 samples of one key, sizes from 64 to 16 million. The first, at twice its due, is charged for all that is larger
 * until the line gets there: where it was a small one that is seen in many predictions.
 */
static void wild_sizes_are_charged_well(void **state) {
    (void)state;
    uint64_t under = 0, samples = 0;
    double lowest = 1;
    for (int round = 0; round < 40; round++) {
        struct predictor *predictor cleanup(predictor_drop) = predictor_new();
        forget();
        for (int i = 0; i < 110; i++) {
            double elements = exp2(6 + 18 * chance());
            double peak = (3e6 + 111 * elements) * (1 + 0.03 * scatter()) * (i == 0 ? 2 : 1);
            learn(predictor, "det", (struct prior){2e6, 100}, elements, peak);
        }
        struct quality_figures stats;
        quality_read(&quality, &stats);
        lowest = fmin(lowest, stats.median);
        under += stats.under;
        samples += stats.samples;
    }
    print_message("# wild sizes: lowest median %.3f, under %.4f\n", lowest, (double)under / (double)samples);
    assert_true(lowest >= 0.6);
    assert_true(under <= samples / 50); /* the first of each, and one more */
}

/* The file */

static char folder[] = "/tmp/octavo-test-predict-XXXXXX";
static char *path;

static int make_folder(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    path = format("%s/learned", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path);
    free(path);
    return rmdir(folder);
}

static struct predictor *learned(void) {
    struct predictor *predictor = predictor_new();
    for (int i = 0; i < 400; i++) {
        double elements = exp2(10 + 10 * chance());
        learn(predictor, "det", (struct prior){1e6, 50}, elements, detection_peak(elements) * (1 + 0.1 * chance()));
        learn(predictor, "rec", (struct prior){1e6, 50}, elements / 7, 300 * elements / 7);
    }
    return predictor;
}

static void what_was_learned_is_kept(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = learned();
    struct predictor *other cleanup(predictor_drop) = predictor_new();
    assert_int_equal(predict_save(predictor, path, "cpu 1"), 0);
    predict_learn(other, "rec", 5, 77, 0);
    assert_int_equal(predict_load(other, path, "cpu 1"), 0);
    assert_int_equal(predict_samples(other, "det"), 400);
    assert_int_equal(predict_samples(other, "rec"), 1); /* known already */
    for (int round = 0; round < 40; round++) {
        /* Not only the same now: the same samples are forgotten next. */
        for (uint64_t elements = 1; elements < UINT64_C(1) << 24; elements *= 2) {
            assert_int_equal(predict(predictor, "det", nothing, elements), predict(other, "det", nothing, elements));
        }
        predict_learn(predictor, "det", 70000, 9000000, 0);
        predict_learn(other, "det", 70000, 9000000, 0);
    }
}

static void keys_may_be_long(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    struct predictor *other cleanup(predictor_drop) = predictor_new();
    char name[300] = {0};
    memset(name, 'x', sizeof(name) - 1); /* sixteen languages of Tesseract */
    predict_learn(predictor, name, 5, 77, 0);
    predict_learn(predictor, "det", 5, 77, 0);
    assert_int_equal(predict_save(predictor, path, "cpu 1"), 0);
    assert_int_equal(predict_load(other, path, "cpu 1"), 0);
    assert_int_equal(predict_samples(other, name), 1);
    assert_int_equal(predict_samples(other, "det"), 1);
}

static void file_of_another_machine_is_not_read(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = learned();
    struct predictor *other cleanup(predictor_drop) = predictor_new();
    assert_int_equal(predict_save(predictor, path, "cpu 1"), 0);
    assert_int_equal(predict_load(other, path, "cpu 2"), 0);
    assert_int_equal(predict_load(other, "/tmp/octavo-no-such-file", "cpu 1"), 0);
    assert_int_equal(predict_load(other, folder, "cpu 1"), 0);
    assert_int_equal(predict_samples(other, "det"), 0);
    assert_int_equal(predict_save(predictor, "/proc/octavo/learned", "cpu 1"), ERR_OUTPUT);
}

static uint64_t samples_read_from(const char *text, size_t length) {
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    assert_int_equal(file_replace(path, text, length), 0);
    assert_int_equal(predict_load(predictor, path, "s"), 0);
    uint64_t bytes = predict(predictor, "x", (struct prior){1e6, 1}, 1000);
    assert_in_range(bytes, 1, UINT64_C(1) << 50);
    return predict_samples(predictor, "x");
}

#define FILE_WITH(keys) "{\"format\":1,\"stamp\":\"s\",\"keys\":[" keys "]}"

static void absurd_files_are_not_read(void **state) {
    (void)state;
    const char *good = FILE_WITH("{\"key\":\"x\",\"samples\":3,\"seen\":[1,2,3,4]}");
    assert_int_equal(samples_read_from(good, strlen(good)), 3);
    static const char *const bad[] = {
        "",
        "[]",
        "7",
        "null",
        "{}",
        "{\"format\":1,\"stamp\":\"s\"}",
        "{\"format\":2,\"stamp\":\"s\",\"keys\":[]}",
        "{\"format\":1,\"stamp\":7,\"keys\":[{\"key\":\"x\",\"samples\":1,\"seen\":[1,2]}]}",
        FILE_WITH("{\"key\":\"x\",\"samples\":3,\"seen\":[1,2,3]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1,-2]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1,NaN]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1,1e999]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1e30,1]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1.5,1]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1,null]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1,\"2\"]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":0,\"seen\":[1,2]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1e300,\"seen\":[1,2]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1}"),
        FILE_WITH("{\"key\":7,\"samples\":1,\"seen\":[1,2]}"),
        FILE_WITH("{\"samples\":1,\"seen\":[1,2]}"),
        FILE_WITH("7"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1,2]},{\"key\":\"x\",\"samples\":1,\"seen\":[1,2]}"),
        FILE_WITH("{\"key\":\"x\",\"samples\":1,\"seen\":[1,2]},{\"key\":\"y\",\"samples\":1,\"seen\":[-1,2]}"),
    };
    for (size_t i = 0; i < array_length(bad); i++) {
        assert_int_equal(samples_read_from(bad[i], strlen(bad[i])), 0);
    }
}

/* Each file with a piece missing or bytes changed is read as nothing or as something sensible, and never harms. */
static void damaged_files_do_no_harm(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    for (int i = 0; i < 20; i++) {
        predict_learn(predictor, "x", (uint64_t)exp2(i), (uint64_t)i * 1000000, 0);
    }
    assert_int_equal(predict_save(predictor, path, "s"), 0);
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    assert_int_equal(file_read_path(path, 1 << 20, &text, &length), 0);
    for (size_t cut = 0; cut < length; cut += 7) {
        assert_int_equal(samples_read_from(text, cut), 0);
    }
    for (int round = 0; round < 500; round++) {
        char *changed cleanup(drop_memory) = copy_bytes(text, length);
        for (int i = 0; i <= round % 4; i++) {
            changed[(size_t)(chance() * (double)length)] =
                (char)(chance() < 0.5 ? "0-9e.,]}\"["[(int)(chance() * 10)] : (int)(chance() * 256));
        }
        samples_read_from(changed, length);
    }
}

static void *learn_much(void *data) {
    struct predictor *predictor = data;
    for (int i = 0; i < 500; i++) {
        predict_learn(predictor, "x", (uint64_t)i, 1000, predict(predictor, "x", nothing, (uint64_t)i));
    }
    return NULL;
}

static void threads_learn_together(void **state) {
    (void)state;
    struct predictor *predictor cleanup(predictor_drop) = predictor_new();
    pthread_t threads[4];
    for (size_t i = 0; i < array_length(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, learn_much, predictor), 0);
    }
    for (size_t i = 0; i < array_length(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(predict_samples(predictor, "x"), 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prior_is_all_at_first),
        cmocka_unit_test(prior_counts_until_enough_was_learned),
        cmocka_unit_test(without_a_prior_one_size_is_read_safely),
        cmocka_unit_test(line_is_found_and_goes_on),
        cmocka_unit_test(few_large_samples_count_like_many_small_ones),
        cmocka_unit_test(neither_part_gets_negative),
        cmocka_unit_test(a_few_that_scatter_say_little),
        cmocka_unit_test(what_was_not_foreseen_is_charged_at_once),
        cmocka_unit_test(corpora_are_charged_well),
        cmocka_unit_test(wild_sizes_are_charged_well),
        cmocka_unit_test(what_was_learned_is_kept),
        cmocka_unit_test(keys_may_be_long),
        cmocka_unit_test(file_of_another_machine_is_not_read),
        cmocka_unit_test(absurd_files_are_not_read),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(threads_learn_together),
    };
    return cmocka_run_group_tests_name("predict", tests, make_folder, remove_folder);
}
