#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "pipeline/order.h"

#define EM 20.0F

/* Pages are described line by line, in the order in which a detector might find them; texts are single words. */
struct sheet {
    struct line *lines;
    size_t count;
};

static void sheet_done(struct sheet *sheet) {
    for (size_t i = 0; i < sheet->count; i++) {
        free(sheet->lines[i].text);
    }
    free(sheet->lines);
}

/* Puts a line of one em height at (x, y). */
static void put(struct sheet *sheet, float x, float y, float width, const char *text) {
    sheet->lines = resize(sheet->lines, sheet->count + 1, sizeof *sheet->lines);
    sheet->lines[sheet->count++] =
        (struct line){.text = copy_string(text), .quad = {{{x, y}, {x + width, y}, {x + width, y + EM}, {x, y + EM}}}};
}

/* Puts rows of running text, the last one short, named NAME0, NAME1 ... */
static void put_column(struct sheet *sheet, float x, float y, float width, int rows, const char *name) {
    for (int i = 0; i < rows; i++) {
        cleanup(drop_memory) char *text = format("%s%d", name, i);
        put(sheet, x, y + 1.1F * EM * (float)i, i + 1 < rows ? width - (float)(i % 3) : width / 3, text);
    }
}

static void turn(struct sheet *sheet, float degrees) {
    float c = cosf(degrees * (float)M_PI / 180), s = sinf(degrees * (float)M_PI / 180);
    for (size_t i = 0; i < sheet->count; i++) {
        for (int k = 0; k < 4; k++) {
            struct point *p = &sheet->lines[i].quad.corner[k];
            *p = (struct point){p->x * c - p->y * s, p->x * s + p->y * c};
        }
    }
}

/* Reverses the lines: the order in which they are found must not matter. */
static void shuffle(struct sheet *sheet) {
    for (size_t i = 0; i < sheet->count / 2; i++) {
        struct line swap = sheet->lines[i];
        sheet->lines[i] = sheet->lines[sheet->count - 1 - i];
        sheet->lines[sheet->count - 1 - i] = swap;
    }
}

/* The page in reading order: pieces of a row parted by a blank, rows by "/", blocks by " | ". */
static char *read_sheet(struct sheet *sheet) {
    struct buffer text = {0};
    order_lines(sheet->lines, sheet->count);
    for (size_t i = 0; i < sheet->count; i++) {
        const struct line *line = &sheet->lines[i], *before = i ? line - 1 : line;
        if (i) {
            assert_true(line->row == before->row || line->row == before->row + 1);
            assert_true(line->block == before->block || (line->block == before->block + 1 && line->row > before->row));
            buffer_add_string(&text, line->block != before->block ? " | " : line->row != before->row ? "/" : " ");
        }
        buffer_add_string(&text, line->text);
    }
    return buffer_take(&text);
}

static void assert_reads(struct sheet *sheet, const char *expected) {
    cleanup(drop_memory) char *found = read_sheet(sheet);
    assert_string_equal(found, expected);
}

static void an_empty_page_and_a_single_line(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    order_lines(NULL, 0);
    put(&sheet, 10, 10, 100, "alone");
    assert_reads(&sheet, "alone");
}

static void columns_are_read_one_after_the_other(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    put(&sheet, 200, 0, 400, "title");
    put_column(&sheet, 0, 60, 360, 6, "a");
    put_column(&sheet, 390, 60, 360, 6, "b");
    put(&sheet, 350, 280, 60, "foot");
    shuffle(&sheet);
    assert_reads(&sheet, "title | a0/a1/a2/a3/a4/a5 | b0/b1/b2/b3/b4/b5 | foot");
}

/* Boxes reach beyond the print: of white as wide as a letter is high so much is left. */
static void columns_whose_boxes_nearly_meet(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    put_column(&sheet, 0, 0, 240, 9, "a");
    put_column(&sheet, 240 + 0.15F * EM, 0, 240, 9, "b");
    shuffle(&sheet);
    assert_reads(&sheet, "a0/a1/a2/a3/a4/a5/a6/a7/a8 | b0/b1/b2/b3/b4/b5/b6/b7/b8");
}

static void three_columns_around_a_wide_heading(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    put_column(&sheet, 0, 0, 240, 5, "a");
    put_column(&sheet, 260, 0, 240, 5, "b");
    put_column(&sheet, 520, 0, 240, 5, "c");
    put(&sheet, 0, 150, 700, "heading");
    put_column(&sheet, 0, 200, 240, 5, "d");
    put_column(&sheet, 260, 200, 240, 5, "e");
    put_column(&sheet, 520, 200, 240, 5, "f");
    shuffle(&sheet);
    assert_reads(&sheet, "a0/a1/a2/a3/a4 | b0/b1/b2/b3/b4 | c0/c1/c2/c3/c4 | heading | "
                         "d0/d1/d2/d3/d4 | e0/e1/e2/e3/e4 | f0/f1/f2/f3/f4");
}

static void head_lines_over_columns_are_read_across(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    put(&sheet, 0, 0, 100, "head");
    put(&sheet, 600, 0, 100, "page");
    put_column(&sheet, 0, 70, 360, 5, "a");
    put_column(&sheet, 390, 70, 360, 5, "b");
    assert_reads(&sheet, "head page | a0/a1/a2/a3/a4 | b0/b1/b2/b3/b4");
}

static void tables_are_read_row_by_row(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    const float widths[] = {210, 120, 160, 90, 230, 140};
    for (int i = 0; i < 6; i++) {
        cleanup(drop_memory) char *label = format("label%d", i), *first = format("x%d", i), *second = format("y%d", i);
        float y = 30 * (float)i;
        put(&sheet, 700, y + 2, 50, second);
        put(&sheet, 500, y - 2, 60, first);
        put(&sheet, 0, y, widths[i], label);
    }
    assert_reads(&sheet, "label0 x0 y0/label1 x1 y1/label2 x2 y2/label3 x3 y3/label4 x4 y4/label5 x5 y5");
}

static void receipts_are_read_row_by_row(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    for (int i = 0; i < 6; i++) {
        cleanup(drop_memory) char *item = format("item%d", i), *price = format("price%d", i);
        put(&sheet, 0, 24 * (float)i, 300, item);
        put(&sheet, 400, 24 * (float)i, 70, price);
    }
    assert_reads(&sheet, "item0 price0/item1 price1/item2 price2/item3 price3/item4 price4/item5 price5");
}

static void line_numbers_stay_with_their_lines(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    put_column(&sheet, 60, 0, 500, 5, "text");
    for (int i = 0; i < 5; i++) {
        cleanup(drop_memory) char *number = format("%d", i + 1);
        put(&sheet, 10, 1.1F * EM * (float)i, 20, number);
    }
    assert_reads(&sheet, "1 text0/2 text1/3 text2/4 text3/5 text4");
}

static void a_sidebar_out_of_line_is_a_column(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    put_column(&sheet, 0, 0, 500, 12, "t");
    for (int i = 0; i < 4; i++) {
        cleanup(drop_memory) char *note = format("note%d", i);
        put(&sheet, 560, 11 + 55 * (float)i, 60 + 30 * (float)(i % 2), note);
    }
    assert_reads(&sheet, "t0/t1/t2/t3/t4/t5/t6/t7/t8/t9/t10/t11 | note0/note1/note2/note3");
}

static void a_quotation_set_into_two_columns_follows_them(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    for (int i = 0; i < 12; i++) {
        cleanup(drop_memory) char *left = format("a%d", i), *right = format("b%d", i);
        float bay = i >= 5 && i < 7 ? 110 : 0, y = 1.1F * EM * (float)i;
        put(&sheet, 0, y, 360 - bay, left);
        put(&sheet, 390 + bay, y, 360 - bay, right);
    }
    put(&sheet, 280, 115, 190, "q0");
    put(&sheet, 280, 137, 190, "q1");
    assert_reads(&sheet, "a0/a1/a2/a3/a4/a5/a6/a7/a8/a9/a10/a11 | b0/b1/b2/b3/b4/b5/b6/b7/b8/b9/b10/b11 | q0/q1");
}

static void skewed_pages_are_straightened(void **state) {
    (void)state;
    const float slopes[] = {-17, -3, 5, 12};
    for (size_t i = 0; i < array_length(slopes); i++) {
        cleanup(sheet_done) struct sheet columns = {0}, table = {0};
        put_column(&columns, 0, 0, 360, 5, "a");
        put_column(&columns, 390, 0, 360, 5, "b");
        turn(&columns, slopes[i]);
        shuffle(&columns);
        assert_reads(&columns, "a0/a1/a2/a3/a4 | b0/b1/b2/b3/b4");
        put(&table, 0, 0, 150, "name");
        put(&table, 900, 0, 80, "price");
        put(&table, 0, 24, 150, "bread");
        put(&table, 900, 24, 80, "two");
        turn(&table, slopes[i]);
        shuffle(&table);
        assert_reads(&table, "name price/bread two");
    }
}

static void vertical_text_is_read_from_the_right(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    const char *names[] = {"third", "second", "first"};
    for (size_t i = 0; i < 3; i++) {
        float x = 40 * (float)i;
        sheet.lines = resize(sheet.lines, i + 1, sizeof *sheet.lines);
        sheet.lines[i] =
            (struct line){.text = copy_string(names[i]), .quad = {{{x + 25, 0}, {x + 25, 400}, {x, 400}, {x, 0}}}};
        sheet.count = i + 1;
    }
    assert_reads(&sheet, "first/second/third");
}

static void pages_that_lie_sideways_are_read_all_the_same(void **state) {
    (void)state;
    for (int quarter = 1; quarter < 4; quarter++) {
        cleanup(sheet_done) struct sheet sheet = {0};
        put(&sheet, 0, 0, 300, "title");
        put(&sheet, 0, 30, 200, "left");
        put(&sheet, 300, 30, 200, "right");
        turn(&sheet, 90 * (float)quarter + 2);
        shuffle(&sheet);
        assert_reads(&sheet, "title/left right");
    }
}

static void a_stamp_along_the_margin_comes_last(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    put(&sheet, 0, 0, 150, "stamp");
    turn(&sheet, -90);
    for (int k = 0; k < 4; k++) {
        sheet.lines[0].quad.corner[k].y += 155;
    }
    put_column(&sheet, 60, 0, 500, 6, "t");
    assert_reads(&sheet, "t0/t1/t2/t3/t4/t5 | stamp");
}

static void blocks_end_at_gaps_and_changes_of_size(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    const float heights[] = {0, 22, 44, 100, 122, 144, 166};
    const char *names[] = {"a", "b", "c", "d", "e", "f", "g"};
    for (size_t i = 0; i < array_length(heights); i++) {
        put(&sheet, 0, heights[i], 500, names[i]);
    }
    put(&sheet, 0, 190, 300, "large");
    for (int k = 2; k < 4; k++) {
        sheet.lines[sheet.count - 1].quad.corner[k].y += 20;
    }
    assert_reads(&sheet, "a/b/c | d/e/f/g | large");
}

static void thousands_of_lines_are_ordered_in_time(void **state) {
    (void)state;
    cleanup(sheet_done) struct sheet sheet = {0};
    uint32_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        seed = seed * 1664525U + 1013904223U;
        put(&sheet, (float)(seed >> 20), (float)(seed % 4096), (float)(seed >> 8 & 255), "x");
    }
    order_lines(sheet.lines, sheet.count);
    for (size_t i = 1; i < sheet.count; i++) {
        assert_true(sheet.lines[i].row - sheet.lines[i - 1].row <= 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_page_and_a_single_line),
        cmocka_unit_test(columns_are_read_one_after_the_other),
        cmocka_unit_test(columns_whose_boxes_nearly_meet),
        cmocka_unit_test(three_columns_around_a_wide_heading),
        cmocka_unit_test(head_lines_over_columns_are_read_across),
        cmocka_unit_test(tables_are_read_row_by_row),
        cmocka_unit_test(receipts_are_read_row_by_row),
        cmocka_unit_test(line_numbers_stay_with_their_lines),
        cmocka_unit_test(a_sidebar_out_of_line_is_a_column),
        cmocka_unit_test(a_quotation_set_into_two_columns_follows_them),
        cmocka_unit_test(skewed_pages_are_straightened),
        cmocka_unit_test(vertical_text_is_read_from_the_right),
        cmocka_unit_test(pages_that_lie_sideways_are_read_all_the_same),
        cmocka_unit_test(a_stamp_along_the_margin_comes_last),
        cmocka_unit_test(blocks_end_at_gaps_and_changes_of_size),
        cmocka_unit_test(thousands_of_lines_are_ordered_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
