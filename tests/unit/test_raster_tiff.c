/* raster/tiff.h: the chain of directories, sound, circular, cut and endless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "raster/tiff.h"

#include <cmocka.h>

enum { DIRECTORY = 2 + 2 * 12 + 4 };

/* A little-endian TIFF of count directories (width 10 + i, height 20), the last pointing to directory `then` (-1:
 * none). */
static size_t make_chain(unsigned char *bytes, size_t count, long then) {
    memcpy(bytes, "II*\0\x08\0\0\0", 8);
    for (size_t i = 0; i < count; i++) {
        unsigned char *at = bytes + 8 + i * DIRECTORY;
        memcpy(at, "\2\0\0\1\3\0\1\0\0\0\0\0\0\0\1\1\3\0\1\0\0\0\x14\0\0\0", 26);
        at[10] = (unsigned char)(10 + i);
        long next = i + 1 < count ? (long)i + 1 : then;
        uint32_t offset = next < 0 ? 0 : 8 + (uint32_t)next * DIRECTORY;
        memcpy(at + 26, &offset, 4);
    }
    return 8 + count * DIRECTORY;
}

static void test_tiff__pages_in_order(void **state) {
    (void)state;
    unsigned char bytes[8 + 5 * DIRECTORY];
    struct tiff_chain chain;
    assert_int_equal(tiff_walk(bytes, make_chain(bytes, 5, -1), 0, &chain), 0);
    assert_int_equal(chain.count, 5);
    assert_false(chain.broken || chain.more);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(chain.pages[i].offset, 8 + i * DIRECTORY);
        assert_int_equal(chain.pages[i].width, 10 + i);
        assert_int_equal(chain.pages[i].height, 20);
    }
    free(chain.pages);
}

/* Circles of every length and tail end, each page counted once. */
static void test_tiff__circles_end(void **state) {
    (void)state;
    unsigned char bytes[8 + 12 * DIRECTORY];
    for (size_t count = 1; count <= 12; count++) {
        for (long then = 0; then < (long)count; then++) {
            struct tiff_chain chain;
            assert_int_equal(tiff_walk(bytes, make_chain(bytes, count, then), 1000, &chain), 0);
            assert_int_equal(chain.count, count);
            assert_true(chain.broken);
            free(chain.pages);
        }
    }
}

static void test_tiff__limit(void **state) {
    (void)state;
    unsigned char bytes[8 + 5 * DIRECTORY];
    struct tiff_chain chain;
    assert_int_equal(tiff_walk(bytes, make_chain(bytes, 5, -1), 4, &chain), 0);
    assert_true(chain.more);
    free(chain.pages);
    assert_int_equal(tiff_walk(bytes, make_chain(bytes, 5, -1), 5, &chain), 0);
    assert_false(chain.more);
    free(chain.pages);
}

static void test_tiff__cut_anywhere(void **state) {
    (void)state;
    unsigned char bytes[8 + 3 * DIRECTORY];
    size_t whole = make_chain(bytes, 3, -1);
    for (size_t length = 0; length <= whole; length++) {
        unsigned char *cut = (unsigned char *)copy_bytes((const char *)bytes, length);
        struct tiff_chain chain;
        int result = tiff_walk(cut, length, 0, &chain);
        if (result == 0) {
            assert_true(chain.count >= 1 && chain.count <= 3);
            free(chain.pages);
        } else {
            assert_int_equal(result, ERR_CORRUPT);
        }
        free(cut);
    }
}

static void test_tiff__thumbnails_are_no_pages(void **state) {
    (void)state;
    unsigned char bytes[8 + 2 * DIRECTORY];
    size_t length = make_chain(bytes, 2, -1);
    memcpy(bytes + 8 + DIRECTORY + 2, "\xfe\0\4\0\1\0\0\0\1\0\0\0", 12); /* NewSubfileType 1 in place of the width */
    struct tiff_chain chain;
    assert_int_equal(tiff_walk(bytes, length, 0, &chain), 0);
    assert_int_equal(chain.count, 1);
    free(chain.pages);
}

static void test_tiff__starting_at_another_page(void **state) {
    (void)state;
    unsigned char bytes[8 + 3 * DIRECTORY], *copy;
    size_t length = make_chain(bytes, 3, -1);
    struct tiff_chain chain;
    assert_int_equal(tiff_starting_at(bytes, length, 8 + 2 * DIRECTORY, &copy), 0);
    assert_int_equal(tiff_walk(copy, length, 0, &chain), 0);
    assert_int_equal(chain.count, 1);
    assert_int_equal(chain.pages[0].width, 12);
    free(chain.pages);
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiff__pages_in_order),
        cmocka_unit_test(test_tiff__circles_end),
        cmocka_unit_test(test_tiff__limit),
        cmocka_unit_test(test_tiff__cut_anywhere),
        cmocka_unit_test(test_tiff__thumbnails_are_no_pages),
        cmocka_unit_test(test_tiff__starting_at_another_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
