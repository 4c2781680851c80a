/* PicoDet's heads, made by hand: a grid of 2 x 2 cells of 8 pixels, two classes, sides in 8 bins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pipeline/layout.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { CELLS = 4, CLASSES = 2, BINS = 8 };

static const struct layout_class classes[CLASSES] = {{.type = REGION_TEXT, .threshold = 0.4F},
                                                     {.type = REGION_TABLE, .threshold = 0.4F}};
static const struct layout_options options = {
    .width = 16, .height = 16, .classes = classes, .class_count = CLASSES, .scale_x = 10, .scale_y = 100};

struct heads {
    float scores[CELLS][CLASSES];
    float sides[CELLS][4][BINS];
    struct outputs outputs;
};

static struct heads *heads_new(void) {
    struct heads *heads = alloc(1, sizeof(*heads));
    heads->outputs.count = 2;
    heads->outputs.tensor[0] = (struct tensor){.data = heads->scores[0], .shape = {1, CELLS, CLASSES, 1}, .rank = 3};
    heads->outputs.tensor[1] = (struct tensor){.data = heads->sides[0][0], .shape = {1, CELLS, 4 * BINS, 1}, .rank = 3};
    return heads;
}

/* Surely so many strides to each side. */
static void set(struct heads *heads, int cell, int class, float score, const int sides[4]) {
    heads->scores[cell][class] = score;
    for (int i = 0; i < 4; i++) {
        heads->sides[cell][i][sides[i]] = 100;
    }
}

static void boxes_lie_where_the_sides_say(void **state) {
    (void)state;
    struct heads *heads cleanup(drop_memory) = heads_new();
    set(heads, 3, 1, 0.9F, (int[]){1, 1, 0, 0}); /* from the middle (12, 12) to the left and up by 8 */
    set(heads, 0, 0, 0.3F, (int[]){1, 1, 1, 1}); /* below the threshold */
    struct layout_box *boxes cleanup(drop_memory) = NULL;
    size_t count = 0;
    assert_int_equal(layout_decode(&heads->outputs, &options, &boxes, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(boxes[0].type, REGION_TABLE);
    assert_float_equal(boxes[0].score, 0.9, 1e-6);
    assert_float_equal(boxes[0].area.left, 40, 0.01);
    assert_float_equal(boxes[0].area.top, 400, 0.01);
    assert_float_equal(boxes[0].area.right, 120, 0.01);
    assert_float_equal(boxes[0].area.bottom, 1200, 0.01);
}

/* Of boxes of one type that overlap the surest stays; another type is no rival; all are kept within the page. */
static void the_surest_stays(void **state) {
    (void)state;
    struct heads *heads cleanup(drop_memory) = heads_new();
    set(heads, 0, 0, 0.6F, (int[]){7, 7, 7, 7});
    set(heads, 1, 0, 0.8F, (int[]){7, 7, 7, 7});
    set(heads, 2, 1, 0.5F, (int[]){7, 7, 7, 7});
    struct layout_box *boxes cleanup(drop_memory) = NULL;
    size_t count = 0;
    assert_int_equal(layout_decode(&heads->outputs, &options, &boxes, &count), 0);
    assert_int_equal(count, 2);
    assert_float_equal(boxes[0].score, 0.8, 1e-6);
    assert_int_equal(boxes[1].type, REGION_TABLE);
    for (size_t i = 0; i < count; i++) {
        assert_true(boxes[i].area.left >= 0 && boxes[i].area.top >= 0);
        assert_true(boxes[i].area.right <= 160 && boxes[i].area.bottom <= 1600);
    }
}

static void other_shapes_are_refused(void **state) {
    (void)state;
    struct heads *heads cleanup(drop_memory) = heads_new();
    const struct outputs good = heads->outputs;
    for (int kind = 0; kind < 6; kind++) {
        heads->outputs = good;
        heads->outputs.count = kind == 0 ? 1 : 2;
        heads->outputs.tensor[0].shape[1] -= kind == 1;
        heads->outputs.tensor[0].shape[2] += kind == 2;
        heads->outputs.tensor[1].shape[2] -= kind == 3;
        heads->outputs.tensor[1].shape[1] += kind == 4;
        heads->outputs.tensor[1].rank -= kind == 5;
        struct layout_box *boxes = NULL;
        size_t count = 77;
        assert_int_equal(layout_decode(&heads->outputs, &options, &boxes, &count), ERR_BAD_MODEL);
        assert_int_equal(count, 77);
        assert_null(boxes);
    }
}

/* Numbers that are none, and no end of boxes: the sanitizers watch. */
static void any_numbers_are_answered(void **state) {
    (void)state;
    struct heads *heads cleanup(drop_memory) = heads_new();
    uint32_t random = 1;
    for (int round = 0; round < 2000; round++) {
        float *numbers = heads->scores[0];
        for (size_t i = 0; i < (sizeof(heads->scores) + sizeof(heads->sides)) / sizeof(float); i++) {
            random = random * 1664525 + 1013904223;
            uint32_t bits = random ^ random >> 9;
            memcpy(&numbers[i], &bits, sizeof(bits));
        }
        struct layout_box *boxes cleanup(drop_memory) = NULL;
        size_t count = 0;
        assert_int_equal(layout_decode(&heads->outputs, &options, &boxes, &count), 0);
        assert_true(count <= (size_t)CELLS * CLASSES);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(boxes_lie_where_the_sides_say),
                                       cmocka_unit_test(the_surest_stays), cmocka_unit_test(other_shapes_are_refused),
                                       cmocka_unit_test(any_numbers_are_answered)};
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
