/* raster/canvas.h and raster/flatten.h: orientation, ground, grey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "raster/canvas.h"
#include "raster/flatten.h"

#include <cmocka.h>

/* The stored picture "ab / cd / ef" as each orientation shows it (Exif 2.3, tag 0x0112). */
static void test_canvas__orientations(void **state) {
    (void)state;
    static const struct {
        uint32_t width, height;
        const char *seen;
    } cases[] = {[1] = {2, 3, "abcdef"}, [2] = {2, 3, "badcfe"}, [3] = {2, 3, "fedcba"}, [4] = {2, 3, "efcdab"},
                 [5] = {3, 2, "acebdf"}, [6] = {3, 2, "ecafdb"}, [7] = {3, 2, "fdbeca"}, [8] = {3, 2, "bdface"}};
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct canvas canvas cleanup(canvas_drop) = {.fd = -1};
        struct bitmap bitmap;
        int fd cleanup(drop_fd) = -1;
        char seen[7] = "";
        assert_int_equal(canvas_new(2, 3, 1, orientation, &canvas), 0);
        for (uint32_t y = 0; y < 3; y++) {
            canvas_row(&canvas, y, (const uint8_t *)"abcdef" + 2 * y);
        }
        assert_int_equal(canvas_finish(&canvas, &bitmap, &fd), 0);
        assert_int_equal(pread(fd, seen, 6, 0), 6);
        assert_int_equal(bitmap.width, cases[orientation].width);
        assert_int_equal(bitmap.height, cases[orientation].height);
        assert_string_equal(seen, cases[orientation].seen);
    }
}

static void test_canvas__three_channels(void **state) {
    (void)state;
    struct canvas canvas cleanup(canvas_drop) = {.fd = -1};
    assert_int_equal(canvas_new(2, 1, 3, 6, &canvas), 0);
    canvas_row(&canvas, 0, (const uint8_t *)"rgbRGB");
    assert_int_equal(canvas.bitmap.width, 1);
    assert_memory_equal(canvas.pixels, "rgbRGB", 6);
}

static struct survey surveyed(bool has_alpha, const uint32_t *words, size_t width) {
    struct survey survey = {.has_alpha = has_alpha};
    survey_row(&survey, words, width);
    survey_end(&survey);
    return survey;
}

static void test_flatten__ground_against_the_ink(void **state) {
    (void)state;
    static const uint32_t white_ink[] = {0xffffffff, 0xffffff00, 0xffffff80}, black_ink[] = {0x000000ff, 0, 0x00000080};
    uint8_t out[3];
    struct survey survey = surveyed(true, white_ink, 3);
    flatten_row(&survey, white_ink, 3, out);
    assert_memory_equal(out, "\xff\0\x80", 3);
    survey = surveyed(true, black_ink, 3);
    flatten_row(&survey, black_ink, 3, out);
    assert_memory_equal(out, "\0\xff\x7f", 3);
}

static void test_flatten__void_alpha_is_ignored(void **state) {
    (void)state;
    static const uint32_t words[] = {0x10101000, 0xf0f0f000};
    uint8_t out[2];
    struct survey survey = surveyed(true, words, 2);
    flatten_row(&survey, words, 2, out);
    assert_false(survey.transparent);
    assert_memory_equal(out, "\x10\xf0", 2);
}

static void test_flatten__colour(void **state) {
    (void)state;
    static const uint32_t nearly_grey[] = {0x808182ff}, coloured[] = {0x808183ff}, unseen[] = {0xff000000, 0x000000ff};
    uint8_t out[3];
    assert_false(surveyed(false, nearly_grey, 1).colour);
    assert_false(surveyed(true, unseen, 2).colour);
    struct survey survey = surveyed(false, coloured, 1);
    assert_true(survey.colour);
    flatten_row(&survey, coloured, 1, out);
    assert_memory_equal(out, "\x80\x81\x83", 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canvas__orientations),
        cmocka_unit_test(test_canvas__three_channels),
        cmocka_unit_test(test_flatten__ground_against_the_ink),
        cmocka_unit_test(test_flatten__void_alpha_is_ignored),
        cmocka_unit_test(test_flatten__colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
