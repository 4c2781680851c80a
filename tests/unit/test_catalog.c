/* The catalog: the shipped one is sound, a bad entry is named with its key, choosing says what is missing. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "catalog/catalog.h"
#include "model/model.h"

#include <cmocka.h> /* last: it has a macro fail() */

static char folder[] = "/tmp/octavo-test-XXXXXX";

static int load_text(const char *text, struct catalog *ret) {
    char *path cleanup(drop_memory) = format("%s/catalog.yaml", folder);
    assert_int_equal(file_replace(path, text, strlen(text)), 0);
    int result = catalog_load(path, ret);
    unlink(path);
    return result;
}

static const char classify[] = "models:\n"
                               "  - id: one\n"
                               "    role: classify\n"
                               "    version: A\n"
                               "    file: one.onnx\n"
                               "    bytes: 3\n"
                               "    sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
                               "    channels: bgr\n"
                               "    mean: [0.5, 0.5, 0.5]\n"
                               "    deviation: [0.5, 0.25, 0.5]\n"
                               "    width: 192\n"
                               "    height: 48\n"
                               "    memory:\n"
                               "      onnxruntime: {weights: 2, loading: 3, run: [1.5, 25]}\n"
                               "      openvino: {weights: 4, loading: 5, run: [6, 7]}\n";

static void the_shipped_catalog_is_sound(void **state) {
    (void)state;
    struct catalog catalog;
    assert_int_equal(catalog_load("share/octavo/catalog.yaml", &catalog), 0);
    bool seen[ROLE_COUNT] = {false};
    for (size_t i = 0; i < catalog.count; i++) {
        seen[catalog.specs[i].role] = true;
        assert_true(!catalog.specs[i].sha256 || strlen(catalog.specs[i].sha256) == 64);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(catalog.specs[i].id, catalog.specs[j].id);
        }
    }
    for (int role = 0; role < ROLE_COUNT; role++) {
        assert_true(seen[role] || role == ROLE_READ);
    }
    catalog_done(&catalog);
}

static void values_are_scaled_to_pixels(void **state) {
    (void)state;
    struct catalog catalog;
    assert_int_equal(load_text(classify, &catalog), 0);
    assert_int_equal(catalog.count, 1);
    const struct model_spec *spec = &catalog.specs[0];
    assert_int_equal(spec->role, ROLE_CLASSIFY);
    assert_true(spec->blue_first);
    assert_float_equal(spec->mean[0], 127.5, 1e-3);
    assert_float_equal((255 - spec->mean[1]) * spec->scale[1], 2, 1e-4);
    assert_float_equal(spec->onnxruntime.weights, 2e6, 1);
    assert_float_equal(spec->onnxruntime.run.a, 1.5e6, 1);
    assert_float_equal(spec->openvino.run.b, 7, 1e-6);
    catalog_done(&catalog);
}

/* Each replaces a piece of the good entry; the answer must name the key. */
static void a_bad_entry_is_named_with_its_key(void **state) {
    (void)state;
    static const struct {
        const char *good, *bad, *key;
    } cases[] = {
        {"role: classify", "role: dance", "role"},
        {"bytes: 3", "bytes: many", "bytes"},
        {"bytes: 3", "bytes: 3\n    idle: 0", "idle"},
        {"bytes: 3", "bytes: 3\n    idle: soon", "idle"},
        {"bytes: 3", "bytes: -3", "bytes"},
        {"channels: bgr", "channels: cmyk", "channels"},
        {"[0.5, 0.25, 0.5]", "[0.5, 0, 0.5]", "deviation"},
        {"[0.5, 0.25, 0.5]", "[0.5, 0.25]", "deviation"},
        {"width: 192", "width: 99999", "width"},
        {"file: one.onnx", "file: ../../etc/passwd", "file"},
        {"    sha256", "    sha255", "sha256"},
        {"    bytes: 3\n", "", "bytes"},
        {"role: classify", "role: formula", "tokenizer"},
        {"role: classify", "role: formula\n    tokenizer: a/b", "tokenizer"},
        {"role: classify", "role: cells", "threshold"},
        {"role: classify", "role: cells_open\n    threshold: 2", "threshold"},
        {"role: classify", "role: table_ruled", "long_side"},
        {"role: classify", "role: table_class\n    short_side: 256\n    crop: 257", "crop"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        const char *at = strstr(classify, cases[i].good);
        char *text cleanup(drop_memory) =
            format("%.*s%s%s", (int)(at - classify), classify, cases[i].bad, at + strlen(cases[i].good));
        struct catalog catalog = {0};
        assert_int_equal(load_text(text, &catalog), ERR_BAD_MODEL);
        assert_non_null(strstr(error_detail(), "one"));
        assert_non_null(strstr(error_detail(), cases[i].key));
        assert_null(catalog.specs);
    }
}

static const char layout[] = "models:\n"
                             "  - id: one\n"
                             "    role: layout\n"
                             "    version: A\n"
                             "    file: one.onnx\n"
                             "    engine: onnxruntime\n"
                             "    channels: rgb\n"
                             "    mean: [0, 0, 0]\n"
                             "    deviation: [1, 1, 1]\n"
                             "    width: 640\n"
                             "    height: 480\n"
                             "    threshold: 0.5\n"
                             "    labels: [text, seal, chart]\n"
                             "    thresholds: {seal: 0.25}\n"
                             "    large: [chart]\n"
                             "    memory:\n"
                             "      onnxruntime: {weights: 2, loading: 3, run: [1.5, 25]}\n";

static void labels_have_thresholds_and_may_be_large(void **state) {
    (void)state;
    struct catalog catalog;
    assert_int_equal(load_text(layout, &catalog), 0);
    const struct model_spec *spec = &catalog.specs[0];
    assert_null(spec->sha256);
    assert_int_equal(spec->label_count, 3);
    assert_string_equal(spec->labels[1].word, "seal");
    assert_float_equal(spec->labels[0].threshold, 0.5, 1e-6);
    assert_float_equal(spec->labels[1].threshold, 0.25, 1e-6);
    assert_true(spec->labels[2].large && !spec->labels[1].large);
    catalog_done(&catalog);
}

static void bad_labels_are_named(void **state) {
    (void)state;
    static const struct {
        const char *good, *bad, *key;
    } cases[] = {
        {"labels: [text, seal, chart]", "labels: [text, seal, chart, seal]", "labels"},
        {"labels: [text, seal, chart]", "labels: {}", "labels"},
        {"labels: [text, seal, chart]", "labels: [text, [seal], chart]", "labels"},
        {"{seal: 0.25}", "{stamp: 0.25}", "thresholds"},
        {"{seal: 0.25}", "{seal: 2}", "thresholds"},
        {"large: [chart]", "large: [charts]", "large"},
        {"    engine: onnxruntime\n", "", "engine"},
        {"    engine", "    bytes: 3\n    engine", "sha256"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        const char *at = strstr(layout, cases[i].good);
        char *text cleanup(drop_memory) =
            format("%.*s%s%s", (int)(at - layout), layout, cases[i].bad, at + strlen(cases[i].good));
        struct catalog catalog = {0};
        assert_int_equal(load_text(text, &catalog), ERR_BAD_MODEL);
        assert_non_null(strstr(error_detail(), cases[i].key));
    }
}

static void what_is_no_catalog_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "models: [", "- 1\n- 2\n", "\t", "a: &a [*a, *a]\n", "? [x]\n: y\n"};
    for (size_t i = 0; i < array_length(bad); i++) {
        struct catalog catalog = {0};
        int result = load_text(bad[i], &catalog);
        assert_int_equal(result, ERR_BAD_MODEL);
    }
    struct catalog catalog = {0};
    assert_int_equal(catalog_load("/no/such/file", &catalog), ERR_BAD_MODEL);
}

static void a_missing_or_wrong_file_is_told_apart(void **state) {
    (void)state;
    struct catalog catalog;
    const struct model_spec *spec = NULL;
    assert_int_equal(load_text(classify, &catalog), 0);
    assert_int_equal(catalog_choose(&catalog, ROLE_CLASSIFY, NULL, folder, &spec), ERR_NO_MODEL);
    assert_non_null(strstr(error_detail(), "one.onnx"));
    assert_int_equal(catalog_choose(&catalog, ROLE_CLASSIFY, "B", folder, &spec), ERR_NO_MODEL);
    assert_int_equal(model_check(&catalog.specs[0], folder), ERR_NO_MODEL);

    char *path cleanup(drop_memory) = format("%s/one.onnx", folder);
    assert_int_equal(file_replace(path, "abcd", 4), 0);
    assert_int_equal(model_check(&catalog.specs[0], folder), ERR_BAD_MODEL);
    assert_non_null(strstr(error_detail(), "3 expected"));
    assert_int_equal(file_replace(path, "abd", 3), 0);
    assert_int_equal(model_check(&catalog.specs[0], folder), ERR_BAD_MODEL);
    assert_non_null(strstr(error_detail(), "sha256"));
    assert_int_equal(file_replace(path, "abc", 3), 0);
    assert_int_equal(model_check(&catalog.specs[0], folder), 0);
    assert_int_equal(catalog_choose(&catalog, ROLE_CLASSIFY, "A", folder, &spec), 0);
    assert_string_equal(spec->id, "one");
    unlink(path);
    catalog_done(&catalog);
}

/* A model that no package has is taken as it is, with the file that it needs beside it. */
static void a_model_without_hash_is_any_file(void **state) {
    (void)state;
    const char *hash = strstr(classify, "    bytes"), *rest = strstr(classify, "    channels");
    char *formula cleanup(drop_memory) =
        format("%.*s    tokenizer: one.json\n%s", (int)(hash - classify), classify, rest);
    char *role = strstr(formula, "classify");
    memcpy(role, "formula ", strlen("formula "));
    struct catalog catalog;
    const struct model_spec *spec = NULL;
    assert_int_equal(load_text(formula, &catalog), 0);
    char *path cleanup(drop_memory) = format("%s/one.onnx", folder);
    char *tokenizer cleanup(drop_memory) = format("%s/one.json", folder);
    assert_int_equal(file_replace(path, "whatever", 8), 0);
    assert_int_equal(catalog_choose(&catalog, ROLE_FORMULA, NULL, folder, &spec), ERR_NO_MODEL);
    assert_non_null(strstr(error_detail(), "one.onnx with one.json"));
    assert_int_equal(model_check(&catalog.specs[0], folder), ERR_NO_MODEL);
    assert_int_equal(file_replace(tokenizer, "{}", 2), 0);
    assert_int_equal(catalog_choose(&catalog, ROLE_FORMULA, NULL, folder, &spec), 0);
    assert_int_equal(model_check(spec, folder), 0);
    unlink(path);
    unlink(tokenizer);
    catalog_done(&catalog);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_catalog_is_sound),
        cmocka_unit_test(values_are_scaled_to_pixels),
        cmocka_unit_test(a_bad_entry_is_named_with_its_key),
        cmocka_unit_test(labels_have_thresholds_and_may_be_large),
        cmocka_unit_test(bad_labels_are_named),
        cmocka_unit_test(what_is_no_catalog_is_refused),
        cmocka_unit_test(a_missing_or_wrong_file_is_told_apart),
        cmocka_unit_test(a_model_without_hash_is_any_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
