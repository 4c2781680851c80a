#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "image/image.h"

/* A picture whose channel c is ax + by + 40c, so that any linear resampling of it is known. */
static struct image slope(uint32_t width, uint32_t height, uint32_t channels, double a, double b) {
    struct image image;
    assert_int_equal(image_new(width, height, channels, &image), 0);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            for (uint32_t c = 0; c < channels; c++) {
                image.owned[y * image.stride + (size_t)x * channels + c] = (uint8_t)(a * x + b * y + 40.0 * c);
            }
        }
    }
    return image;
}

/* The same in every run. */
static struct image noise(uint32_t width, uint32_t height, uint32_t channels) {
    struct image image;
    assert_int_equal(image_new(width, height, channels, &image), 0);
    uint32_t state = 1;
    for (size_t i = 0; i < height * image.stride; i++) {
        state = state * 1664525U + 1013904223U;
        image.owned[i] = (uint8_t)(state >> 24);
    }
    return image;
}

static int pixel(const struct image *image, uint32_t x, uint32_t y, uint32_t c) {
    return image->pixels[y * image->stride + (size_t)x * image->channels + c];
}

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%g is not within %g of %g", value, tolerance, expected);
    }
}

static void assert_same(const struct image *a, const struct image *b) {
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->channels, b->channels);
    for (uint32_t y = 0; y < a->height; y++) {
        assert_memory_equal(a->pixels + y * a->stride, b->pixels + y * b->stride, (size_t)a->width * a->channels);
    }
}

static void part_is_a_view_within_the_image(void **state) {
    (void)state;
    cleanup(image_done) struct image image = slope(10, 8, 3, 5, 7);
    struct image part = image_part(&image, 2, 3, 4, 5);
    assert_int_equal(part.width, 4);
    assert_int_equal(part.height, 5);
    assert_ptr_equal(part.pixels, image.pixels + 3 * image.stride + 6);
    assert_null(part.owned);
    part = image_part(&image, 8, 6, 100, 100);
    assert_int_equal(part.width, 2);
    assert_int_equal(part.height, 2);
    part = image_part(&image, 1000, 1000, 0, 0);
    assert_int_equal(part.width, 1);
    assert_int_equal(part.height, 1);
    assert_int_equal(pixel(&part, 0, 0, 2), pixel(&image, 9, 7, 2));
}

static void turn_moves_each_pixel_clockwise(void **state) {
    (void)state;
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        cleanup(image_done) struct image image = noise(67, 35, channels), right = {0}, over = {0}, left = {0};
        assert_int_equal(image_turn(&image, 90, &right), 0);
        assert_int_equal(image_turn(&image, 180, &over), 0);
        assert_int_equal(image_turn(&image, 270, &left), 0);
        assert_int_equal(right.width, 35);
        assert_int_equal(right.height, 67);
        for (uint32_t y = 0; y < 35; y++) {
            for (uint32_t x = 0; x < 67; x++) {
                int value = pixel(&image, x, y, channels - 1);
                assert_int_equal(pixel(&right, 34 - y, x, channels - 1), value);
                assert_int_equal(pixel(&over, 66 - x, 34 - y, channels - 1), value);
                assert_int_equal(pixel(&left, y, 66 - x, channels - 1), value);
            }
        }
    }
}

static void scale_to_the_same_size_changes_nothing(void **state) {
    (void)state;
    cleanup(image_done) struct image image = noise(61, 43, 3), scaled = {0};
    assert_int_equal(image_scale(&image, 61, 43, &scaled), 0);
    assert_same(&image, &scaled);
}

static void shrinking_takes_the_mean_of_the_area(void **state) {
    (void)state;
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        cleanup(image_done) struct image image = noise(60, 60, channels), scaled = {0};
        assert_int_equal(image_scale(&image, 24, 15, &scaled), 0);
        /* A target pixel covers 2.5 x 4 source pixels. */
        double mean = 0;
        for (uint32_t y = 8; y < 12; y++) {
            mean += 0.5 * pixel(&image, 2, y, 0) + pixel(&image, 3, y, 0) + pixel(&image, 4, y, 0);
        }
        assert_near(pixel(&scaled, 1, 2, 0), mean / 10, 1);
    }
}

static void shrinking_keeps_a_thin_stroke(void **state) {
    (void)state;
    cleanup(image_done) struct image image = slope(400, 4, 1, 0, 0), scaled = {0};
    for (uint32_t y = 0; y < 4; y++) {
        image.owned[y * image.stride + 203] = 200;
    }
    assert_int_equal(image_scale(&image, 40, 1, &scaled), 0);
    assert_near(pixel(&scaled, 20, 0, 0), 20, 1);
    assert_int_equal(pixel(&scaled, 19, 0, 0), 0);
}

static void enlarging_is_bilinear_between_centres(void **state) {
    (void)state;
    cleanup(image_done) struct image image = slope(8, 6, 3, 16, 4), scaled = {0};
    assert_int_equal(image_scale(&image, 32, 18, &scaled), 0);
    for (uint32_t y = 0; y < 18; y++) {
        for (uint32_t x = 0; x < 32; x++) {
            double source_x = fmin(fmax((x + 0.5) / 4 - 0.5, 0), 7), source_y = fmin(fmax((y + 0.5) / 3 - 0.5, 0), 5);
            assert_near(pixel(&scaled, x, y, 1), 16 * source_x + 4 * source_y + 40, 1);
        }
    }
}

static void scaling_works_at_the_smallest_and_largest_ratios(void **state) {
    (void)state;
    cleanup(image_done) struct image dot = slope(1, 1, 3, 0, 0), big = {0}, flat = slope(5000, 1, 1, 0, 0), one = {0};
    assert_int_equal(image_scale(&dot, 50, 40, &big), 0);
    assert_int_equal(pixel(&big, 49, 39, 2), 80);
    memset(flat.owned, 77, 5000);
    assert_int_equal(image_scale(&flat, 1, 30, &one), 0);
    assert_int_equal(pixel(&one, 0, 29, 0), 77);
}

static void warp_follows_a_rotated_quad(void **state) {
    (void)state;
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        cleanup(image_done) struct image image = slope(120, 100, channels, 1, 0.5), warped = {0};
        struct quad quad = {{{30, 20}, {90, 40}, {80, 70}, {20, 50}}};
        assert_int_equal(image_warp(&image, &quad, 60, 30, &warped), 0);
        for (uint32_t y = 0; y < 30; y++) {
            for (uint32_t x = 0; x < 60; x++) {
                double u = (x + 0.5) / 60, v = (y + 0.5) / 30;
                double source_x = 30 + 60 * u - 10 * v - 0.5, source_y = 20 + 20 * u + 30 * v - 0.5;
                assert_near(pixel(&warped, x, y, 0), source_x + 0.5 * source_y, 1.6);
            }
        }
    }
}

static void warp_undoes_perspective(void **state) {
    (void)state;
    cleanup(image_done) struct image image = slope(200, 200, 1, 1, 0), warped = {0};
    /* The diagonals of the quad meet at (100, 80): there the middle of the picture comes from. */
    struct quad quad = {{{60, 40}, {140, 40}, {180, 160}, {20, 160}}};
    assert_int_equal(image_warp(&image, &quad, 101, 101, &warped), 0);
    assert_near(pixel(&warped, 50, 50, 0), 99.5, 1);
    /* A line that runs through the vanishing point stays upright. */
    assert_near(pixel(&warped, 50, 100, 0), 99.5, 1);
    assert_near(pixel(&warped, 0, 0, 0), 60, 1.5);
    assert_near(pixel(&warped, 100, 100, 0), 179, 1.5);
}

static void upright_quads_give_what_others_give(void **state) {
    (void)state;
    const struct { uint32_t width, height; } sizes[] = {{110, 26}, {200, 48}, {53, 13}, {13, 5}};
    cleanup(image_done) struct image image = noise(240, 90, 3), soft = {0};
    assert_int_equal(image_scale(&image, 480, 180, &soft), 0);
    struct quad upright = {{{10.25F, 20.5F}, {210.25F, 20.5F}, {210.25F, 68.5F}, {10.25F, 68.5F}}}, tilted = upright;
    tilted.corner[1].y += 0.005F;
    for (size_t i = 0; i < array_length(sizes); i++) {
        cleanup(image_done) struct image fast = {0}, free = {0};
        assert_int_equal(image_warp(&soft, &upright, sizes[i].width, sizes[i].height, &fast), 0);
        assert_int_equal(image_warp(&soft, &tilted, sizes[i].width, sizes[i].height, &free), 0);
        for (uint32_t y = 0; y < fast.height; y++) {
            for (uint32_t x = 0; x < fast.width; x++) {
                assert_near(pixel(&fast, x, y, 1), pixel(&free, x, y, 1), 1.5);
            }
        }
    }
}

static void shrinking_warp_does_not_alias(void **state) {
    (void)state;
    /* Stripes two pixels wide, shrunk by 8: an even grey. */
    cleanup(image_done) struct image image = slope(400, 400, 1, 0, 0), warped = {0};
    for (uint32_t y = 0; y < 400; y++) {
        for (uint32_t x = 0; x < 400; x++) {
            image.owned[y * image.stride + x] = x / 2 % 2 ? 200 : 0;
        }
    }
    struct quad quad = {{{50, 50}, {290, 60}, {280, 300}, {40, 290}}};
    assert_int_equal(image_warp(&image, &quad, 30, 30, &warped), 0);
    for (uint32_t i = 0; i < 900; i++) {
        assert_near(warped.pixels[i], 100, 30);
    }
}

static void warp_repeats_the_edge_outside(void **state) {
    (void)state;
    cleanup(image_done) struct image image = slope(20, 10, 3, 4, 8), upright = {0}, tilted = {0}, gone = {0};
    struct quad quad = {{{-40, -40}, {60, -40}, {60, 60}, {-40, 60}}};
    assert_int_equal(image_warp(&image, &quad, 50, 50, &upright), 0);
    quad.corner[1].y -= 3;
    assert_int_equal(image_warp(&image, &quad, 50, 50, &tilted), 0);
    for (uint32_t c = 0; c < 3; c++) {
        assert_int_equal(pixel(&upright, 0, 0, c), pixel(&image, 0, 0, c));
        assert_int_equal(pixel(&upright, 49, 49, c), pixel(&image, 19, 9, c));
        assert_int_equal(pixel(&tilted, 0, 49, c), pixel(&image, 0, 9, c));
    }
    struct quad far = {{{1e9F, 1e9F}, {2e9F, 1e9F}, {2e9F, 2e9F}, {1e9F, 2e9F}}};
    assert_int_equal(image_warp(&image, &far, 7, 5, &gone), 0);
    assert_int_equal(pixel(&gone, 3, 3, 0), pixel(&image, 19, 9, 0));
}

static void warp_survives_quads_that_are_none(void **state) {
    (void)state;
    const float none = nanf("");
    const struct quad quads[] = {
        {{{5, 5}, {5, 5}, {5, 5}, {5, 5}}},
        {{{0, 0}, {9, 9}, {18, 18}, {4, 4}}},
        {{{0, 0}, {19, 9}, {19, 0}, {0, 9}}},
        {{{19, 9}, {0, 9}, {0, 0}, {19, 0}}},
        {{{none, none}, {none, 1}, {3, none}, {none, none}}},
        {{{-INFINITY, 0}, {INFINITY, 0}, {INFINITY, 9}, {-INFINITY, 9}}},
        {{{-3e38F, -3e38F}, {3e38F, -3e38F}, {3e38F, 3e38F}, {-3e38F, 3e38F}}},
    };
    cleanup(image_done) struct image image = noise(20, 10, 1);
    for (size_t i = 0; i < array_length(quads); i++) {
        cleanup(image_done) struct image warped = {0};
        assert_int_equal(image_warp(&image, &quads[i], 16, 8, &warped), 0);
        assert_int_equal(warped.width, 16);
    }
}

static void planes_are_normalised_and_padded(void **state) {
    (void)state;
    const float mean[] = {10, 20, 30}, scale[] = {0.5F, 0.25F, 2};
    for (int blue_first = 0; blue_first <= 1; blue_first++) {
        cleanup(image_done) struct image image = noise(37, 9, 3);
        struct image part = image_part(&image, 3, 1, 33, 7);
        cleanup(drop_memory) float *planes = alloc((size_t)3 * 40 * 8, sizeof *planes);
        image_to_planes(&part, mean, scale, blue_first, -1, 40, 8, planes);
        for (uint32_t p = 0; p < 3; p++) {
            for (uint32_t y = 0; y < 8; y++) {
                for (uint32_t x = 0; x < 40; x++) {
                    float value = planes[(p * 8 + y) * 40 + x], expected = -1;
                    if (x < 33 && y < 7) {
                        expected = ((float)pixel(&part, x, y, blue_first ? 2 - p : p) - mean[p]) * scale[p];
                    }
                    assert_near((double)value, (double)expected, 1e-4);
                }
            }
        }
    }
}

static void grey_fills_all_planes(void **state) {
    (void)state;
    const float mean[] = {0, 1, 2}, scale[] = {1, 1, 0.5F};
    cleanup(image_done) struct image image = noise(5, 4, 1);
    float planes[3 * 20];
    image_to_planes(&image, mean, scale, 1, 0, 5, 4, planes);
    for (size_t i = 0; i < 20; i++) {
        assert_near((double)planes[i], image.pixels[i], 1e-4);
        assert_near((double)planes[20 + i], image.pixels[i] - 1, 1e-4);
        assert_near((double)planes[40 + i], (image.pixels[i] - 2) * 0.5, 1e-4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(part_is_a_view_within_the_image),
        cmocka_unit_test(turn_moves_each_pixel_clockwise),
        cmocka_unit_test(scale_to_the_same_size_changes_nothing),
        cmocka_unit_test(shrinking_takes_the_mean_of_the_area),
        cmocka_unit_test(shrinking_keeps_a_thin_stroke),
        cmocka_unit_test(enlarging_is_bilinear_between_centres),
        cmocka_unit_test(scaling_works_at_the_smallest_and_largest_ratios),
        cmocka_unit_test(warp_follows_a_rotated_quad),
        cmocka_unit_test(warp_undoes_perspective),
        cmocka_unit_test(upright_quads_give_what_others_give),
        cmocka_unit_test(shrinking_warp_does_not_alias),
        cmocka_unit_test(warp_repeats_the_edge_outside),
        cmocka_unit_test(warp_survives_quads_that_are_none),
        cmocka_unit_test(planes_are_normalised_and_padded),
        cmocka_unit_test(grey_fills_all_planes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
