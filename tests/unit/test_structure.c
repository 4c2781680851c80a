/* From lines and findings to regions, cells and an order; lines that reach over cells. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "pipeline/structure.h"

#include <cmocka.h> /* last: it has a macro fail() */

static struct quad box(float left, float top, float right, float bottom) {
    return (struct quad){{{left, top}, {right, top}, {right, bottom}, {left, bottom}}};
}

static void add_line(struct page *page, const char *text, float left, float top, float right) {
    page->lines = resize(page->lines, page->line_count + 1, sizeof(*page->lines));
    page->lines[page->line_count++] =
        (struct line){.text = copy_string(text), .score = 1, .quad = box(left, top, right, top + 20)};
}

static struct found *add_found(struct findings *findings, enum region_type type, struct area area) {
    findings->list = resize(findings->list, findings->count + 1, sizeof(*findings->list));
    findings->list[findings->count] = (struct found){.type = type, .score = 0.5F, .area = area};
    return &findings->list[findings->count++];
}

/* A table of rows x columns equal cells. */
static void add_table(struct findings *findings, struct area area, uint32_t rows, uint32_t columns) {
    struct found *found = add_found(findings, REGION_TABLE, area);
    struct table_grid grid = {.rows = rows, .columns = columns, .score = 1};
    float width = (area.right - area.left) / (float)columns, height = (area.bottom - area.top) / (float)rows;
    grid.cells = alloc((size_t)rows * columns, sizeof(*grid.cells));
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < columns; column++) {
            float left = area.left + (float)column * width, top = area.top + (float)row * height;
            grid.cells[grid.count++] = (struct table_cell){.row = row,
                                                           .column = column,
                                                           .rows = 1,
                                                           .columns = 1,
                                                           .area = {left, top, left + width, top + height},
                                                           .seen = true};
        }
    }
    found->grid = grid;
}

/* Regions as "type(line|line)", cells of tables in brackets, LaTeX in braces. */
static char *told(const struct page *page) {
    struct buffer text = {0};
    for (uint32_t i = 0; i < page->region_count; i++) {
        const struct region *region = &page->regions[i];
        buffer_add_format(&text, "%s%s(", i > 0 ? " " : "", region_word(region->type));
        for (size_t k = 0, count = 0; k < page->line_count; k++) {
            if (page->lines[k].region == i) {
                buffer_add_format(&text, "%s%s", count++ > 0 ? "|" : "", page->lines[k].text);
            }
        }
        buffer_add_string(&text, ")");
        for (size_t k = 0; k < region->cell_count; k++) {
            buffer_add_format(&text, "[%s]", region->cells[k].text);
        }
        if (region->latex) {
            buffer_add_format(&text, "{%s}", region->latex);
        }
    }
    return buffer_take(&text);
}

static void arrange_and_compare(struct page *page, struct findings *findings, const char *expected) {
    structure_arrange(page, findings, 1000, 1000);
    char *text cleanup(drop_memory) = told(page);
    assert_string_equal(text, expected);
    for (size_t i = 1; i < page->line_count; i++) { /* lines of a region follow each other, numbers count up */
        const struct line *line = &page->lines[i], *before = line - 1;
        assert_true(line->region >= before->region && line->block >= before->block && line->row >= before->row);
        assert_true(line->region == before->region || line->block > before->block);
    }
    page_done(page);
    findings_done(findings);
}

static void without_findings_the_page_is_one_region(void **state) {
    (void)state;
    struct page page = {0};
    struct findings none = {0};
    add_line(&page, "b", 100, 200, 300);
    add_line(&page, "a", 100, 100, 300);
    arrange_and_compare(&page, &none, "text(a|b)");
    struct page empty = {0};
    arrange_and_compare(&empty, &none, "");
}

/* The model's order goes before ours; what it has no place for stays with what is before it in ours. */
static void the_order_of_the_model_is_followed(void **state) {
    (void)state;
    struct page page = {0};
    struct findings findings = {0};
    add_line(&page, "one", 100, 100, 800);
    add_line(&page, "two", 100, 300, 800);
    add_line(&page, "second of two", 100, 330, 800);
    add_line(&page, "nobody's", 100, 500, 800);
    add_line(&page, "three", 100, 700, 800);
    add_found(&findings, REGION_TEXT, (struct area){90, 90, 810, 130})->order = 2;
    add_found(&findings, REGION_TITLE, (struct area){90, 290, 810, 360})->order = 1;
    add_found(&findings, REGION_REFERENCE, (struct area){90, 690, 810, 730})->order = 3;
    arrange_and_compare(&page, &findings, "title(two|second of two) text(nobody's) text(one) reference(three)");
}

/* Types and scores as "text 0.9 title 0.8". */
static void sift_and_compare(struct findings *findings, const struct quad *boxes, size_t count, const char *expected) {
    struct buffer text cleanup(buffer_done) = {0};
    structure_sift(findings, boxes, count);
    for (size_t i = 0; i < findings->count; i++) {
        const struct found *found = &findings->list[i];
        buffer_add_format(&text, "%s%s %.1f", i > 0 ? " " : "", region_word(found->type), (double)found->score);
    }
    assert_string_equal(text.data, expected);
    findings_done(findings);
}

static void of_regions_in_one_place_the_surest_stays(void **state) {
    (void)state;
    struct findings findings = {0};
    add_found(&findings, REGION_TITLE, (struct area){100, 20, 900, 60});
    add_found(&findings, REGION_TEXT, (struct area){100, 100, 500, 900})->score = 0.8F;
    add_found(&findings, REGION_FIGURE, (struct area){104, 104, 500, 900})->score = 0.7F;
    add_found(&findings, REGION_REFERENCE, (struct area){98, 90, 500, 900})->score = 0.9F;
    add_found(&findings, REGION_TEXT, (struct area){100, 100, 500, 300})->score = 0.6F; /* a part only */
    sift_and_compare(&findings, NULL, 0, "title 0.5 reference 0.9 text 0.6");
}

/* However sure the other is: what is a table its cells tell. */
static void a_table_goes_before_what_has_its_place(void **state) {
    (void)state;
    struct findings findings = {0};
    add_found(&findings, REGION_FIGURE, (struct area){100, 100, 500, 900})->score = 0.9F;
    add_found(&findings, REGION_TABLE, (struct area){100, 100, 500, 900});
    add_found(&findings, REGION_TEXT, (struct area){110, 110, 300, 200})->score = 0.9F;
    sift_and_compare(&findings, NULL, 0, "table 0.5");
}

static void a_figure_full_of_lines_is_text(void **state) {
    (void)state;
    struct quad lines[4];
    for (size_t i = 0; i < 4; i++) {
        lines[i] = box(100, 100 + 30 * (float)i, 500, 122 + 30 * (float)i);
    }
    struct findings findings = {0};
    add_found(&findings, REGION_FIGURE, (struct area){100, 100, 500, 220});
    add_found(&findings, REGION_FIGURE, (struct area){100, 100, 500, 500});
    sift_and_compare(&findings, lines, 4, "text 0.5 figure 0.5");
}

static void headers_come_first_and_footers_last(void **state) {
    (void)state;
    struct page page = {0};
    struct findings findings = {0};
    add_line(&page, "body", 100, 300, 800);
    add_line(&page, "top", 600, 50, 800);
    add_line(&page, "title", 100, 20, 400);
    add_line(&page, "bottom", 100, 950, 200);
    add_line(&page, "late", 600, 960, 900);
    add_line(&page, "odd", 100, 600, 300);
    add_found(&findings, REGION_HEADER, (struct area){590, 40, 810, 80});
    add_found(&findings, REGION_FOOTER, (struct area){90, 940, 210, 980});
    add_found(&findings, REGION_TEXT, (struct area){90, 290, 810, 330});
    add_found(&findings, REGION_HEADER, (struct area){90, 590, 310, 630}); /* in the middle of the page it is none */
    arrange_and_compare(&page, &findings, "header(top) text(title) text(body) header(odd) text(late) footer(bottom)");
}

/* The detector's boxes are higher than the layout's regions of one line. */
static void a_region_has_the_line_that_it_lies_in(void **state) {
    (void)state;
    struct page page = {0};
    struct findings findings = {0};
    add_line(&page, "page 7", 100, 50, 200);
    add_line(&page, "before", 100, 300, 480);
    add_line(&page, "Title", 95, 400, 300);
    add_line(&page, "after it x = 1", 100, 500, 480);
    add_found(&findings, REGION_HEADER, (struct area){103, 56, 197, 63});
    add_found(&findings, REGION_TEXT, (struct area){90, 295, 500, 525});
    add_found(&findings, REGION_TITLE, (struct area){100, 404, 290, 416});
    add_found(&findings, REGION_EQUATION, (struct area){400, 504, 480, 516}); /* within a line, of which it is a part */
    arrange_and_compare(&page, &findings, "header(page 7) text(before) title(Title) text(after it x = 1) equation()");
}

static void a_region_within_another_parts_its_lines(void **state) {
    (void)state;
    struct page page = {0};
    struct findings findings = {0};
    add_line(&page, "a", 100, 100, 480);
    add_line(&page, "b", 100, 200, 480);
    add_line(&page, "c", 100, 300, 480);
    add_line(&page, "d", 100, 400, 480);
    add_line(&page, "e", 100, 500, 480);
    add_found(&findings, REGION_TEXT, (struct area){90, 90, 500, 530});
    add_found(&findings, REGION_TITLE, (struct area){95, 195, 490, 325});
    add_found(&findings, REGION_TEXT, (struct area){95, 495, 490, 525}); /* at its end: it goes on no more */
    arrange_and_compare(&page, &findings, "text(a) title(b|c) text(d) text(e)");
    add_line(&page, "in it", 100, 100, 480);
    add_line(&page, "caption", 100, 200, 480);
    add_line(&page, "in it, too", 100, 300, 480);
    add_found(&findings, REGION_FIGURE, (struct area){90, 90, 500, 530});
    add_found(&findings, REGION_FIGURE_CAPTION, (struct area){95, 195, 490, 225});
    arrange_and_compare(&page, &findings, "figure(in it|in it, too) figure_caption(caption)");
}

static void a_table_stands_as_a_whole(void **state) {
    (void)state;
    struct page page = {0};
    struct findings findings = {0};
    add_line(&page, "before", 100, 100, 900);
    add_line(&page, "after", 100, 600, 900);
    add_line(&page, "c1", 110, 220, 200);
    add_line(&page, "d2 over", 510, 310, 700);
    add_line(&page, "d2 under", 510, 340, 700);
    add_line(&page, "c2", 510, 220, 600);
    add_table(&findings, (struct area){100, 200, 900, 400}, 2, 2);
    add_found(&findings, REGION_TABLE_CAPTION, (struct area){90, 90, 910, 130});
    arrange_and_compare(&page, &findings,
                        "table_caption(before) table(c1|c2|d2 over|d2 under)[c1][c2][][d2 over d2 under] text(after)");
}

static void add_own(struct found *found, const char *text, float top) {
    found->lines = resize(found->lines, found->line_count + 1, sizeof(*found->lines));
    found->lines[found->line_count++] =
        (struct line){.text = copy_string(text), .score = 1, .quad = box(100, top, 800, top + 200)};
}

/* What was read by a model of its own keeps its order, and takes the place of other lines. */
static void what_a_model_of_its_own_has_read_stands_as_a_whole(void **state) {
    (void)state;
    struct page page = {0};
    struct findings findings = {0};
    add_line(&page, "before", 100, 100, 800);
    add_line(&page, "worse", 200, 230, 700);
    add_line(&page, "after", 100, 400, 800);
    struct found *formula = add_found(&findings, REGION_EQUATION, (struct area){90, 200, 810, 300});
    formula->formula = true;
    add_own(formula, "x^2", 200);
    struct found *seal = add_found(&findings, REGION_SEAL, (struct area){90, 500, 810, 900});
    add_own(seal, "around", 510);
    add_own(seal, "inside", 600);
    add_found(&findings, REGION_EQUATION, (struct area){90, 920, 810, 960});
    arrange_and_compare(&page, &findings, "text(before) equation(x^2){x^2} text(after) seal(around|inside) equation()");
}

/* Two tables one below the other which the network took for one: the second begins where the head comes again. */
static void add_two_tables(struct page *page, struct findings *findings) {
    static const char *const texts[] = {"Name", "Sum", "a", "1", "b", "2", "Name", "Sum", "c", "3"};
    for (size_t i = 0; i < array_length(texts); i++) {
        float left = i % 2 ? 510 : 110;
        add_line(page, texts[i], left, 210 + 50 * (float)(i / 2), left + 90);
    }
    add_table(findings, (struct area){100, 200, 900, 450}, 5, 2);
}

static void a_repeated_head_begins_a_table(void **state) {
    (void)state;
    struct page page = {0};
    struct findings findings = {0};
    add_two_tables(&page, &findings);
    arrange_and_compare(&page, &findings,
                        "table(Name|Sum|a|1|b|2)[Name][Sum][a][1][b][2] table(Name|Sum|c|3)[Name][Sum][c][3]");
}

static void expect_place(const struct cell *cell, float left, float top, float right, float bottom) {
    const struct point *corner = cell->quad.corner;
    assert_true(cell->seen);
    assert_float_equal(corner[0].x, left, 0.01);
    assert_float_equal(corner[0].y, top, 0.01);
    assert_float_equal(corner[2].x, right, 0.01);
    assert_float_equal(corner[2].y, bottom, 0.01);
}

/* Those of a repeated head are where it comes again; no network puts one beside the page, or nowhere. */
static void cells_have_places_on_the_page(void **state) {
    (void)state;
    struct page page cleanup(page_done) = {0};
    struct findings findings cleanup(findings_done) = {0};
    add_two_tables(&page, &findings);
    struct table_cell *cells = findings.list[0].grid.cells;
    cells[4].area = (struct area){-INFINITY, 295, NAN, 345};
    cells[5].seen = false;
    structure_arrange(&page, &findings, 1000, 1000);
    assert_int_equal(page.region_count, 2);
    const struct cell *first = page.regions[0].cells, *second = page.regions[1].cells;
    expect_place(&first[1], 500, 200, 900, 250);
    expect_place(&first[2], 100, 250, 500, 300);
    expect_place(&first[4], 0, 295, 1000, 345);
    assert_false(first[5].seen);
    expect_place(&second[1], 500, 350, 900, 400);
    expect_place(&second[3], 500, 400, 900, 450);
}

static void a_figure_without_text_has_its_place(void **state) {
    (void)state;
    struct page page = {0};
    struct findings findings = {0};
    add_line(&page, "above", 100, 100, 900);
    add_line(&page, "caption", 100, 620, 500);
    add_line(&page, "below", 100, 800, 900);
    add_found(&findings, REGION_FIGURE, (struct area){100, 200, 900, 600});
    add_found(&findings, REGION_FIGURE_CAPTION, (struct area){90, 610, 510, 650});
    arrange_and_compare(&page, &findings, "text(above) figure() figure_caption(caption) text(below)");
}

/* A white page with words, black strokes at the given ranges of one line, and its image. */
static struct image paint(const float (*words)[2], size_t count, uint8_t *pixels) {
    memset(pixels, 255, (size_t)400 * 60);
    for (size_t i = 0; i < count; i++) {
        for (int y = 28; y < 32; y++) {
            memset(pixels + (size_t)y * 400 + (size_t)words[i][0], 0, (size_t)(words[i][1] - words[i][0]));
        }
    }
    return (struct image){.pixels = pixels, .width = 400, .height = 60, .channels = 1, .stride = 400};
}

static void lines_are_cut_between_cells(void **state) {
    (void)state;
    static const float apart[][2] = {{20, 80}, {86, 120}, {210, 300}}, close[][2] = {{20, 195}, {199, 300}};
    uint8_t *pixels cleanup(drop_memory) = alloc(400, 60);
    for (int kind = 0; kind < 2; kind++) {
        struct image image = kind == 0 ? paint(apart, 3, pixels) : paint(close, 2, pixels);
        struct findings findings = {0};
        add_table(&findings, (struct area){10, 10, 390, 50}, 1, 2);
        struct quad *boxes = alloc(1, sizeof(*boxes));
        size_t count = 1;
        boxes[0] = box(18, 18, 302, 42);
        structure_split(&image, &findings, &boxes, &count);
        if (kind == 0) { /* in the white between 120 and 210, not in the blank before 86 */
            assert_int_equal(count, 2);
            assert_float_equal(boxes[0].corner[0].x, 18, 0.01);
            assert_true(boxes[0].corner[1].x > 120 && boxes[0].corner[1].x < 210);
            assert_float_equal(boxes[1].corner[0].x, boxes[0].corner[1].x, 0.01);
            assert_float_equal(boxes[1].corner[2].x, 302, 0.01);
        } else { /* words that stand as close as words do are left together */
            assert_int_equal(count, 1);
        }
        free(boxes);
        findings_done(&findings);
    }
}

/* Boxes beyond the page, upright ones and those outside tables are left as they are. */
static void other_boxes_are_left_alone(void **state) {
    (void)state;
    uint8_t *pixels cleanup(drop_memory) = alloc(400, 60);
    struct image image = paint(NULL, 0, pixels);
    struct findings findings = {0};
    add_table(&findings, (struct area){10, 10, 390, 50}, 1, 3);
    struct quad *boxes = alloc(4, sizeof(*boxes));
    size_t count = 4;
    boxes[0] = box(100, 12, 110, 48);
    boxes[1] = box(-50, 70, 500, 90);
    boxes[2] = box(20, -500, 380, -480);
    boxes[3] = (struct quad){{{20, 12}, {380, 40}, {380, 48}, {20, 20}}};
    structure_split(&image, &findings, &boxes, &count);
    assert_int_equal(count, 4);
    free(boxes);
    findings_done(&findings);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_findings_the_page_is_one_region),
                                       cmocka_unit_test(the_order_of_the_model_is_followed),
                                       cmocka_unit_test(of_regions_in_one_place_the_surest_stays),
                                       cmocka_unit_test(a_table_goes_before_what_has_its_place),
                                       cmocka_unit_test(a_figure_full_of_lines_is_text),
                                       cmocka_unit_test(headers_come_first_and_footers_last),
                                       cmocka_unit_test(a_region_has_the_line_that_it_lies_in),
                                       cmocka_unit_test(a_region_within_another_parts_its_lines),
                                       cmocka_unit_test(a_table_stands_as_a_whole),
                                       cmocka_unit_test(what_a_model_of_its_own_has_read_stands_as_a_whole),
                                       cmocka_unit_test(a_repeated_head_begins_a_table),
                                       cmocka_unit_test(cells_have_places_on_the_page),
                                       cmocka_unit_test(a_figure_without_text_has_its_place),
                                       cmocka_unit_test(lines_are_cut_between_cells),
                                       cmocka_unit_test(other_boxes_are_left_alone)};
    return cmocka_run_group_tests_name("structure", tests, NULL, NULL);
}
