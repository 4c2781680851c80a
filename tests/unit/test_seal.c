/* Bent text: from a map with a ring or a part of one to a straight picture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pipeline/part/seal.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { SIDE = 200 };

static float map[SIDE][SIDE];
static const struct contour_options options = {
    .threshold = 0.2F, .box_threshold = 0.6F, .min_side = 3, .max_boxes = 10};

/* Degrees of a cell seen from the middle, clockwise from rightwards, 0 to 360; *far: how far off it is. */
static float degrees_of(int x, int y, float tall, float *far) {
    float dx = (float)(x - SIDE / 2), dy = (float)(y - SIDE / 2) / tall;
    float degrees = atan2f(dy, dx) * 180 / (float)M_PI;
    *far = hypotf(dx, dy);
    return degrees < 0 ? degrees + 360 : degrees;
}

/* A band between two radii, from first to last degrees; tall: as high as that times its width. */
static void draw_band(float inner, float outer, float first, float last, float tall) {
    memset(map, 0, sizeof(map));
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            float far, degrees = degrees_of(x, y, tall, &far);
            map[y][x] = far >= inner && far <= outer && degrees >= first && degrees <= last ? 0.9F : 0;
        }
    }
}

static struct seal_text trace_only(void) {
    struct text_shape *shapes;
    size_t count;
    struct seal_text text;
    assert_int_equal(contour_shapes(map[0], SIDE, SIDE, SIDE, &options, &shapes, &count), 0);
    assert_int_equal(count, 1);
    assert_float_equal(shapes[0].score, 0.9, 1e-4);
    seal_trace(&shapes[0], 1, 1, 0, &text);
    text_shapes_done(shapes, count);
    return text;
}

static float far_from_middle(struct point p) {
    return hypotf(p.x - (float)SIDE / 2 - 0.5F, p.y - (float)SIDE / 2 - 0.5F);
}

static void text_above_has_its_feet_inside(void **state) {
    (void)state;
    static const float ends[][2] = {{200, 340}, {225, 315}, {180, 359}};
    for (size_t k = 0; k < array_length(ends); k++) {
        draw_band(60, 85, ends[k][0], ends[k][1], 1);
        struct seal_text text = trace_only();
        assert_true(text.bent);
        for (int i = 0; i < SEAL_POINTS; i++) {
            assert_float_equal(far_from_middle(text.top[i]), 85, 2.5);
            assert_float_equal(far_from_middle(text.bottom[i]), 60, 2.5);
        }
        assert_true(text.top[0].x < text.top[SEAL_PIECES].x);
        for (int i = 0; i < 4; i++) { /* the rectangle is about the edges */
            assert_true(fabsf(text.box.corner[i].x - SIDE / 2) < 90 && fabsf(text.box.corner[i].y - SIDE / 2) < 90);
        }
    }
}

static void text_below_has_its_head_inside(void **state) {
    (void)state;
    draw_band(60, 85, 30, 150, 1);
    struct seal_text text = trace_only();
    assert_true(text.bent);
    for (int i = 0; i < SEAL_POINTS; i++) {
        assert_float_equal(far_from_middle(text.top[i]), 60, 2.5);
        assert_float_equal(far_from_middle(text.bottom[i]), 85, 2.5);
    }
    assert_true(text.top[0].x < text.top[SEAL_PIECES].x);
}

static void a_ring_begins_below(void **state) {
    (void)state;
    draw_band(60, 85, 0, 360, 1);
    struct seal_text text = trace_only();
    assert_true(text.bent);
    assert_float_equal(text.top[0].x, SIDE / 2, 3);
    assert_float_equal(text.top[0].y, SIDE / 2 + 85, 3);
    assert_true(text.top[SEAL_PIECES / 4].x < SIDE / 2); /* and goes up on the left */
}

static void an_oval_is_followed(void **state) {
    (void)state;
    draw_band(70, 90, 190, 350, 0.7F);
    struct seal_text text = trace_only();
    assert_true(text.bent);
    for (int i = 2; i < SEAL_POINTS - 2; i++) {
        float far;
        (void)degrees_of((int)text.top[i].x, (int)text.top[i].y, 0.7F, &far);
        assert_float_equal(far, 90, 5);
        (void)degrees_of((int)text.bottom[i].x, (int)text.bottom[i].y, 0.7F, &far);
        assert_float_equal(far, 70, 5);
    }
}

static void straight_text_is_a_rectangle(void **state) {
    (void)state;
    memset(map, 0, sizeof(map));
    for (int y = 90; y < 110; y++) {
        for (int x = 50; x < 150; x++) {
            map[y][x] = 0.9F;
        }
    }
    struct text_shape *shapes;
    size_t count;
    struct seal_text text;
    assert_int_equal(contour_shapes(map[0], SIDE, SIDE, SIDE, &options, &shapes, &count), 0);
    seal_trace(&shapes[0], 2, 2, 0.5F, &text);
    text_shapes_done(shapes, count);
    assert_false(text.bent);
    float grow = 2 * 99.0F * 19 * 0.5F / (2 * (99 + 19)); /* area * unclip / perimeter, in cells of 2 pixels */
    assert_float_equal(text.box.corner[0].x, 101 - grow, 0.1);
    assert_float_equal(text.box.corner[0].y, 181 - grow, 0.1);
    assert_float_equal(text.box.corner[2].x, 299 + grow, 0.1);
    assert_float_equal(text.box.corner[2].y, 219 + grow, 0.1);
}

/* Stripes that stand like letters around the middle, dark outside: unrolled they are as wide each, and dark above. */
static void what_is_unrolled_is_straight(void **state) {
    (void)state;
    struct image page cleanup(image_done) = {0}, straight cleanup(image_done) = {0};
    assert_int_equal(image_new(SIDE, SIDE, 1, &page), 0);
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            float far, degrees = degrees_of(x, y, 1, &far);
            bool stripe = (int)(degrees / 10) % 2 == 0;
            page.owned[(size_t)y * page.stride + (size_t)x] = (uint8_t)(stripe ? (far > 72 ? 0 : 60) : 255);
        }
    }
    draw_band(60, 85, 190, 350, 1);
    struct seal_text text = trace_only();
    assert_int_equal(seal_unroll(&page, &text, &straight), 0);
    assert_in_range(straight.height, 22, 28);
    assert_in_range(straight.width, 190, 215); /* 160 degrees at 72.5 */
    int changes = 0;
    for (uint32_t x = 1; x < straight.width; x++) {
        const uint8_t *above = straight.pixels + 4 * straight.stride + x;
        const uint8_t *below = straight.pixels + (straight.height - 5) * straight.stride + x;
        changes += (above[0] < 128) != (above[-1] < 128);
        if (above[0] < 20) {
            assert_true(below[0] > 30);
        }
    }
    assert_in_range(changes, 14, 18); /* sixteen stripes */
}

static void specks_and_what_is_unsure_are_left_out(void **state) {
    (void)state;
    struct text_shape *shapes;
    size_t count;
    draw_band(60, 85, 190, 350, 1);
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            map[y][x] *= 0.5F;
        }
    }
    map[100][100] = 0.9F;
    assert_int_equal(contour_shapes(map[0], SIDE, SIDE, SIDE, &options, &shapes, &count), 0);
    assert_int_equal(count, 0);
    text_shapes_done(shapes, count);
}

/* Whatever a network sees, it is traced and unrolled. */
static void any_shape_is_unrolled(void **state) {
    (void)state;
    struct image page cleanup(image_done) = {0};
    uint32_t random = 7;
    assert_int_equal(image_new(SIDE, SIDE, 3, &page), 0);
    memset(page.owned, 200, page.stride * SIDE);
    for (int round = 0; round < 60; round++) {
        memset(map, 0, sizeof(map));
        for (int i = 0; i < 6; i++) {
            random = random * 1664525 + 1013904223;
            uint32_t x = random >> 24, y = random >> 16 & 0xFF, width = random >> 10 & 0x3F,
                     height = random >> 4 & 0x3F;
            for (uint32_t row = y; row < y + height && row < SIDE; row++) {
                for (uint32_t column = x; column < x + width && column < SIDE; column++) {
                    map[row][column] = 0.9F;
                }
            }
        }
        struct text_shape *shapes;
        size_t count;
        assert_int_equal(contour_shapes(map[0], SIDE, SIDE, SIDE, &options, &shapes, &count), 0);
        for (size_t i = 0; i < count; i++) {
            struct seal_text text;
            struct image straight cleanup(image_done) = {0};
            seal_trace(&shapes[i], 1, 1, 0.5F, &text);
            if (text.bent) {
                assert_int_equal(seal_unroll(&page, &text, &straight), 0);
            }
        }
        text_shapes_done(shapes, count);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_above_has_its_feet_inside),
        cmocka_unit_test(text_below_has_its_head_inside),
        cmocka_unit_test(a_ring_begins_below),
        cmocka_unit_test(an_oval_is_followed),
        cmocka_unit_test(straight_text_is_a_rectangle),
        cmocka_unit_test(what_is_unrolled_is_straight),
        cmocka_unit_test(specks_and_what_is_unsure_are_left_out),
        cmocka_unit_test(any_shape_is_unrolled),
    };
    return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
