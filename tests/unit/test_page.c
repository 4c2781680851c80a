/* A page's way through JSON: nothing is lost, and what another process sends is checked. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "document/page.h"

#include <cmocka.h> /* last: it has a macro fail() */

static struct page sample(void) {
    struct page page = {.number = 3, .width = 2480, .height = 3508, .dpi = 300, .angle = 90, .line_count = 2};
    page.lines = alloc(2, sizeof(*page.lines));
    page.lines[0] = (struct line){.text = copy_string("Größe \"ß\" 漢字"),
                                  .score = 0.98765F,
                                  .quad = {{{1, 2}, {101.5F, 2}, {101.5F, 22}, {1, 22}}},
                                  .angle = -12.25F,
                                  .block = 1,
                                  .row = 4};
    page.lines[0].words = alloc(2, sizeof(struct word));
    page.lines[0].word_count = 2;
    page.lines[0].words[0] = (struct word){0, 7, 0.5F, {{{1, 2}, {50, 2}, {50, 22}, {1, 22}}}};
    page.lines[0].words[1] = (struct word){8, 4, 1, {{{60, 2}, {80, 2}, {80, 22.5F}, {60, 22}}}};
    page.lines[1] = (struct line){.text = copy_string("b"), .quad = {{{-3, 0}, {1, 0}, {1, 1}, {-3, 1}}}, .angle = 180};
    page.plan = (struct page_plan){.engine = "openvino", .threads = 2, .tiles = 3, .reduced = true};
    page.region_count = 2;
    page.regions = alloc(2, sizeof(*page.regions));
    page.regions[0] = (struct region){
        .type = REGION_TABLE, .score = 0.5F, .quad = page.lines[0].quad, .rows = 2, .columns = 3, .cell_count = 2};
    page.regions[0].cells = alloc(2, sizeof(*page.regions[0].cells));
    page.regions[0].cells[0] = (struct cell){
        .rows = 2, .columns = 1, .text = copy_string("<b>"), .quad = page.lines[0].words[1].quad, .seen = true};
    page.regions[0].cells[1] = (struct cell){.row = 1, .column = 1, .rows = 1, .columns = 2, .text = copy_string("")};
    page.regions[1] = (struct region){.type = REGION_FIGURE_CAPTION, .quad = page.lines[1].quad};
    page.lines[1].region = 1;
    page_warn(&page, "a part was not readable");
    stage_add(&page.stages, STAGE_DETECT, 0.25, 1);
    stage_add(&page.stages, STAGE_RECOGNISE, 1.5, 40);
    return page;
}

static void page_comes_back_as_it_was(void **state) {
    (void)state;
    struct page page = sample(), back = {0};
    struct json *json = page_to_json(&page, true);
    assert_int_equal(page_from_json(json, &back), 0);
    assert_int_equal(back.number, 3);
    assert_int_equal(back.width, 2480);
    assert_int_equal(back.height, 3508);
    assert_float_equal(back.dpi, 300, 0.01);
    assert_int_equal(back.angle, 90);
    assert_int_equal(back.line_count, 2);
    assert_string_equal(back.lines[0].text, page.lines[0].text);
    assert_float_equal(back.lines[0].score, page.lines[0].score, 1e-4);
    assert_float_equal(back.lines[0].angle, -12.25, 0.01);
    assert_int_equal(back.lines[0].row, 4);
    for (int i = 0; i < 4; i++) {
        assert_float_equal(back.lines[0].quad.corner[i].x, page.lines[0].quad.corner[i].x, 0.05);
        assert_float_equal(back.lines[1].quad.corner[i].y, page.lines[1].quad.corner[i].y, 0.05);
    }
    assert_int_equal(back.lines[1].region, 1);
    assert_int_equal(back.region_count, 2);
    assert_int_equal(back.regions[0].type, REGION_TABLE);
    assert_float_equal(back.regions[0].score, 0.5, 1e-4);
    assert_float_equal(back.regions[0].quad.corner[2].x, 101.5, 0.05);
    assert_int_equal(back.regions[0].rows, 2);
    assert_int_equal(back.regions[0].columns, 3);
    assert_int_equal(back.regions[0].cell_count, 2);
    assert_int_equal(back.regions[0].cells[0].rows, 2);
    assert_string_equal(back.regions[0].cells[0].text, "<b>");
    assert_true(back.regions[0].cells[0].seen);
    assert_float_equal(back.regions[0].cells[0].quad.corner[2].y, 22.5, 0.05);
    assert_false(back.regions[0].cells[1].seen);
    assert_int_equal(back.regions[0].cells[1].column, 1);
    assert_int_equal(back.regions[0].cells[1].columns, 2);
    assert_int_equal(back.regions[1].type, REGION_FIGURE_CAPTION);
    assert_int_equal(back.regions[1].cell_count, 0);
    assert_int_equal(back.lines[0].word_count, 2);
    assert_int_equal(back.lines[0].words[1].start, 8);
    assert_int_equal(back.lines[0].words[1].length, 4);
    assert_float_equal(back.lines[0].words[0].score, 0.5, 1e-4);
    assert_float_equal(back.lines[0].words[1].quad.corner[2].y, 22.5, 0.05);
    assert_int_equal(back.lines[1].word_count, 0);
    assert_string_equal(back.plan.engine, "openvino");
    assert_int_equal(back.plan.threads, 2);
    assert_int_equal(back.plan.tiles, 3);
    assert_true(back.plan.reduced);
    assert_false(back.plan.swapping);
    assert_int_equal(back.warning_count, 1);
    assert_string_equal(back.warnings[0], "a part was not readable");
    assert_float_equal(back.stages.seconds[STAGE_RECOGNISE], 1.5, 1e-6);
    assert_int_equal(back.stages.runs[STAGE_RECOGNISE], 40);
    assert_int_equal(back.stages.runs[STAGE_ORIENT], 0);
    json_drop(&json);
    page_done(&page);
    page_done(&back);
}

static void words_may_be_apart_by_a_wide_blank(void **state) {
    (void)state;
    struct page page = sample(), back = {0};
    free(page.lines[0].text);
    page.lines[0].text = copy_string("一 \u3000二");
    page.lines[0].words[0].length = 3;
    page.lines[0].words[1].start = 7;
    page.lines[0].words[1].length = 3;
    struct json *json = page_to_json(&page, true);
    assert_int_equal(page_from_json(json, &back), 0);
    assert_int_equal(back.lines[0].words[1].start, 7);
    json_drop(&json);
    page_done(&page);
    page_done(&back);
}

static void unknown_resolution_is_null(void **state) {
    (void)state;
    struct page page = {.number = 1, .width = 1, .height = 1}, back = {0};
    struct json *json = page_to_json(&page, true);
    char *text = json_text(json, false);
    assert_non_null(strstr(text, "\"dpi\":null"));
    assert_int_equal(page_from_json(json, &back), 0);
    assert_float_equal(back.dpi, 0, 0);
    assert_int_equal(back.line_count, 0);
    free(text);
    json_drop(&json);
    page_done(&back);
}

#define LINE(text, score, polygon, angle)                                                                              \
    "{\"number\":1,\"width\":9,\"height\":9,\"angle\":0,\"lines\":[{\"text\":" text ",\"score\":" score                \
    ",\"polygon\":" polygon ",\"angle\":" angle ",\"block\":0,\"row\":0,\"region\":0}]," REGIONS("\"text\"", "") "}"
#define REGIONS(type, more) "\"regions\":[{\"type\":" type ",\"score\":0,\"polygon\":" SQUARE more "}]"
#define TABLE(table) "{\"number\":1,\"width\":9,\"height\":9,\"angle\":0," REGIONS("\"table\"", ",\"table\":" table) "}"
#define WORD(text, score, polygon)                                                                                     \
    LINE("\"a\"", "1", SQUARE, "0,\"words\":[{\"text\":" text ",\"score\":" score ",\"polygon\":" polygon "}]")
#define SQUARE "[[0,0],[1,0],[1,1],[0,1]]"
static const char *const foreign[] = {
    "{}",
    "{\"number\":0,\"width\":9,\"height\":9,\"angle\":0}",
    "{\"number\":1.5,\"width\":9,\"height\":9,\"angle\":0}",
    "{\"number\":1,\"width\":-9,\"height\":9,\"angle\":0}",
    "{\"number\":1,\"width\":9,\"height\":1e99,\"angle\":0}",
    "{\"number\":1,\"width\":9,\"height\":9,\"angle\":45}",
    "{\"number\":1,\"width\":9,\"height\":9,\"angle\":0,\"timings\":{\"detect\":{\"seconds\":-1,\"runs\":1}}}",
    LINE("\"\"", "1", SQUARE, "0"),
    LINE("7", "1", SQUARE, "0"),
    LINE("\"a\"", "1.5", SQUARE, "0"),
    LINE("\"a\"", "null", SQUARE, "0"),
    LINE("\"a\"", "1", "[[0,0],[1,0],[1,1]]", "0"),
    LINE("\"a\"", "1", "[[0,0],[1,0],[1,1],[0,1],[0,0]]", "0"),
    LINE("\"a\"", "1", "[[0,0],[1,0],[1],[0,1]]", "0"),
    LINE("\"a\"", "1", "[[0,0],[1,0],[1,\"x\"],[0,1]]", "0"),
    LINE("\"a\"", "1", "7", "0"),
    LINE("\"a\"", "1", SQUARE, "400"),
    "{\"number\":1,\"width\":9,\"height\":9,\"angle\":0," REGIONS("\"poem\"", "") "}",
    "{\"number\":1,\"width\":9,\"height\":9,\"angle\":0,\"lines\":[{\"text\":\"a\",\"score\":1,\"polygon\":" SQUARE
    ",\"angle\":0,\"block\":0,\"row\":0,\"region\":1}]," REGIONS("\"text\"", "") "}",
    TABLE("{}"),
    TABLE("7"),
    TABLE("{\"rows\":0,\"columns\":1}"),
    TABLE("{\"rows\":1,\"columns\":1e9}"),
    TABLE("{\"rows\":1,\"columns\":1,\"cells\":[{\"row\":1,\"column\":0,\"rows\":1,\"columns\":1,\"text\":\"\"}]}"),
    TABLE("{\"rows\":2,\"columns\":1,\"cells\":[{\"row\":1,\"column\":0,\"rows\":2,\"columns\":1,\"text\":\"\"}]}"),
    TABLE("{\"rows\":1,\"columns\":1,\"cells\":[{\"row\":0,\"column\":0,\"rows\":1,\"columns\":0,\"text\":\"\"}]}"),
    TABLE("{\"rows\":1,\"columns\":1,\"cells\":[{\"row\":0,\"column\":0,\"rows\":1,\"columns\":1,\"text\":7}]}"),
    TABLE("{\"rows\":1,\"columns\":1,\"cells\":[{\"row\":0,\"column\":0,\"rows\":1,\"columns\":1,\"text\":\"\","
          "\"polygon\":[]}]}"),
    WORD("\"b\"", "1", SQUARE),
    WORD("\"\"", "1", SQUARE),
    WORD("7", "1", SQUARE),
    WORD("\"aa\"", "1", SQUARE),
    WORD("\"a\"", "2", SQUARE),
    WORD("\"a\"", "1", "[[0,0]]"),
};

static void foreign_pages_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(foreign); i++) {
        struct json *json = NULL;
        struct page page = {.number = 77};
        assert_int_equal(json_parse(foreign[i], strlen(foreign[i]), &json), 0);
        assert_int_equal(page_from_json(json, &page), ERR_PROTOCOL);
        assert_int_equal(page.number, 77); /* untouched */
        json_drop(&json);
    }
    struct json *json = NULL;
    struct page page = {0};
    const char *good = LINE("\"a\"", "1", SQUARE, "0");
    assert_int_equal(json_parse(good, strlen(good), &json), 0);
    assert_int_equal(page_from_json(json, &page), 0);
    json_drop(&json);
    page_done(&page);
}

static void stages_add_up(void **state) {
    (void)state;
    struct stages sum = {0}, more = {0};
    stage_add(&more, STAGE_BOXES, 0.5, 2);
    stages_add(&sum, &more);
    stages_add(&sum, &more);
    assert_float_equal(sum.seconds[STAGE_BOXES], 1, 1e-9);
    assert_int_equal(sum.runs[STAGE_BOXES], 4);
    assert_true(stage_in_engine(STAGE_DETECT));
    assert_false(stage_in_engine(STAGE_BOXES));
    assert_string_equal(stage_word(STAGE_BOXES), "boxes");
}

/* Types in the schema are those of the table. */
static void schema_has_the_types(void **state) {
    (void)state;
    char *schema cleanup(drop_memory) = NULL;
    size_t length;
    assert_int_equal(file_read_path("docs/result.schema.json", 1 << 20, &schema, &length), 0);
    for (int type = 0; type < REGION_TYPE_COUNT; type++) {
        char *word cleanup(drop_memory) = format("\"%s\"", region_word((enum region_type)type));
        assert_non_null(strstr(schema, word));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_comes_back_as_it_was),
        cmocka_unit_test(words_may_be_apart_by_a_wide_blank),
        cmocka_unit_test(unknown_resolution_is_null),
        cmocka_unit_test(foreign_pages_are_refused),
        cmocka_unit_test(stages_add_up),
        cmocka_unit_test(schema_has_the_types),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
