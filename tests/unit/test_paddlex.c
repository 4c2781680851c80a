/* Pages as PaddleX tells them: turned upright, lines, regions, tables. Whole answers are in tests/spec/test_paddlex.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "output/paddlex.h"

#include <cmocka.h> /* last: it has a macro fail() */

static const struct paddlex_terms usual = {.tables = true, .images = true};

static struct json *ocr_page(const struct page *page, const struct paddlex_terms *terms) {
    struct json *json = NULL;
    assert_int_equal(paddlex_ocr_page(page, terms, &(struct albums){0}, &json), 0);
    return json;
}

static struct json *layout_page(const struct page *page, const struct paddlex_terms *terms) {
    struct json *json = NULL;
    assert_int_equal(paddlex_layout_page(page, terms, &(struct albums){0}, &json), 0);
    return json;
}

/* A page of 100 x 200 as it lies, with a line as one reads it when that is undone, 40 x 10 at 20, 30, in a
 * table of two cells of which one was seen. */
static struct page turned(int angle, struct quad quad, float line_angle) {
    struct page page = {.number = 1, .width = 100, .height = 200, .angle = angle, .line_count = 1, .region_count = 1};
    page.lines = alloc(1, sizeof(*page.lines));
    page.lines[0] = (struct line){.text = copy_string("a b"), .score = 0.75F, .quad = quad, .angle = line_angle};
    page.lines[0].words = alloc(1, sizeof(struct word));
    page.lines[0].word_count = 1;
    page.lines[0].words[0] = (struct word){.start = 2, .length = 1, .score = 0.5F, .quad = quad};
    page.regions = alloc(1, sizeof(*page.regions));
    page.regions[0] =
        (struct region){.type = REGION_TABLE, .score = 0.5F, .quad = quad, .rows = 1, .columns = 2, .cell_count = 2};
    page.regions[0].cells = alloc(2, sizeof(struct cell));
    page.regions[0].cells[0] =
        (struct cell){.rows = 1, .columns = 1, .text = copy_string("a b"), .quad = quad, .seen = true};
    page.regions[0].cells[1] = (struct cell){.column = 1, .rows = 1, .columns = 1, .text = copy_string("")};
    page.stages.runs[STAGE_ORIENT] = page.stages.runs[STAGE_CLASSIFY] = 1;
    return page;
}

static void expect_text(const struct json *object, const char *key, const char *expected) {
    char *text cleanup(drop_memory) = json_text(json_at(object, key), false);
    assert_string_equal(text, expected);
}

static void pages_are_turned_upright(void **state) {
    (void)state;
    static const struct {
        int angle;
        struct quad quad;
        float line_angle;
    } cases[] = {
        {0, {{{20, 30}, {60, 30}, {60, 40}, {20, 40}}}, 0},
        {90, {{{70, 20}, {70, 60}, {60, 60}, {60, 20}}}, 90},
        {180, {{{80, 170}, {40, 170}, {40, 160}, {80, 160}}}, 180},
        {270, {{{30, 180}, {30, 140}, {40, 140}, {40, 180}}}, -90},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct page page cleanup(page_done) = turned(cases[i].angle, cases[i].quad, cases[i].line_angle);
        const struct paddlex_terms terms = {.words = true, .tables = true};
        struct json *json cleanup(json_drop) = ocr_page(&page, &terms);
        const struct json *lines = json_at(json, "prunedResult");
        expect_text(lines, "rec_polys", "[[[20,30],[60,30],[60,40],[20,40]]]");
        expect_text(lines, "rec_boxes", "[[20,30,60,40]]");
        expect_text(lines, "text_word", "[[\"b\"]]");
        expect_text(lines, "text_word_boxes", "[[[20,30,60,40]]]");
        expect_text(lines, "textline_orientation_angles", "[0]");
        assert_int_equal(json_int(json_at(lines, "doc_preprocessor_res"), "angle", -1), cases[i].angle);
        struct json *layout cleanup(json_drop) = layout_page(&page, &terms);
        const struct json *pruned = json_at(layout, "prunedResult");
        expect_text(json_first(json_at(pruned, "parsing_res_list")), "block_bbox", "[20,30,60,40]");
        expect_text(json_first(json_at(pruned, "table_res_list")), "cell_box_list", "[[20,30,60,40]]");
    }
}

static void lines_on_their_head_are_told(void **state) {
    (void)state;
    const struct quad quad = {{{60, 40}, {20, 40}, {20, 30}, {60, 30}}};
    struct page page cleanup(page_done) = turned(0, quad, 180);
    struct json *json cleanup(json_drop) = ocr_page(&page, &usual);
    const struct json *lines = json_at(json, "prunedResult");
    expect_text(lines, "dt_polys", "[[[20,30],[60,30],[60,40],[20,40]]]");
    expect_text(lines, "textline_orientation_angles", "[1]");
    page.stages.runs[STAGE_CLASSIFY] = page.stages.runs[STAGE_ORIENT] = 0;
    struct json *unseen cleanup(json_drop) = ocr_page(&page, &usual);
    lines = json_at(unseen, "prunedResult");
    expect_text(lines, "textline_orientation_angles", "[-1]");
    assert_null(json_at(lines, "doc_preprocessor_res"));
    assert_null(json_at(lines, "text_word"));
}

static void poor_lines_are_left_out_of_what_was_read(void **state) {
    (void)state;
    const struct quad quad = {{{20, 30}, {60, 30}, {60, 40}, {20, 40}}};
    struct page page cleanup(page_done) = turned(0, quad, 0);
    static const struct {
        double score;
        const char *texts;
    } cases[] = {{0.75, "[\"a b\"]"}, {0.76, "[]"}};
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct paddlex_terms terms = {.score = cases[i].score};
        struct json *json cleanup(json_drop) = ocr_page(&page, &terms);
        const struct json *lines = json_at(json, "prunedResult");
        expect_text(lines, "rec_texts", cases[i].texts);
        expect_text(lines, "dt_polys", "[[[20,30],[60,30],[60,40],[20,40]]]");
    }
}

static struct page with_regions(void) {
    static const enum region_type types[] = {REGION_HEADER, REGION_TITLE, REGION_FIGURE, REGION_TABLE, REGION_TEXT};
    struct page page = {.number = 1, .width = 100, .height = 200, .line_count = 5, .region_count = 5};
    page.lines = alloc(5, sizeof(*page.lines));
    page.regions = alloc(5, sizeof(*page.regions));
    for (uint32_t i = 0; i < 5; i++) {
        float y = 20 * (float)i, height = types[i] == REGION_TITLE ? 20 : 10;
        const struct quad quad = {{{10, y}, {90, y}, {90, y + height}, {10, y + height}}};
        page.regions[i] = (struct region){.type = types[i], .score = i == 4 ? 0 : 0.5F, .quad = quad};
        page.lines[i] =
            (struct line){.text = format("<%u>", i), .score = 1, .quad = quad, .block = i, .row = i, .region = i};
    }
    struct region *table = &page.regions[3];
    table->rows = table->columns = 1;
    table->cell_count = 1;
    table->cells = alloc(1, sizeof(*table->cells));
    table->cells[0] = (struct cell){.rows = 1, .columns = 1, .text = copy_string("<3>")};
    return page;
}

static void expect_blocks(const struct json *pruned, const char *const expected[5][3]) {
    int i = 0;
    for (const struct json *block = json_first(json_at(pruned, "parsing_res_list")); block; block = json_next(block)) {
        assert_string_equal(json_string(block, "block_label"), expected[i][0]);
        assert_string_equal(json_string(block, "block_content"), expected[i][1]);
        expect_text(block, "block_order", expected[i][2]);
        assert_int_equal(json_int(block, "block_id", -1), i++);
    }
    assert_int_equal(i, 5);
}

static void regions_become_blocks(void **state) {
    (void)state;
    static const char html[] = "<html><body><table>\n<tr><td>&lt;3&gt;</td></tr>\n</table>\n</body></html>";
    static const char *const tables[5][3] = {{"header", "<0>", "null"},
                                             {"doc_title", "<1>", "1"},
                                             {"image", "", "null"},
                                             {"table", html, "null"},
                                             {"text", "<4>", "2"}};
    static const char *const plain[5][3] = {{"header", "<0>", "null"},
                                            {"doc_title", "<1>", "1"},
                                            {"image", "", "null"},
                                            {"table", "<3>", "null"},
                                            {"text", "<4>", "2"}};
    struct page page cleanup(page_done) = with_regions();
    struct json *json cleanup(json_drop) = layout_page(&page, &usual);
    const struct json *pruned = json_at(json, "prunedResult"), *table = json_first(json_at(pruned, "table_res_list"));
    expect_blocks(pruned, tables);
    assert_string_equal(json_string(table, "pred_html"), html);
    expect_text(json_at(table, "table_ocr_pred"), "rec_texts", "[\"<3>\"]");
    const struct json *box = json_first(json_at(json_at(pruned, "layout_det_res"), "boxes"));
    expect_text(box, "coordinate", "[10,0,90,10]");
    assert_int_equal(json_int(box, "cls_id", -1), 12);
    expect_text(json_at(json, "markdown"), "images", "{}");
    const struct paddlex_terms without = {.tables = false};
    struct json *other cleanup(json_drop) = layout_page(&page, &without);
    expect_blocks(json_at(other, "prunedResult"), plain);
    assert_null(json_at(json_at(other, "prunedResult"), "table_res_list"));
    assert_null(json_at(json_at(other, "markdown"), "images"));
    assert_false(json_bool(json_at(json_at(other, "prunedResult"), "model_settings"), "use_table_recognition", true));
}

static void what_models_of_their_own_have_read_is_listed(void **state) {
    (void)state;
    struct page page cleanup(page_done) = with_regions();
    struct json *without cleanup(json_drop) = layout_page(&page, &usual);
    assert_null(json_at(json_at(without, "prunedResult"), "formula_res_list"));
    assert_null(json_at(json_at(without, "prunedResult"), "seal_res_list"));
    page.regions[4].type = REGION_EQUATION;
    page.regions[4].latex = copy_string("a<b");
    page.regions[1].type = REGION_SEAL;
    page.stages.runs[STAGE_FORMULA] = page.stages.runs[STAGE_SEAL] = 1;
    struct json *json cleanup(json_drop) = layout_page(&page, &usual);
    const struct json *pruned = json_at(json, "prunedResult"), *settings = json_at(pruned, "model_settings");
    const struct json *formula = json_first(json_at(pruned, "formula_res_list"));
    assert_string_equal(json_string(formula, "rec_formula"), "a<b");
    assert_int_equal(json_int(formula, "formula_region_id", 0), 1);
    assert_null(json_next(formula));
    const struct json *seal = json_first(json_at(pruned, "seal_res_list"));
    expect_text(seal, "rec_texts", "[\"<1>\"]");
    assert_string_equal(json_string(seal, "text_type"), "seal");
    assert_true(json_bool(settings, "use_formula_recognition", false) &&
                json_bool(settings, "use_seal_recognition", false) &&
                !json_bool(settings, "use_chart_recognition", true));
    assert_non_null(strstr(json_string(json_at(json, "markdown"), "text"), "$$a\\lt b$$"));
}

/* An album of these bytes for each of the regions of page 1; its file. */
static int album_of(const uint32_t *regions, size_t count, const char *bytes, struct album **ret) {
    int fd = memfd_create("album", MFD_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        unsigned char head[ALBUM_HEAD];
        album_head(1, regions[i], strlen(bytes), head);
        assert_int_equal(file_write(fd, head, sizeof(head)), 0);
        assert_int_equal(file_write(fd, bytes, strlen(bytes)), 0);
    }
    assert_int_equal(album_open(fd, 1, ret), 0);
    return fd;
}

static void pictures_come_as_base64(void **state) {
    (void)state;
    static const uint32_t regions[] = {3, 4}, whole[] = {0};
    struct page page cleanup(page_done) = with_regions();
    struct albums albums cleanup(albums_done) = {0};
    region_done(&page.regions[3]);
    page.regions[3] = page.regions[2]; /* of the same name: at the same place */
    int figures cleanup(drop_fd) = album_of(regions, 2, "a picture", &albums.figures);
    int pictures cleanup(drop_fd) = album_of(whole, 1, "the page", &albums.pictures);
    struct json *layout cleanup(json_drop) = NULL, *ocr cleanup(json_drop) = NULL, *none cleanup(json_drop) = NULL;
    assert_int_equal(paddlex_layout_page(&page, &usual, &albums, &layout), 0);
    const struct json *markdown = json_at(layout, "markdown");
    expect_text(markdown, "images", "{\"imgs/img_in_image_box_10_40_90_50.png\":\"YSBwaWN0dXJl\"}");
    assert_non_null(strstr(json_string(markdown, "text"), "![figure](imgs/img_in_image_box_10_40_90_50.png)\n\n&lt;2"));
    expect_text(layout, "outputImages", "{\"layout_det_res\":\"dGhlIHBhZ2U=\"}");
    assert_int_equal(paddlex_ocr_page(&page, &usual, &albums, &ocr), 0);
    assert_string_equal(json_string(ocr, "ocrImage"), "dGhlIHBhZ2U=");
    assert_int_equal(ftruncate(figures, 0), 0);
    assert_int_equal(paddlex_layout_page(&page, &usual, &albums, &none), ERR_OUTPUT);
    assert_null(none);
}

static void base64_is_as_others_read_it(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                           {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xFB\xFF\xBF", "+/+/"}};
    for (size_t i = 0; i < array_length(cases); i++) {
        struct buffer text cleanup(buffer_done) = {0};
        base64_add(cases[i][0], strlen(cases[i][0]), &text);
        assert_string_equal(text.data ? text.data : "", cases[i][1]);
    }
    struct buffer zeros cleanup(buffer_done) = {0}, text cleanup(buffer_done) = {0};
    for (int i = 0; i < 3000; i++) {
        buffer_add(&zeros, "", 1);
    }
    base64_add(zeros.data, zeros.length, &text);
    assert_int_equal(text.length, 4000);
    assert_int_equal(strspn(text.data, "A"), 4000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_turned_upright),
        cmocka_unit_test(lines_on_their_head_are_told),
        cmocka_unit_test(poor_lines_are_left_out_of_what_was_read),
        cmocka_unit_test(regions_become_blocks),
        cmocka_unit_test(what_models_of_their_own_have_read_is_listed),
        cmocka_unit_test(pictures_come_as_base64),
        cmocka_unit_test(base64_is_as_others_read_it),
    };
    return cmocka_run_group_tests_name("paddlex", tests, NULL, NULL);
}
