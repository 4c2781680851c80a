/* Cells of a table as a detector gives them: those that tile it, those that give a structure its places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "grid_text.h"
#include "pipeline/table/cells.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define AT(x, y, right, bottom)                                                                                        \
    { .area = {x, y, right, bottom}, .score = 0.5F }

static void assert_tiled(struct box *list, size_t count, const char *expected) {
    const struct cells cells = {.list = list, .count = count};
    struct table_grid grid;
    cells_grid(&cells, &grid);
    char *text cleanup(drop_memory) = grid_text(&grid);
    assert_string_equal(text, expected);
    table_grid_done(&grid);
}

/* A head over two columns and a cell over two rows; sides are off by some pixels. */
static void cells_that_tile_are_a_table(void **state) {
    (void)state;
    struct box list[] = {AT(101, 39, 198, 78), AT(0, 0, 99, 81),     AT(100, 1, 300, 38),  AT(199, 40, 301, 80),
                         AT(2, 82, 100, 121),  AT(98, 80, 202, 120), AT(200, 79, 299, 119)};
    assert_tiled(list, array_length(list), "3x3 0,0:2x1 0,1:1x2 1,1:1x1 1,2:1x1 2,0:1x1 2,1:1x1 2,2:1x1");
    assert_tiled(list, 0, "0x0");
    assert_tiled(list, 1, "0x0");
}

static void a_cell_that_is_missed_is_between_the_others(void **state) {
    (void)state;
    struct box list[16];
    size_t count = 0;
    for (int i = 0; i < 12; i++) {
        float x = 100 * (float)(i % 3), y = 40 * (float)(i / 3);
        if (i != 4) {
            list[count++] = (struct box)AT(x, y, x + 100, y + 40);
        }
    }
    const struct cells cells = {.list = list, .count = count};
    struct table_grid grid;
    cells_grid(&cells, &grid);
    assert_int_equal(grid.count, 12);
    assert_int_equal(grid.cells[4].row, 1);
    assert_int_equal(grid.cells[4].column, 1);
    assert_true(grid.cells[4].seen);
    assert_float_equal(grid.cells[4].area.left, 100, 0.01);
    assert_float_equal(grid.cells[4].area.top, 40, 0.01);
    assert_float_equal(grid.cells[4].area.right, 200, 0.01);
    assert_float_equal(grid.cells[4].area.bottom, 80, 0.01);
    assert_float_equal(grid.score, 0.5, 0.01);
    table_grid_done(&grid);
}

static void cells_that_do_not_tile_are_none(void **state) {
    (void)state;
    struct box over[] = {AT(0, 0, 100, 40), AT(100, 0, 200, 40), AT(0, 40, 100, 80), AT(100, 40, 200, 80),
                         AT(0, 0, 200, 80)};
    assert_tiled(over, array_length(over), "0x0");
    struct box apart[] = {AT(0, 0, 60, 20), AT(100, 0, 180, 20), AT(0, 40, 60, 60), AT(100, 40, 180, 60)};
    assert_tiled(apart, array_length(apart), "0x0");
    struct box list[] = {AT(0, 0, 100, 40), AT(0, 40, 100, 80), AT(0, 80, 100, 120)};
    assert_tiled(list, array_length(list), "0x0");
    struct box many[2 * 65]; /* on the diagonal of as many rows as columns, above and below */
    for (size_t i = 0; i < array_length(many); i++) {
        float at = 40 * (float)i;
        many[i] = (struct box)AT(at, at, at + 40, at + 40);
    }
    assert_tiled(many, array_length(many), "0x0");
}

/* Any boxes give none or a grid whose cells cover it once; any structure takes them or stays as it is. */
static void any_cells_give_a_grid_or_none(void **state) {
    (void)state;
    struct box list[12];
    uint32_t random = 1;
    size_t tables = 0;
    for (int round = 0; round < 20000; round++) {
        size_t count = 2 + (size_t)(round % 11);
        for (size_t i = 0; i < count; i++) {
            float side[4];
            for (int k = 0; k < 4; k++) {
                random = random * 1664525 + 1013904223;
                side[k] = 10 * (float)(random >> 16 & 3);
            }
            list[i] = (struct box)AT(side[0], side[1], side[0] + 10 + side[2], side[1] + 10 + side[3]);
        }
        const struct cells cells = {.list = list, .count = count};
        struct table_grid grid;
        cells_grid(&cells, &grid);
        assert_true(grid_is_covered(&grid));
        tables += grid.count > 0;
        (void)cells_place(&cells, &grid);
        table_grid_done(&grid);
    }
    assert_true(tables > 20);
}

/* Two rows of two cells, and one below over both columns. */
static struct table_grid structure(void) {
    static const struct table_cell cells[] = {
        {.row = 0, .column = 0, .rows = 1, .columns = 1, .seen = true},
        {.row = 0, .column = 1, .rows = 1, .columns = 1, .seen = true},
        {.row = 1, .column = 0, .rows = 1, .columns = 1, .seen = true},
        {.row = 1, .column = 1, .rows = 1, .columns = 1}, /* the network has left it out */
        {.row = 2, .column = 0, .rows = 1, .columns = 2, .seen = true},
    };
    struct table_grid grid = {.cells = alloc(array_length(cells), sizeof(*cells)),
                              .count = array_length(cells),
                              .rows = 3,
                              .columns = 2,
                              .unplaced = true};
    for (size_t i = 0; i < grid.count; i++) {
        grid.cells[i] = cells[i];
    }
    return grid;
}

static void a_structure_takes_the_places_of_cells(void **state) {
    (void)state;
    struct box list[] = {AT(5, 90, 150, 110), AT(100, 3, 150, 20), AT(0, 0, 50, 20), AT(0, 50, 50, 70)};
    const struct cells cells = {.list = list, .count = array_length(list)};
    struct table_grid grid = structure();
    assert_true(cells_place(&cells, &grid));
    assert_false(grid.unplaced);
    static const float tops[] = {0, 3, 50, 0, 90}, lefts[] = {0, 100, 0, 0, 5};
    for (size_t i = 0; i < grid.count; i++) {
        assert_float_equal(grid.cells[i].area.top, tops[i], 0.01);
        assert_float_equal(grid.cells[i].area.left, lefts[i], 0.01);
    }
    table_grid_done(&grid);
}

static void other_rows_leave_a_structure_as_it_is(void **state) {
    (void)state;
    struct box few[] = {AT(0, 0, 50, 20), AT(100, 0, 150, 20), AT(0, 50, 50, 70)};
    struct box wide[] = {AT(0, 0, 50, 20), AT(0, 50, 50, 70), AT(100, 50, 150, 70), AT(0, 90, 50, 110)};
    struct box many[] = {AT(0, 0, 50, 20), AT(100, 0, 150, 20), AT(0, 50, 50, 70), AT(0, 90, 50, 110),
                         AT(100, 90, 150, 110)};
    const struct cells kinds[] = {
        {few, array_length(few)}, {wide, array_length(wide)}, {many, array_length(many)}, {0}};
    for (size_t i = 0; i < array_length(kinds); i++) {
        struct table_grid grid = structure();
        assert_false(cells_place(&kinds[i], &grid));
        assert_true(grid.unplaced);
        assert_float_equal(grid.cells[4].area.bottom, 0, 0.01);
        table_grid_done(&grid);
    }
    struct table_grid nothing = {0};
    assert_false(cells_place(&kinds[0], &nothing));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells_that_tile_are_a_table),
                                       cmocka_unit_test(a_cell_that_is_missed_is_between_the_others),
                                       cmocka_unit_test(cells_that_do_not_tile_are_none),
                                       cmocka_unit_test(any_cells_give_a_grid_or_none),
                                       cmocka_unit_test(a_structure_takes_the_places_of_cells),
                                       cmocka_unit_test(other_rows_leave_a_structure_as_it_is)};
    return cmocka_run_group_tests_name("cells", tests, NULL, NULL);
}
