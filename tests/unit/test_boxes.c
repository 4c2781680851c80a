/* Boxes of PP-DocLayout, made by hand: an input of 100 x 100 pixels of a page of 1000 x 2000. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pipeline/boxes.h"
#include "pipeline/layout.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { TEXT, TABLE, IMAGE, CHART, NOTHING, NUMBER, CLASSES };

static const struct layout_class classes[CLASSES] = {
    [TEXT] = {.type = REGION_TEXT, .threshold = 0.5F},
    [TABLE] = {.type = REGION_TABLE, .threshold = 0.3F},
    [IMAGE] = {.type = REGION_FIGURE, .threshold = 0.5F},
    [CHART] = {.type = REGION_FIGURE, .threshold = 0.5F, .large = true},
    [NOTHING] = {.type = -1, .threshold = 0.5F},
    [NUMBER] = {.type = REGION_FOOTER, .threshold = 0.5F},
};
static const struct layout_options options = {
    .width = 100, .height = 100, .classes = classes, .class_count = CLASSES, .scale_x = 10, .scale_y = 20};

struct decoded {
    struct layout_box *boxes;
    size_t count;
};

static struct decoded decode(const float *rows, int64_t count, int64_t columns) {
    struct outputs outputs = {.tensor[0] = {.data = rows, .shape = {count, columns, 1, 1}, .rank = 2}, .count = 1};
    struct decoded decoded = {0};
    assert_int_equal(layout_decode_boxes(&outputs, &options, &decoded.boxes, &decoded.count), 0);
    return decoded;
}

static void decoded_done(struct decoded *decoded) { free(decoded->boxes); }

static void boxes_lie_on_the_page(void **state) {
    (void)state;
    static const float rows[][6] = {{TEXT, 0.9F, -5, 10, 50, 130}, {TABLE, 0.4F, 60, 10, 90, 20}};
    struct decoded decoded cleanup(decoded_done) = decode(rows[0], 2, 6);
    assert_int_equal(decoded.count, 2);
    const struct layout_box *box = &decoded.boxes[0];
    assert_int_equal(box->type, REGION_TEXT);
    assert_float_equal(box->area.left, 0, 0.01);
    assert_float_equal(box->area.top, 200, 0.01);
    assert_float_equal(box->area.right, 500, 0.01);
    assert_float_equal(box->area.bottom, 2000, 0.01);
    assert_int_equal(decoded.boxes[1].type, REGION_TABLE);
    assert_int_equal(decoded.boxes[1].order, 0);
}

/* Below the threshold of the class, of no class, of one of none of our types, of no size. */
static void others_are_passed_over(void **state) {
    (void)state;
    static const float rows[][6] = {{TEXT, 0.5F, 10, 10, 50, 50}, {TABLE, 0.3F, 10, 10, 50, 50},
                                    {-1, 0.9F, 10, 10, 50, 50},   {CLASSES, 0.9F, 10, 10, 50, 50},
                                    {TEXT, 1.5F, 10, 10, 50, 50}, {NOTHING, 0.9F, 10, 10, 50, 50},
                                    {TEXT, 0.9F, 50, 10, 10, 50}, {TEXT, 0.9F, 110, 10, 120, 50}};
    struct decoded decoded cleanup(decoded_done) = decode(rows[0], (int64_t)array_length(rows), 6);
    assert_int_equal(decoded.count, 0);
}

/* More than 0.6 of the union alike within a class, 0.98 of it across classes. */
static void of_boxes_alike_the_surest_stays(void **state) {
    (void)state;
    static const float rows[][6] = {{TEXT, 0.6F, 0, 0, 100, 50},   {TEXT, 0.8F, 0, 5, 100, 55},
                                    {TABLE, 0.7F, 0, 5, 100, 55},  {TABLE, 0.6F, 0, 60, 100, 80},
                                    {TEXT, 0.65F, 0, 60, 100, 78}, {TEXT, 0.55F, 0, 40, 100, 58}};
    struct decoded decoded cleanup(decoded_done) = decode(rows[0], (int64_t)array_length(rows), 6);
    static const float left[] = {0.8F, 0.65F, 0.6F, 0.55F};
    assert_int_equal(decoded.count, array_length(left));
    for (size_t i = 0; i < array_length(left); i++) {
        assert_float_equal(decoded.boxes[i].score, left[i], 1e-6);
    }
}

static void a_picture_of_the_whole_page_is_dropped(void **state) {
    (void)state;
    static const float rows[][6] = {{IMAGE, 0.9F, 0, 0, 100, 95}, {TEXT, 0.8F, 0, 0, 100, 50}};
    struct decoded both cleanup(decoded_done) = decode(rows[0], 2, 6);
    assert_int_equal(both.count, 1);
    assert_int_equal(both.boxes[0].type, REGION_TEXT);
    struct decoded alone cleanup(decoded_done) = decode(rows[0], 1, 6);
    assert_int_equal(alone.count, 1);
}

/* What lies within a chart is its part, what lies within a picture is not, unless it is a picture itself. */
static void parts_go_with_the_whole(void **state) {
    (void)state;
    static const float rows[][6] = {{CHART, 0.6F, 0, 0, 100, 40},    {TEXT, 0.9F, 10, 10, 50, 20},
                                    {IMAGE, 0.7F, 0, 50, 100, 90},   {TEXT, 0.8F, 10, 60, 50, 70},
                                    {IMAGE, 0.75F, 60, 60, 80, 70},  {TABLE, 0.5F, 50, 30, 100, 46},
                                    {TEXT, 0.55F, 10, 92, 100, 100}, {TEXT, 0.52F, 0, 91, 100, 100}};
    struct decoded decoded cleanup(decoded_done) = decode(rows[0], (int64_t)array_length(rows), 6);
    static const float left[] = {0.8F, 0.7F, 0.6F, 0.55F, 0.5F};
    assert_int_equal(decoded.count, array_length(left));
    for (size_t i = 0; i < array_length(left); i++) {
        assert_float_equal(decoded.boxes[i].score, left[i], 1e-6);
    }
}

static void the_number_of_a_page_is_a_header_or_a_footer(void **state) {
    (void)state;
    static const float rows[][6] = {{NUMBER, 0.9F, 40, 0, 60, 5}, {NUMBER, 0.8F, 40, 95, 60, 100}};
    struct decoded decoded cleanup(decoded_done) = decode(rows[0], 2, 6);
    assert_int_equal(decoded.boxes[0].type, REGION_HEADER);
    assert_int_equal(decoded.boxes[1].type, REGION_FOOTER);
}

static void boxes_are_in_the_order_of_the_model(void **state) {
    (void)state;
    static const float one[][7] = {{TEXT, 0.9F, 0, 0, 100, 10, 30}, {TEXT, 0.8F, 0, 20, 100, 30, 10}};
    static const float two[][8] = {
        {TEXT, 0.9F, 0, 0, 100, 10, 5, 1}, {TEXT, 0.8F, 0, 20, 100, 30, 5, 2}, {TEXT, 0.7F, 0, 40, 100, 50, 4, 0}};
    struct decoded first cleanup(decoded_done) = decode(one[0], 2, 7);
    assert_float_equal(first.boxes[0].score, 0.8, 1e-6);
    assert_int_equal(first.boxes[0].order, 1);
    assert_int_equal(first.boxes[1].order, 2);
    struct decoded second cleanup(decoded_done) = decode(two[0], 3, 8);
    static const float scores[] = {0.7F, 0.8F, 0.9F};
    for (size_t i = 0; i < array_length(scores); i++) {
        assert_float_equal(second.boxes[i].score, scores[i], 1e-6);
    }
}

static void other_shapes_are_refused(void **state) {
    (void)state;
    static const float rows[9] = {0};
    static const struct {
        int64_t columns;
        int rank;
    } cases[] = {{5, 2}, {9, 2}, {6, 3}, {6, 1}};
    for (size_t i = 0; i < array_length(cases); i++) {
        struct outputs outputs = {
            .tensor[0] = {.data = rows, .shape = {1, cases[i].columns, 1, 1}, .rank = cases[i].rank}, .count = 1};
        struct layout_box *boxes = NULL;
        size_t count = 77;
        assert_int_equal(layout_decode_boxes(&outputs, &options, &boxes, &count), ERR_BAD_MODEL);
        assert_int_equal(count, 77);
    }
}

/* Numbers that are none, and no end of boxes: the sanitizers watch. */
static void any_numbers_are_answered(void **state) {
    (void)state;
    enum { ROWS = 600, COLUMNS = 8 };
    float *rows cleanup(drop_memory) = alloc((size_t)ROWS * COLUMNS, sizeof(*rows));
    uint32_t random = 1;
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) {
            random = random * 1664525 + 1013904223;
            uint32_t bits = random ^ random >> 9;
            memcpy(&rows[i], &bits, sizeof(bits));
            if (round % 2 == 0) { /* plausible ones, so that the later steps have work */
                rows[i] = i % COLUMNS == 0   ? (float)(bits % CLASSES)
                          : i % COLUMNS == 1 ? 0.99F
                                             : (float)(bits % 12000) / 100 - 10;
            }
        }
        struct decoded decoded cleanup(decoded_done) = decode(rows, ROWS, COLUMNS);
        assert_true(decoded.count <= BOXES_MOST);
        assert_true(round % 2 != 0 || decoded.count > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(boxes_lie_on_the_page),
                                       cmocka_unit_test(others_are_passed_over),
                                       cmocka_unit_test(of_boxes_alike_the_surest_stays),
                                       cmocka_unit_test(a_picture_of_the_whole_page_is_dropped),
                                       cmocka_unit_test(parts_go_with_the_whole),
                                       cmocka_unit_test(the_number_of_a_page_is_a_header_or_a_footer),
                                       cmocka_unit_test(boxes_are_in_the_order_of_the_model),
                                       cmocka_unit_test(other_shapes_are_refused),
                                       cmocka_unit_test(any_numbers_are_answered)};
    return cmocka_run_group_tests_name("boxes", tests, NULL, NULL);
}
