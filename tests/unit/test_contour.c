#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "image/contour.h"

#define WIDTH 160
#define HEIGHT 120
#define STRIDE ((ptrdiff_t)170) /* cells beyond the width must not be read as text */

static const struct contour_options OPTIONS = {
    .threshold = 0.3F, .box_threshold = 0.6F, .unclip = 1.5F, .min_side = 3, .max_boxes = 1000};

static float *new_map(void) {
    float *map = alloc((size_t)STRIDE * HEIGHT, sizeof *map);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = WIDTH; x < STRIDE; x++) {
            map[y * STRIDE + x] = 1;
        }
    }
    return map;
}

static void fill(float *map, int left, int top, int width, int height, float value) {
    for (int y = top; y < top + height; y++) {
        for (int x = left; x < left + width; x++) {
            map[y * STRIDE + x] = value;
        }
    }
}

static size_t find(const float *map, const struct contour_options *options, struct text_box **boxes) {
    size_t count = 0;
    assert_int_equal(contour_boxes(map, WIDTH, HEIGHT, STRIDE, options, boxes, &count), 0);
    return count;
}

static void assert_quad(const struct quad *quad, const float expected[8], double tolerance) {
    for (size_t i = 0; i < 4; i++) {
        double x = (double)(quad->corner[i].x - expected[2 * i]), y = (double)(quad->corner[i].y - expected[2 * i + 1]);
        if (!(hypot(x, y) <= tolerance)) {
            fail_msg("corner %zu is at (%g, %g), not (%g, %g)", i, (double)quad->corner[i].x, (double)quad->corner[i].y,
                     (double)expected[2 * i], (double)expected[2 * i + 1]);
        }
    }
}

static void an_upright_block_grows_by_the_unclip_distance(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *boxes = NULL;
    fill(map, 20, 30, 61, 11, 0.9F);
    assert_int_equal(find(map, &OPTIONS, &boxes), 1);
    /* Between centres it is 60 x 10: d = 600 * 1.5 / 140. */
    const float d = 600 * 1.5F / 140;
    const float expected[] = {20 - d, 30 - d, 80 + d, 30 - d, 80 + d, 40 + d, 20 - d, 40 + d};
    assert_quad(&boxes[0].quad, expected, 1e-3);
    assert_true(fabsf(boxes[0].score - 0.9F) < 1e-5F);
}

static void a_slanted_bar_gives_a_slanted_box(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *boxes = NULL;
    /* 80 x 12 around (80, 60), turned by the angle of a 3-4-5 triangle. */
    const float c = 0.8F, s = 0.6F;
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            float dx = (float)(x - 80), dy = (float)(y - 60);
            if (fabsf(dx * c + dy * s) <= 40 && fabsf(-dx * s + dy * c) <= 6) {
                map[y * STRIDE + x] = 0.8F;
            }
        }
    }
    struct contour_options options = OPTIONS;
    options.unclip = 0;
    assert_int_equal(find(map, &options, &boxes), 1);
    const float expected[] = {80 - 40 * c + 6 * s, 60 - 40 * s - 6 * c, 80 + 40 * c + 6 * s, 60 + 40 * s - 6 * c,
                              80 + 40 * c - 6 * s, 60 + 40 * s + 6 * c, 80 - 40 * c - 6 * s, 60 - 40 * s + 6 * c};
    assert_quad(&boxes[0].quad, expected, 1.5);
    assert_true(boxes[0].score > 0.78F && boxes[0].score <= 0.801F);
}

static void cells_join_across_corners_and_come_in_row_order(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *boxes = NULL;
    fill(map, 100, 5, 20, 8, 1);
    fill(map, 10, 10, 20, 8, 1);
    fill(map, 30, 18, 20, 8, 1); /* touches the one before at a corner */
    fill(map, 10, 60, 20, 8, 1);
    struct contour_options options = OPTIONS;
    options.box_threshold = 0.3F;
    assert_int_equal(find(map, &options, &boxes), 3);
    assert_true(boxes[0].quad.corner[0].x > 90);
    assert_true(boxes[1].quad.corner[0].y < 30 && boxes[1].quad.corner[2].x > 45);
    assert_true(boxes[2].quad.corner[0].y > 50);
}

static void branches_that_meet_below_are_one(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *boxes = NULL;
    for (int tooth = 0; tooth < 10; tooth++) {
        fill(map, 20 + 8 * tooth, 20, 4, 40, 1);
    }
    fill(map, 20, 60, 76, 4, 1);
    struct contour_options options = OPTIONS;
    options.box_threshold = 0.4F;
    options.unclip = 0;
    assert_int_equal(find(map, &options, &boxes), 1);
    const float expected[] = {20, 20, 95, 20, 95, 63, 20, 63};
    assert_quad(&boxes[0].quad, expected, 1e-3);
}

static void dilation_joins_what_one_cell_parts(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *apart = NULL, *joined = NULL;
    fill(map, 10, 10, 20, 8, 1);
    fill(map, 31, 10, 20, 8, 1);
    struct contour_options options = OPTIONS;
    options.unclip = 0;
    assert_int_equal(find(map, &options, &apart), 2);
    options.dilate = 1;
    assert_int_equal(find(map, &options, &joined), 1);
    const float expected[] = {10, 10, 51, 10, 51, 18, 10, 18};
    assert_quad(&joined[0].quad, expected, 1e-3);
}

static void small_and_faint_boxes_are_dropped(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *boxes = NULL;
    fill(map, 10, 10, 60, 3, 1);     /* 2 between centres: below min_side */
    fill(map, 10, 20, 1, 1, 1);      /* a speck */
    fill(map, 10, 30, 60, 1, 1);     /* a line without height */
    fill(map, 10, 50, 60, 10, 0.5F); /* mean below box_threshold */
    fill(map, 10, 80, 60, 10, 0.7F);
    assert_int_equal(find(map, &OPTIONS, &boxes), 1);
    assert_true(boxes[0].quad.corner[0].y > 70);
}

static void the_mean_counts_only_cells_inside(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *boxes = NULL;
    fill(map, 10, 10, 40, 10, 1);
    fill(map, 20, 13, 20, 4, 0); /* a hole: 80 of 400 cells */
    assert_int_equal(find(map, &OPTIONS, &boxes), 1);
    assert_true(fabsf(boxes[0].score - 0.8F) < 1e-4F);
}

static void only_the_first_components_are_looked_at(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *boxes = NULL;
    for (int y = 0; y < 5; y++) {
        fill(map, 10, 5 + 20 * y, 30, 10, 1);
    }
    struct contour_options options = OPTIONS;
    options.max_boxes = 3;
    assert_int_equal(find(map, &options, &boxes), 3);
    assert_true(boxes[2].quad.corner[0].y < 60);
}

static void an_empty_map_has_no_boxes(void **state) {
    (void)state;
    cleanup(drop_memory) float *map = new_map();
    cleanup(drop_memory) struct text_box *boxes = NULL;
    assert_int_equal(find(map, &OPTIONS, &boxes), 0);
}

static void hostile_maps_are_answered(void **state) {
    (void)state;
    struct contour_options options = OPTIONS;
    options.box_threshold = 0;
    options.min_side = 0;
    for (int kind = 0; kind < 5; kind++) {
        cleanup(drop_memory) float *map = new_map();
        cleanup(drop_memory) struct text_box *boxes = NULL;
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                int text[] = {1, (x + y) % 2, x % 2 && y % 2, x % 2, y % 2};
                map[y * STRIDE + x] = text[kind] ? 1 : (kind == 3 ? nanf("") : 0);
            }
        }
        for (options.dilate = 0; options.dilate <= 1; options.dilate++) {
            free(take(boxes));
            size_t count = find(map, &options, &boxes);
            assert_true(count <= options.max_boxes);
            if (kind == 0 || (kind == 1 || options.dilate)) {
                assert_int_equal(count, 1);
            }
        }
    }
}

static void the_smallest_rectangle_is_found_from_any_order(void **state) {
    (void)state;
    struct point points[] = {{6, 7}, {4, 3}, {0, 0}, {3, 4}, {10, 5}, {2, 11}, {8, 6}, {4, 3}, {2.5F, 5}, {6, 8}};
    struct point square[] = {{0, 5}, {5, 10}, {10, 5}, {5, 0}, {5, 5}};
    struct quad quad = contour_min_rectangle(square, array_length(square));
    /* Left corners are (0, 5) and the upper of those next to it. */
    double side = hypot((double)(quad.corner[0].x - quad.corner[1].x), (double)(quad.corner[0].y - quad.corner[1].y));
    assert_true(fabs(side - sqrt(50)) < 1e-4);
    quad = contour_min_rectangle(points, array_length(points));
    for (size_t i = 0; i < array_length(points); i++) {
        for (int k = 0; k < 4; k++) {
            struct point a = quad.corner[k], b = quad.corner[(k + 1) % 4];
            float inside = (b.x - a.x) * (points[i].y - a.y) - (b.y - a.y) * (points[i].x - a.x);
            assert_true(inside > -1e-3F);
        }
    }
}

static void points_and_lines_have_rectangles_too(void **state) {
    (void)state;
    struct point one[] = {{3, 4}}, same[] = {{3, 4}, {3, 4}, {3, 4}}, line[] = {{9, 3}, {0, 0}, {6, 2}, {3, 1}};
    const float dot[] = {3, 4, 3, 4, 3, 4, 3, 4};
    struct quad quad = contour_min_rectangle(one, 1);
    assert_quad(&quad, dot, 0);
    quad = contour_min_rectangle(same, 3);
    assert_quad(&quad, dot, 0);
    quad = contour_min_rectangle(line, 4);
    const float flat[] = {0, 0, 9, 3, 9, 3, 0, 0};
    assert_quad(&quad, flat, 1e-4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upright_block_grows_by_the_unclip_distance),
        cmocka_unit_test(a_slanted_bar_gives_a_slanted_box),
        cmocka_unit_test(cells_join_across_corners_and_come_in_row_order),
        cmocka_unit_test(branches_that_meet_below_are_one),
        cmocka_unit_test(dilation_joins_what_one_cell_parts),
        cmocka_unit_test(small_and_faint_boxes_are_dropped),
        cmocka_unit_test(the_mean_counts_only_cells_inside),
        cmocka_unit_test(only_the_first_components_are_looked_at),
        cmocka_unit_test(an_empty_map_has_no_boxes),
        cmocka_unit_test(hostile_maps_are_answered),
        cmocka_unit_test(the_smallest_rectangle_is_found_from_any_order),
        cmocka_unit_test(points_and_lines_have_rectangles_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
