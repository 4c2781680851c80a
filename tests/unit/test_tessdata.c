/* Which languages there are, and what is said of those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "catalog/tessdata.h"

#include <cmocka.h>

#include "scratch.h"

struct place {
    char folder[32];
};

static struct place new_place(void) {
    struct place place = {"/tmp/octavo-tessdata-XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    return place;
}

static void make(const char *folder, const char *name, const char *text) {
    char *path cleanup(drop_memory) = format("%s/%s", folder, name);
    assert_int_equal(file_replace(path, text, strlen(text)), 0);
}

static void test_languages_are_found(void **state) {
    (void)state;
    struct place place = new_place();
    const char *folder = place.folder;
    struct tessdata data;
    char *sub cleanup(drop_memory) = format("%s/dir.traineddata", folder);
    assert_int_equal(mkdir(sub, 0700), 0);
    make(folder, "eng.traineddata", "1234");
    make(folder, "chi_sim.traineddata", "123456");
    make(folder, "osd.traineddata", "1");
    make(folder, "eng.user-words", "1");
    make(folder, ".traineddata", "1");
    unsetenv("TESSDATA_PREFIX");
    tessdata_find(folder, &data);
    assert_string_equal(data.folder, folder);
    assert_int_equal(data.count, 2);
    assert_string_equal(data.languages[0], "chi_sim");
    assert_string_equal(data.languages[1], "eng");
    assert_int_equal(data.orientation, 1);
    uint64_t bytes = 0;
    assert_int_equal(tessdata_check(&data, "eng+chi_sim", &bytes), 0);
    assert_int_equal(bytes, 10);
    tessdata_done(&data);
    scratch_remove(folder);
}

static void test_the_prefix_is_followed(void **state) {
    (void)state;
    struct place place = new_place();
    const char *folder = place.folder;
    char *within cleanup(drop_memory) = format("%s/tessdata", folder);
    struct tessdata data;
    assert_int_equal(mkdir(within, 0700), 0);
    make(within, "lat.traineddata", "1234");
    setenv("TESSDATA_PREFIX", folder, 1);
    tessdata_find("/nowhere", &data);
    assert_string_equal(data.folder, within);
    assert_int_equal(data.orientation, 0);
    tessdata_done(&data);
    setenv("TESSDATA_PREFIX", within, 1);
    tessdata_find("/nowhere", &data);
    assert_string_equal(data.folder, within);
    tessdata_done(&data);
    setenv("TESSDATA_PREFIX", "/nowhere", 1);
    tessdata_find(within, &data);
    assert_int_equal(data.count, 0);
    uint64_t bytes = 0;
    assert_int_equal(tessdata_check(&data, "lat", &bytes), ERR_NO_MODEL);
    assert_non_null(strstr(error_detail(), "has no language data"));
    tessdata_done(&data);
    unsetenv("TESSDATA_PREFIX");
    scratch_remove(folder);
}

static void test_orientation_alone(void **state) {
    (void)state;
    struct place place = new_place();
    struct tessdata data;
    uint64_t bytes = 0;
    make(place.folder, "osd.traineddata", "123");
    setenv("TESSDATA_PREFIX", place.folder, 1);
    tessdata_find("/nowhere", &data);
    assert_string_equal(data.folder, place.folder);
    assert_int_equal(data.count, 0);
    assert_int_equal(data.orientation, 3);
    assert_int_equal(tessdata_check(&data, "osd", &bytes), ERR_NO_MODEL);
    tessdata_done(&data);
    unsetenv("TESSDATA_PREFIX");
    scratch_remove(place.folder);
}

static void test_wishes_are_checked(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",        "+",    "eng+",         "+eng",    "eng++lat", "../eng", "eng/lat",
        "eng lat", "-eng", "eng+\xc3\xa9", "eng,lat", "eng\n",    "~eng",   "a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q"};
    struct tessdata data = {.folder = copy_string("/data"), .count = 2};
    data.languages = alloc(2, sizeof(*data.languages));
    data.bytes = alloc(2, sizeof(*data.bytes));
    data.languages[0] = copy_string("eng");
    data.languages[1] = copy_string("lat");
    uint64_t bytes = 77;
    for (size_t i = 0; i < array_length(bad); i++) {
        assert_int_equal(tessdata_check(&data, bad[i], &bytes), ERR_USAGE);
    }
    assert_int_equal(tessdata_check(&data, "eng+xyz", &bytes), ERR_NO_MODEL);
    assert_non_null(strstr(error_detail(), "\"xyz\" in /data, only eng, lat"));
    assert_int_equal(tessdata_check(&data, "en", &bytes), ERR_NO_MODEL);
    assert_int_equal(tessdata_check(&data, "ENG", &bytes), ERR_NO_MODEL);
    assert_int_equal(bytes, 77);
    tessdata_done(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_languages_are_found),
        cmocka_unit_test(test_the_prefix_is_followed),
        cmocka_unit_test(test_orientation_alone),
        cmocka_unit_test(test_wishes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
