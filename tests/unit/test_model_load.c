/* Models that cannot be loaded: an answer, and nothing stays charged. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "model_stand.h"

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
    size_t count = stand.catalog.count, place = 0;
    for (; stand.catalog.specs[place].role != ROLE_CLASSIFY; place++) {
    }
    stand.catalog.count = place; /* it comes from elsewhere */
    stand.manager = new_manager(&stand, folder, SECOND, 0);
    stand.catalog.count = count;
    struct model_spec spec = stand.catalog.specs[place];
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
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_truncated_onnx),
        cmocka_unit_test(test_no_such_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
