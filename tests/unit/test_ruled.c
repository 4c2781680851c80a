/* Tables drawn with their rulings, and as lines of text alone: cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "grid_text.h"
#include "pipeline/structure.h"
#include "pipeline/table/printed.h"
#include "pipeline/table/ruled.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { WIDTH = 400, HEIGHT = 300, EM = 20 };

struct canvas {
    uint8_t pixels[HEIGHT][WIDTH];
    struct image image;
};

static struct canvas *blank(uint8_t paper) {
    struct canvas *canvas = alloc(1, sizeof(*canvas));
    memset(canvas->pixels, paper, sizeof(canvas->pixels));
    canvas->image =
        (struct image){.pixels = canvas->pixels[0], .width = WIDTH, .height = HEIGHT, .channels = 1, .stride = WIDTH};
    return canvas;
}

static void fill(struct canvas *canvas, int left, int top, int right, int bottom, uint8_t grey) {
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) {
            canvas->pixels[y][x] = grey;
        }
    }
}

/* A line a pixel thick that falls by a pixel after so many. */
static void slope(struct canvas *canvas, int left, int top, int right, int after, uint8_t grey) {
    for (int x = left; x < right; x++) {
        canvas->pixels[top + (x - left) / after][x] = grey;
    }
}

static struct rulings rulings_of(const struct canvas *canvas) {
    struct rulings rulings;
    rulings_find(&canvas->image, &(struct area){0, 0, WIDTH, HEIGHT}, EM, &rulings);
    return rulings;
}

static void assert_ruled(const struct canvas *canvas, const char *expected) {
    struct rulings rulings = rulings_of(canvas);
    struct table_grid grid;
    struct area area;
    ruled_grid(&rulings, EM, &grid, &area);
    char *text cleanup(drop_memory) = grid_text(&grid);
    assert_string_equal(text, expected);
    table_grid_done(&grid);
    rulings_done(&rulings);
}

static void rulings_are_told_from_text(void **state) {
    (void)state;
    struct canvas *canvas cleanup(drop_memory) = blank(255);
    fill(canvas, 20, 50, 380, 52, 0);     /* a ruling */
    fill(canvas, 20, 100, 380, 101, 215); /* a pale one */
    slope(canvas, 20, 150, 380, 40, 60);  /* a crooked one */
    fill(canvas, 200, 180, 202, 280, 0);  /* one down */
    fill(canvas, 20, 200, 50, 203, 0);    /* a dash */
    fill(canvas, 60, 200, 63, 218, 0);    /* a letter */
    fill(canvas, 250, 200, 380, 240, 0);  /* a black field */
    struct rulings rulings = rulings_of(canvas);
    assert_int_equal(rulings.across_count, 3);
    assert_int_equal(rulings.down_count, 1);
    assert_float_equal(rulings.down[0].from.x, 200, 1);
    assert_float_equal(rulings.down[0].from.y, 180, 2);
    assert_float_equal(rulings.down[0].to.y, 279, 2);
    for (size_t i = 0; i < 3; i++) {
        const struct ruling *ruling = &rulings.across[i];
        assert_float_equal(ruling->from.x, 20, 2);
        assert_float_equal(ruling->to.x, 379, 2);
        assert_float_equal(ruling->to.y - ruling->from.y, ruling->from.y > 140 ? 8 : 0, 1);
    }
    rulings_done(&rulings);
}

/* Three rows of three columns within 20,20 to 380,260. */
static struct canvas *ruled(void) {
    struct canvas *canvas = blank(255);
    for (int i = 0; i <= 3; i++) {
        fill(canvas, 20, 20 + 80 * i, 381, 21 + 80 * i, 0);
        fill(canvas, 20 + 120 * i, 20, 21 + 120 * i, 261, 0);
    }
    return canvas;
}

static void rulings_make_cells(void **state) {
    (void)state;
    struct canvas *canvas cleanup(drop_memory) = ruled();
    assert_ruled(canvas, "3x3 0,0:1x1 0,1:1x1 0,2:1x1 1,0:1x1 1,1:1x1 1,2:1x1 2,0:1x1 2,1:1x1 2,2:1x1");
    fill(canvas, 30, 60, 120, 62, 0);      /* an underline */
    fill(canvas, 140, 21, 141, 100, 255);  /* two columns in the first row */
    fill(canvas, 261, 180, 380, 181, 255); /* two rows in the last column */
    assert_ruled(canvas, "3x3 0,0:1x2 0,2:1x1 1,0:1x1 1,1:1x1 1,2:2x1 2,0:1x1 2,1:1x1");
    fill(canvas, 20, 20, 21, 261, 255); /* open at both sides */
    fill(canvas, 380, 20, 381, 261, 255);
    assert_ruled(canvas, "3x3 0,0:1x2 0,2:1x1 1,0:1x1 1,1:1x1 1,2:2x1 2,0:1x1 2,1:1x1");
}

static void what_is_no_grid_gives_no_cells(void **state) {
    (void)state;
    struct canvas *canvas cleanup(drop_memory) = ruled();
    fill(canvas, 20, 101, 381, 180, 255); /* a row without sides: two tables */
    assert_ruled(canvas, "0x0");
    struct canvas *other cleanup(drop_memory) = ruled();
    fill(other, 140, 21, 141, 100, 255); /* places that are one, but no rectangle */
    fill(other, 141, 100, 260, 101, 255);
    assert_ruled(other, "0x0");
    struct canvas *empty cleanup(drop_memory) = blank(255);
    assert_ruled(empty, "0x0");
    fill(empty, 20, 20, 380, 21, 0); /* a book's rulings */
    fill(empty, 20, 260, 380, 261, 0);
    assert_ruled(empty, "0x0");
}

/* A line of text. */
static struct quad line(float left, float top, float right) {
    return (struct quad){{{left, top}, {right, top}, {right, top + EM}, {left, top + EM}}};
}

/* rows x 3 lines, pitch apart; without those of which lacking tells. */
static size_t lay_lines(struct quad *lines, uint32_t rows, float pitch,
                        bool (*lacking)(uint32_t row, uint32_t column)) {
    size_t count = 0;
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < 3; column++) {
            float left = 20 + 120 * (float)column, top = 10 + pitch * (float)row;
            if (!lacking || !lacking(row, column)) {
                lines[count++] = line(left, top, left + 60 + 10 * (float)(row % 3));
            }
        }
    }
    return count;
}

static const struct area everywhere = {0, 0, WIDTH, HEIGHT};

static struct table_grid grid_of(const struct quad *lines, size_t count, const struct rulings *rulings) {
    struct printed printed;
    struct table_grid grid;
    printed_find(lines, count, &everywhere, &printed);
    printed_grid(&printed, rulings, &grid);
    printed_done(&printed);
    return grid;
}

static void assert_printed(const struct quad *lines, size_t count, const struct rulings *rulings,
                           const char *expected) {
    struct table_grid grid = grid_of(lines, count, rulings);
    char *text cleanup(drop_memory) = grid_text(&grid);
    assert_string_equal(text, expected);
    table_grid_done(&grid);
}

static bool first_of_head(uint32_t row, uint32_t column) { return row == 0 && column == 0; }

static bool all_but_first(uint32_t row, uint32_t column) { return row > 0 && column > 0; }

static void white_makes_cells(void **state) {
    (void)state;
    struct quad lines[20];
    const struct rulings none = {0};
    size_t count = lay_lines(lines, 3, 40, NULL);
    const char *three = "3x3 0,0:1x1 0,1:1x1 0,2:1x1 1,0:1x1 1,1:1x1 1,2:1x1 2,0:1x1 2,1:1x1 2,2:1x1";
    assert_printed(lines, count, &none, three);
    lines[count++] = line(140, 130, 340); /* a line over two columns */
    assert_printed(lines, count, &none,
                   "4x3 0,0:1x1 0,1:1x1 0,2:1x1 1,0:1x1 1,1:1x1 1,2:1x1 2,0:1x1 2,1:1x1 2,2:1x1 3,0:1x1 3,1:1x2");
    struct ruling across[] = {{{10, 5}, {390, 5}}, {{10, 75}, {390, 75}}, {{10, 165}, {390, 165}}};
    const struct rulings book = {.across = across, .across_count = 3};
    count = lay_lines(lines, 4, 40, first_of_head);
    assert_printed(lines, count, &book, three); /* a head of two lines */
    count = lay_lines(lines, 4, 40, all_but_first);
    assert_printed(lines, count, &none, "0x0"); /* hardly a place is taken */
    assert_printed(lines, 1, &none, "0x0");
    assert_printed(lines, 0, &none, "0x0");
}

static void rulings_bound_a_table(void **state) {
    (void)state;
    struct quad lines[20];
    size_t count = lay_lines(lines, 3, 40, NULL);
    lines[count++] = line(20, 135, 380); /* a note */
    lines[count++] = line(20, 165, 80);
    struct printed printed;
    printed_find(lines, count, &everywhere, &printed);
    struct ruling across[] = {{{10, 5}, {390, 5}}, {{10, 125}, {390, 125}}, {{10, 45}, {200, 45}}};
    struct rulings rulings = {.across = across, .across_count = 3};
    struct area bounds = printed_bounds(&printed, &rulings, &everywhere);
    assert_float_equal(bounds.top, 5, 0.01);
    assert_float_equal(bounds.bottom, 125, 0.01);
    across[1].from.y = across[1].to.y = 85; /* a row is below it */
    bounds = printed_bounds(&printed, &rulings, &everywhere);
    assert_float_equal(bounds.bottom, HEIGHT, 0.01);
    across[1].from.y = across[1].to.y = 45; /* above and below the head alone */
    bounds = printed_bounds(&printed, &rulings, &everywhere);
    assert_float_equal(bounds.bottom, HEIGHT, 0.01);
    printed_done(&printed);
}

static void cells_are_put_where_lines_are(void **state) {
    (void)state;
    struct quad lines[20];
    size_t count = lay_lines(lines, 4, 40, NULL);
    const struct rulings none = {0};
    struct table_grid grid = grid_of(lines, count, &none);
    struct printed printed;
    printed_find(lines, count, &everywhere, &printed);
    for (size_t i = 0; i < grid.count; i++) { /* as a network measures: by half a row too low */
        grid.cells[i].area.top += 19;
        grid.cells[i].area.bottom += 19;
    }
    printed_align(&printed, &grid);
    for (size_t i = 0; i < count; i++) {
        struct area area = {lines[i].corner[0].x, lines[i].corner[0].y, lines[i].corner[2].x, lines[i].corner[2].y};
        assert_int_equal(table_nearest_cell(&grid, &area), i);
        assert_float_equal(grid.cells[i].area.top, area.top, 0.01);
    }
    for (size_t i = 0; i < grid.count; i++) { /* of other rows altogether */
        grid.cells[i].area.top = grid.cells[i].area.bottom = 10;
    }
    printed_align(&printed, &grid);
    assert_float_equal(grid.cells[grid.count - 1].area.top, 10, 0.01);
    table_grid_done(&grid);
    printed_done(&printed);
}

/* The first cell of the second row goes over two rows. */
static void a_structure_takes_the_places_that_are_printed(void **state) {
    (void)state;
    struct quad lines[20];
    size_t count = lay_lines(lines, 4, 40, NULL);
    const struct rulings none = {0};
    struct table_grid grid = grid_of(lines, count, &none);
    struct printed printed;
    printed_find(lines, count, &everywhere, &printed);
    struct area below = grid.cells[6].area, first = grid.cells[3].area;
    grid.cells[6] = grid.cells[--grid.count];
    grid.cells[3].rows = 2;
    for (size_t i = 0; i < grid.count; i++) {
        grid.cells[i].area = (struct area){0};
    }
    grid.unplaced = true;
    assert_true(printed_place(&printed, &grid));
    assert_false(grid.unplaced);
    assert_float_equal(grid.cells[3].area.top, first.top, 0.01);
    assert_float_equal(grid.cells[3].area.bottom, below.bottom, 0.01);
    assert_float_equal(grid.cells[3].area.left, first.left, 0.01);
    grid.rows++;
    grid.unplaced = true;
    assert_false(printed_place(&printed, &grid));
    assert_true(grid.unplaced);
    table_grid_done(&grid);
    printed_done(&printed);
}

/* A grid of three rows where four are printed: the first holds two of one column and one of the others. */
static void plain_print_is_surer_than_a_wrong_grid(void **state) {
    (void)state;
    struct quad lines[20];
    size_t count = lay_lines(lines, 4, 40, NULL);
    const struct rulings none = {0};
    struct table_grid own = grid_of(lines, count, &none), wrong = grid_of(lines, count - 3, &none);
    struct printed printed;
    printed_find(lines, count, &everywhere, &printed);
    wrong.cells[0].area.bottom += 40;
    wrong.cells[3].area.top += 40;
    wrong.cells[3].area.bottom += 40;
    wrong.cells[6].area.top += 40;
    wrong.cells[6].area.bottom += 40;
    assert_true(printed_is_surer(&printed, &own, &wrong));
    assert_false(printed_is_surer(&printed, &own, &own));
    struct table_grid nothing = {0};
    assert_false(printed_is_surer(&printed, &nothing, &wrong));
    printed_done(&printed);
    lines[count++] = line(20, 230, 380); /* a line over all */
    printed_find(lines, count, &everywhere, &printed);
    assert_false(printed_is_surer(&printed, &own, &wrong));
    table_grid_done(&own);
    table_grid_done(&wrong);
    printed_done(&printed);
}

/* Lines of a list, of which the network takes the marks for a column: few stand beside another one. */
static void text_is_no_table(void **state) {
    (void)state;
    struct quad lines[20];
    size_t count = 0;
    for (uint32_t row = 0; row < 8; row++) {
        lines[count++] = line(20, 10 + 25 * (float)row, 380);
    }
    struct printed printed;
    struct table_grid items = {.rows = 3, .columns = 2}, rows = {.rows = 8, .columns = 2};
    printed_find(lines, count, &everywhere, &printed);
    assert_true(printed_is_text(&printed, &items));
    assert_false(printed_is_text(&printed, &rows)); /* the lines of a table that reach over its columns */
    printed_done(&printed);
    for (uint32_t row = 0; row < 3; row++) {
        lines[2 * row] = line(20, 10 + 50 * (float)row, 100);
        lines[count++] = line(200, 10 + 50 * (float)row, 380);
        printed_find(lines, count, &everywhere, &printed);
        assert_int_equal(printed_is_text(&printed, &items), row < 2);
        printed_done(&printed);
    }
    printed_find(lines, 2, &everywhere, &printed); /* too little to tell */
    assert_false(printed_is_text(&printed, &(struct table_grid){0}));
    printed_done(&printed);
}

static void assert_lone(const struct canvas *canvas, struct found *found, const struct quad *boxes, size_t count,
                        const char *expected) {
    const struct findings findings = {.list = found, .count = 1};
    struct lone *lone cleanup(drop_memory) = NULL;
    size_t lone_count = structure_lone(&canvas->image, &findings, boxes, count, &lone);
    assert_int_equal(lone_count, expected ? 1 : 0);
    if (expected) {
        const struct point *corner = lone[0].box.corner;
        assert_string_equal(lone[0].text, expected);
        assert_float_equal(corner[0].x, 290, 1);
        assert_float_equal((corner[0].y + corner[2].y) / 2, 140, 1);
        assert_float_equal(corner[2].y - corner[0].y, EM, 0.01);
    }
}

static void a_dash_alone_in_its_cell_is_a_line(void **state) {
    (void)state;
    struct canvas *canvas cleanup(drop_memory) = blank(240);
    struct quad boxes[20];
    size_t count = lay_lines(boxes, 4, 40, NULL) - 1;
    const struct rulings none = {0};
    struct found found = {.type = REGION_TABLE, .area = everywhere, .grid = grid_of(boxes, count, &none)};
    assert_lone(canvas, &found, boxes, count, NULL);
    fill(canvas, 290, 139, 292, 141, 20); /* a speck */
    assert_lone(canvas, &found, boxes, count, NULL);
    static const struct {
        int width;
        const char *text;
    } dashes[] = {{4, "-"}, {7, "\u2013"}, {12, "\u2014"}};
    for (size_t i = 0; i < array_length(dashes); i++) {
        fill(canvas, 290, 139, 290 + dashes[i].width, 141, 20);
        assert_lone(canvas, &found, boxes, count, dashes[i].text);
        assert_lone(canvas, &found, boxes, count + 1, NULL); /* there is a line there */
    }
    fill(canvas, 290, 135, 305, 145, 20); /* a picture */
    assert_lone(canvas, &found, boxes, count, NULL);
    fill(canvas, 290, 135, 305, 145, 240);
    fill(canvas, 240, 139, 400, 141, 20); /* a ruling through the cell */
    assert_lone(canvas, &found, boxes, count, NULL);
    table_grid_done(&found.grid);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rulings_are_told_from_text),
                                       cmocka_unit_test(rulings_make_cells),
                                       cmocka_unit_test(what_is_no_grid_gives_no_cells),
                                       cmocka_unit_test(white_makes_cells),
                                       cmocka_unit_test(rulings_bound_a_table),
                                       cmocka_unit_test(cells_are_put_where_lines_are),
                                       cmocka_unit_test(a_structure_takes_the_places_that_are_printed),
                                       cmocka_unit_test(plain_print_is_surer_than_a_wrong_grid),
                                       cmocka_unit_test(text_is_no_table),
                                       cmocka_unit_test(a_dash_alone_in_its_cell_is_a_line)};
    return cmocka_run_group_tests_name("ruled", tests, NULL, NULL);
}
