/* raster/header.h: kinds, sizes, frames and Exif blocks from the first bytes alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "raster/header.h"

#include <cmocka.h>

#define BYTES(text) (const unsigned char *)(text), sizeof(text) - 1

static void assert_size(enum format format, const unsigned char *bytes, size_t length, uint64_t width,
                        uint64_t height) {
    uint64_t got_width, got_height;
    assert_int_equal(header_format(bytes, length), format);
    assert_int_equal(header_size(format, bytes, length, &got_width, &got_height), 0);
    assert_int_equal(got_width, width);
    assert_int_equal(got_height, height);
}

static void test_header__sizes(void **state) {
    (void)state;
    assert_size(FORMAT_PNG, BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x02\0\0\0\x03"), 258, 3);
    assert_size(FORMAT_JPEG, BYTES("\xff\xd8\xff\xe0\0\4ab\xff\xff\xc2\0\x11\x08\x01\0\0\x40\3"), 64, 256);
    assert_size(FORMAT_GIF, BYTES("GIF89a\xff\xff\xff\xff\x80\0\0rgbrgb\x21\xfe\2hi\0\x2c\0\0\0\0\5\0\6\0\0\2\0;"), 5,
                6);
    assert_size(FORMAT_BMP, BYTES("BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0\7\0\0\0\xf8\xff\xff\xff"), 7, 8);
    assert_size(FORMAT_BMP, BYTES("BM\0\0\0\0\0\0\0\0\0\0\0\0\x0c\0\0\0\7\0\x09\0\0\0\0\0"), 7, 9);
    assert_size(FORMAT_PNM, BYTES("P5\n# 9 9\n 12\t34 255\n"), 12, 34);
    assert_size(FORMAT_PNM, BYTES("P7\nWIDTH 21\nHEIGHT 22\nDEPTH 1\nMAXVAL 255\nENDHDR\n"), 21, 22);
    assert_size(FORMAT_WEBP, BYTES("RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x1f\0\0"), 16, 32);
    assert_size(FORMAT_WEBP, BYTES("RIFF\0\0\0\0WEBPVP8L\x0a\0\0\0\x2f\x0f\xc0\7\0\0\0\0\0\0"), 16, 32);
    assert_size(FORMAT_WEBP, BYTES("RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\1\x2a\x10\0\x20\0"), 16, 32);
    assert_size(FORMAT_JPEG2000, BYTES("\xff\x4f\xff\x51\0\x29\0\0\0\0\0\x12\0\0\0\x24\0\0\0\2\0\0\0\4"), 16, 32);
}

static void test_header__not_pictures(void **state) {
    (void)state;
    assert_int_equal(header_format(BYTES("P5x not a picture")), FORMAT_NONE);
    assert_int_equal(header_format(BYTES("%PDF-1.7\n")), FORMAT_NONE);
    assert_int_equal(header_format(BYTES("P")), FORMAT_NONE);
}

/* Every prefix of every kind of header is answered, without a look beyond its end (AddressSanitizer watches). */
static void test_header__cut_anywhere(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } wholes[] = {
        {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\2\0\0\0\3", 24},
        {"\xff\xd8\xff\xe0\0\4ab\xff\xff\xc2\0\x11\x08\1\0\0\x40\3", 19},
        {"GIF89a\xff\xff\xff\xff\x80\0\0rgbrgb\x21\xfe\2hi\0\x2c\0\0\0\0\5\0\6\0\0\2\0;", 39},
        {"P5\n# 9 9\n 12\t34 255\n", 20},
        {"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x1f\0\0", 30},
        {"\xff\x4f\xff\x51\0\x29\0\0\0\0\0\x12\0\0\0\x24\0\0\0\2\0\0\0\4", 24},
    };
    for (size_t i = 0; i < array_length(wholes); i++) {
        for (size_t length = 0; length <= wholes[i].length; length++) {
            unsigned char *cut = (unsigned char *)copy_bytes(wholes[i].bytes, length);
            enum format format = header_format(cut, length);
            uint64_t width, height;
            size_t end;
            int transparent;
            const unsigned char *block;
            if (format != FORMAT_NONE) {
                int result = header_size(format, cut, length, &width, &height);
                assert_true(result == 0 || result == ERR_CORRUPT);
                header_exif(format, cut, length, &block, &end);
            }
            if (format == FORMAT_GIF && header_first_frame(cut, length, &end, &transparent) == 0) {
                assert_true(end <= length);
            }
            free(cut);
        }
    }
}

static void test_header__first_frame_of_two(void **state) {
    (void)state;
    static const char gif[] =
        "GIF89a\1\0\1\0\0\0\0\x21\xf9\4\1\0\0\7\0\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;";
    size_t end;
    int transparent;
    assert_int_equal(header_first_frame(BYTES(gif), &end, &transparent), 0);
    assert_int_equal(end, 36);
    assert_int_equal(transparent, 7);
}

static void test_header__sizes_of_nothing(void **state) {
    (void)state;
    uint64_t width, height;
    assert_int_equal(header_size(FORMAT_PNM, BYTES("P5 0 7 255\n"), &width, &height), ERR_CORRUPT);
    assert_int_equal(
        header_size(FORMAT_BMP, BYTES("BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0\0\0\0\x80\1\0\0\0"), &width, &height),
        ERR_CORRUPT);
}

static void test_header__exif_chunk(void **state) {
    (void)state;
    const unsigned char *block;
    size_t length;
    assert_true(
        header_exif(FORMAT_PNG, BYTES("\x89PNG\r\n\x1a\n\0\0\0\2tEXthi....\0\0\0\4eXIfII*\0...."), &block, &length));
    assert_int_equal(length, 4);
    assert_memory_equal(block, "II*\0", 4);
    assert_true(header_exif(FORMAT_WEBP, BYTES("RIFF\0\0\0\0WEBPALPH\1\0\0\0xxEXIF\3\0\0\0MM\0"), &block, &length));
    assert_int_equal(length, 3);
    assert_false(header_exif(FORMAT_PNG,
                             BYTES("\x89PNG\r\n\x1a\n\xff\xff\xff\xff"
                                   "eXIf"),
                             &block, &length));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header__sizes),
        cmocka_unit_test(test_header__not_pictures),
        cmocka_unit_test(test_header__cut_anywhere),
        cmocka_unit_test(test_header__first_frame_of_two),
        cmocka_unit_test(test_header__sizes_of_nothing),
        cmocka_unit_test(test_header__exif_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
