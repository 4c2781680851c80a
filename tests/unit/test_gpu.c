/* Memory of GPUs, read through fake drivers (tests/fake) that lie in a folder of the test's own under the real names.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "memory/gpu.h"
#include "scratch.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { CUDA = 1, CUDART = 2, NVML = 4, OLD_CUDA = 8, BROKEN_CUDA = 16 };

static const struct {
    int bit;
    const char *fake, *name;
} drivers[] = {{CUDA, "fake_cuda.so", "libcuda.so.1"},
               {CUDART, "fake_cudart.so", "libcudart.so.12"},
               {NVML, "fake_nvml.so", "libnvidia-ml.so.1"},
               {OLD_CUDA, "fake_cuda_old.so", "libcuda.so.1"},
               {BROKEN_CUDA, "no-such-file.so", "libcuda.so.1"}};

#define NEW_FOLDER "/tmp/octavo-test-gpu-XXXXXX"

static char folder[] = NEW_FOLDER;

static char *fake_path(const char *name) { return format("%s/%s", getenv("OCTAVO_FAKE"), name); }

static int remove_folder(void **state) {
    (void)state;
    return scratch_remove(folder);
}

/*
 * Puts exactly these drivers into a new folder (the loader knows an old one's files by their names), told nothing: one
 * device each, 1000 of 2000 bytes free.
 */
static void install(int which) {
    remove_folder(NULL);
    memcpy(folder, NEW_FOLDER, sizeof(folder));
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < array_length(drivers); i++) {
        char *name cleanup(drop_memory) = format("%s/%s", folder, drivers[i].name);
        char *fake cleanup(drop_memory) = fake_path(drivers[i].fake);
        if (which & drivers[i].bit) {
            assert_int_equal(symlink(fake, name), 0);
        }
    }
    unsetenv("FAKE_CUDA");
    unsetenv("FAKE_CUDART");
    unsetenv("FAKE_NVML");
}

/* A variable of a fake that is loaded. */
static int *variable(const char *driver, const char *name) {
    char *path cleanup(drop_memory) = fake_path(driver);
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(library);
    int *address = dlsym(library, name);
    dlclose(library);
    assert_non_null(address);
    return address;
}

static void expect(struct gpus *gpus, int index, const char *source, uint64_t available) {
    struct gpu_reading reading;
    gpu_read(gpus, index, &reading);
    assert_string_equal(reading.source, source);
    assert_int_equal(reading.free, available);
    assert_int_equal(reading.known, strcmp(source, "none") != 0);
    assert_int_equal(reading.total, reading.known ? 2000 : 0);
}

static int engine_result;

static int engine(void *context, int index, uint64_t *ret_total, uint64_t *ret_free) {
    *ret_total = 2000;
    *ret_free = *(uint64_t *)context + (uint64_t)index;
    return engine_result;
}

static int need_fakes(void **state) {
    (void)state;
    assert_non_null(getenv("OCTAVO_FAKE")); /* the folder of the fakes, set by tests/meson.build */
    return 0;
}

static void nothing_there_is_no_device(void **state) {
    (void)state;
    install(0);
    uint64_t arena = 7;
    struct gpus *gpus cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, engine, &arena);
    assert_int_equal(gpu_count(gpus), 0);
    expect(gpus, 0, "none", 0);
    assert_null(gpu_take_notice(gpus));
}

static void sources_follow_each_other(void **state) {
    (void)state;
    uint64_t arena = 7;
    install(CUDA | CUDART | NVML);
    struct gpus *gpus cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, engine, &arena);
    setenv("FAKE_CUDA", "free0=500", 1);
    setenv("FAKE_CUDART", "free0=510", 1);
    setenv("FAKE_NVML", "free0=520", 1);
    expect(gpus, 0, "cuda", 500);
    setenv("FAKE_CUDA", "error=999", 1);
    expect(gpus, 0, "cudart", 510);
    setenv("FAKE_CUDART", "error=999", 1);
    expect(gpus, 0, "nvml", 520);
    setenv("FAKE_NVML", "error=15", 1);
    expect(gpus, 0, "engine", 7);
    engine_result = -1;
    expect(gpus, 0, "none", 0);
    engine_result = 0;
    setenv("FAKE_NVML", "free0=530", 1); /* each is asked again in every reading */
    expect(gpus, 0, "nvml", 530);
    setenv("FAKE_CUDA", "free0=400", 1);
    expect(gpus, 0, "cuda", 400);
}

static void smaller_counts_and_is_told_once(void **state) {
    (void)state;
    install(CUDA | NVML);
    struct gpus *gpus cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    setenv("FAKE_CUDA", "free0=600", 1);
    setenv("FAKE_NVML", "free0=550", 1);
    expect(gpus, 0, "nvml", 550);
    assert_null(gpu_take_notice(gpus)); /* a little apart: two moments */
    setenv("FAKE_NVML", "free0=100", 1);
    expect(gpus, 0, "nvml", 100);
    char *notice cleanup(drop_memory) = gpu_take_notice(gpus);
    assert_non_null(notice);
    assert_non_null(strstr(notice, "gpu0: cuda says "));
    assert_non_null(strstr(notice, "nvml"));
    setenv("FAKE_NVML", "free0=1900", 1);
    expect(gpus, 0, "cuda", 600);
    assert_null(gpu_take_notice(gpus));
}

static void notice_nobody_took_is_freed(void **state) {
    (void)state;
    install(CUDA | NVML);
    struct gpus *gpus cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    setenv("FAKE_NVML", "free0=1", 1);
    expect(gpus, 0, "nvml", 1);
}

static void missing_symbols_and_broken_files_are_absence(void **state) {
    (void)state;
    install(OLD_CUDA | NVML);
    struct gpus *old cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    expect(old, 0, "nvml", 1000);
    install(BROKEN_CUDA | CUDART);
    struct gpus *broken cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    expect(broken, 0, "cudart", 1000);
}

static void driver_that_does_not_start_is_passed_over(void **state) {
    (void)state;
    install(CUDA | CUDART | NVML);
    setenv("FAKE_CUDA", "init=3", 1);
    setenv("FAKE_CUDART", "count_error=35", 1);
    setenv("FAKE_NVML", "count=3", 1);
    struct gpus *gpus cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    assert_int_equal(gpu_count(gpus), 3);
    expect(gpus, 2, "nvml", 1000);
    expect(gpus, 3, "none", 0);
    expect(gpus, -1, "none", 0);
    setenv("FAKE_NVML", "init=9", 1);
    struct gpus *none cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    assert_int_equal(gpu_count(none), 0);
    setenv("FAKE_NVML", "count_error=999", 1);
    struct gpus *uncounted cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    assert_int_equal(gpu_count(uncounted), 0);
}

static void hidden_devices_are_not_counted(void **state) {
    (void)state;
    install(CUDA | NVML);
    setenv("FAKE_CUDA", "init=100", 1); /* CUDA_ERROR_NO_DEVICE: CUDA_VISIBLE_DEVICES names none */
    struct gpus *gpus cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    assert_int_equal(gpu_count(gpus), 0);
    expect(gpus, 0, "none", 0);
}

static void devices_are_told_apart_by_the_bus(void **state) {
    (void)state;
    install(CUDA | NVML);
    setenv("FAKE_CUDA", "count=2 reversed=1 free0=900 free1=100", 1);
    setenv("FAKE_NVML", "count=2 free0=100 free1=900", 1);
    struct gpus *gpus cleanup(gpu_drop) = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    assert_int_equal(gpu_count(gpus), 2);
    expect(gpus, 0, "cuda", 900);
    expect(gpus, 1, "cuda", 100);
    assert_null(gpu_take_notice(gpus));
    setenv("FAKE_CUDA", "count=2 error=1", 1);
    expect(gpus, 0, "nvml", 900);
}

static void who_only_watches_makes_no_context(void **state) {
    (void)state;
    install(CUDA | CUDART | NVML);
    setenv("FAKE_CUDA", "free0=5", 1);
    struct gpus *gpus = gpu_open(folder, GPU_WATCHES, NULL, NULL);
    expect(gpus, 0, "nvml", 1000);
    assert_int_equal(*variable("fake_nvml.so", "fake_users"), 1);
    gpu_drop(&gpus);
    assert_int_equal(*variable("fake_nvml.so", "fake_users"), 0);
    install(CUDA);
    gpus = gpu_open(folder, GPU_WATCHES, NULL, NULL);
    assert_int_equal(gpu_count(gpus), 0);
    gpu_drop(&gpus);
}

static void contexts_are_made_once_and_given_back(void **state) {
    (void)state;
    install(CUDA);
    struct gpus *gpus = gpu_open(folder, GPU_COMPUTES, NULL, NULL);
    int *contexts = variable("fake_cuda.so", "fake_contexts");
    assert_int_equal(*contexts, 0);
    setenv("FAKE_CUDA", "retain=2", 1); /* out of memory, on the device */
    expect(gpus, 0, "none", 0);
    unsetenv("FAKE_CUDA");
    expect(gpus, 0, "cuda", 1000);
    expect(gpus, 0, "cuda", 1000);
    assert_int_equal(*contexts, 1);
    gpu_drop(&gpus);
    assert_int_equal(*contexts, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_there_is_no_device),
        cmocka_unit_test(sources_follow_each_other),
        cmocka_unit_test(smaller_counts_and_is_told_once),
        cmocka_unit_test(notice_nobody_took_is_freed),
        cmocka_unit_test(missing_symbols_and_broken_files_are_absence),
        cmocka_unit_test(driver_that_does_not_start_is_passed_over),
        cmocka_unit_test(hidden_devices_are_not_counted),
        cmocka_unit_test(devices_are_told_apart_by_the_bus),
        cmocka_unit_test(who_only_watches_makes_no_context),
        cmocka_unit_test(contexts_are_made_once_and_given_back),
    };
    return cmocka_run_group_tests_name("gpu", tests, need_fakes, remove_folder);
}
