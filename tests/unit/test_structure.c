/* From lines and findings to regions, cells and an order; lines that reach over cells. */
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

/* Regions as "type(line|line)", cells of tables in brackets. */
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

/* Two tables one below the other which the network took for one: the second begins where the head comes again. */
static void a_repeated_head_begins_a_table(void **state) {
    (void)state;
    static const char *const texts[] = {"Name", "Sum", "a", "1", "b", "2", "Name", "Sum", "c", "3"};
    struct page page = {0};
    struct findings findings = {0};
    for (size_t i = 0; i < array_length(texts); i++) {
        float left = i % 2 ? 510 : 110;
        add_line(&page, texts[i], left, 210 + 50 * (float)(i / 2), left + 90);
    }
    add_table(&findings, (struct area){100, 200, 900, 450}, 5, 2);
    arrange_and_compare(&page, &findings,
                        "table(Name|Sum|a|1|b|2)[Name][Sum][a][1][b][2] table(Name|Sum|c|3)[Name][Sum][c][3]");
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
                                       cmocka_unit_test(headers_come_first_and_footers_last),
                                       cmocka_unit_test(a_table_stands_as_a_whole),
                                       cmocka_unit_test(a_repeated_head_begins_a_table),
                                       cmocka_unit_test(a_figure_without_text_has_its_place),
                                       cmocka_unit_test(lines_are_cut_between_cells),
                                       cmocka_unit_test(other_boxes_are_left_alone)};
    return cmocka_run_group_tests_name("structure", tests, NULL, NULL);
}
