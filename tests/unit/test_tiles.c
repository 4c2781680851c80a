/* Cutting pages into pieces and joining their maps: every cell comes from one piece, and from the right place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"
#include "pipeline/tiles.h"

#include <cmocka.h>

enum { MULTIPLE = 64, OVERLAP = 64 };

/* A map in which every cell tells where it lies. */
static float cell(uint32_t x, uint32_t y) { return (float)(y * 4096 + x); }

static float *piece_map(const struct tiles *tiles, uint32_t index) {
    float *map = alloc((size_t)tiles->width * tiles->height, sizeof(*map));
    uint32_t start = tiles_at(tiles, index).start;
    for (uint32_t y = 0; y < tiles->height; y++) {
        for (uint32_t x = 0; x < tiles->width; x++) {
            map[(size_t)y * tiles->width + x] = tiles->beside ? cell(x + start, y) : cell(x, y + start);
        }
    }
    return map;
}

static void check(uint32_t width, uint32_t height, uint32_t wanted) {
    struct tiles tiles = tiles_cut(width, height, MULTIPLE, wanted, OVERLAP);
    assert_in_range(tiles.count, 1, wanted);
    assert_int_equal(tiles.width % MULTIPLE, 0);
    assert_int_equal(tiles.height % MULTIPLE, 0);
    float *whole = alloc((size_t)width * height, sizeof(*whole));
    for (size_t i = 0; i < (size_t)width * height; i++) {
        whole[i] = -1;
    }
    for (uint32_t i = 0; i < tiles.count; i++) {
        struct tile tile = tiles_at(&tiles, i);
        assert_int_equal(tile.start % MULTIPLE, 0);
        float *map = piece_map(&tiles, i);
        tiles_stitch(&tiles, i, map, tiles.width, width, height, whole);
        free(map);
    }
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            if (whole[(size_t)y * width + x] != cell(x, y)) {
                fail_msg("%ux%u in %u: cell %u,%u", width, height, wanted, x, y);
            }
        }
    }
    free(whole);
}

static void test_every_cell_has_its_place(void **state) {
    (void)state;
    static const uint32_t sides[] = {1, 63, 64, 65, 200, 448, 640, 777, 832};
    for (size_t i = 0; i < array_length(sides); i++) {
        for (size_t k = 0; k < array_length(sides); k++) {
            for (uint32_t wanted = 1; wanted <= 4; wanted++) {
                check(sides[i], sides[k], wanted);
            }
        }
    }
}

static void test_one_piece_is_the_page(void **state) {
    (void)state;
    struct tiles tiles = tiles_cut(832, 600, MULTIPLE, 1, OVERLAP);
    assert_int_equal(tiles.count, 1);
    assert_int_equal(tiles.width, 832);
    assert_int_equal(tiles.height, 640);
}

static void test_the_longer_side_is_cut(void **state) {
    (void)state;
    struct tiles wide = tiles_cut(832, 600, MULTIPLE, 2, OVERLAP), high = tiles_cut(600, 832, MULTIPLE, 2, OVERLAP);
    assert_true(wide.beside && wide.width < 832 && wide.height == 640);
    assert_true(!high.beside && high.height < 832 && high.width == 640);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_has_its_place),
        cmocka_unit_test(test_one_piece_is_the_page),
        cmocka_unit_test(test_the_longer_side_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
