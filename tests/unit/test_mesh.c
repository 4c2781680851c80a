/* A page by its mesh: flat, turned, bent, and what lies outside of the picture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "image/mesh.h"

/* A picture of 2 a pixel to the right and 1 a pixel down, in channel c 20 more. */
static struct image slope(uint32_t width, uint32_t height, uint32_t channels) {
    struct image image;
    assert_int_equal(image_new(width, height, channels, &image), 0);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            for (uint32_t c = 0; c < channels; c++) {
                image.owned[y * image.stride + (size_t)x * channels + c] = (uint8_t)(2 * x + y + 20 * c);
            }
        }
    }
    return image;
}

/* What the slope is at a place. */
static float at(struct point place) { return 2 * (place.x - 0.5F) + (place.y - 0.5F); }

/* Each pixel is what the picture has where the mesh says that it is. */
static void assert_straight(const struct image *image, const struct mesh *mesh, uint32_t width, uint32_t height) {
    cleanup(image_done) struct image straight = {0};
    assert_int_equal(image_straighten(image, mesh, width, height, &straight), 0);
    assert_int_equal(straight.channels, image->channels);
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            struct point place = mesh_at(mesh, width, height, (struct point){(float)x + 0.5F, (float)y + 0.5F});
            for (uint32_t c = 0; c < image->channels; c++) {
                float value = straight.pixels[y * straight.stride + (size_t)x * image->channels + c];
                assert_true(fabsf(value - at(place) - 20 * (float)c) <= 1);
            }
        }
    }
}

static void a_mesh_of_its_corners_changes_nothing(void **state) {
    (void)state;
    struct point corners[] = {{0, 0}, {40, 0}, {0, 30}, {40, 30}};
    const struct mesh mesh = {.columns = 2, .rows = 2, .points = corners};
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        cleanup(image_done) struct image image = slope(40, 30, channels), same = {0};
        assert_int_equal(image_straighten(&image, &mesh, 40, 30, &same), 0);
        assert_memory_equal(same.pixels, image.pixels, (size_t)40 * 30 * channels);
    }
}

static void pixels_come_from_where_the_mesh_says(void **state) {
    (void)state;
    struct point turned[] = {{10, 5}, {35, 10}, {5, 20}, {30, 25}};
    struct point bent[] = {{5, 5}, {20, 8}, {35, 5}, {6, 15}, {20, 19}, {34, 15}, {5, 25}, {20, 27}, {35, 25}};
    const struct mesh meshes[] = {{.columns = 2, .rows = 2, .points = turned},
                                  {.columns = 3, .rows = 3, .points = bent}};
    for (size_t i = 0; i < array_length(meshes); i++) {
        cleanup(image_done) struct image grey = slope(40, 30, 1), colour = slope(40, 30, 3);
        assert_straight(&grey, &meshes[i], 26, 17);
        assert_straight(&colour, &meshes[i], 61, 35);
    }
    struct point place = mesh_at(&meshes[1], 100, 100, (struct point){25, 50});
    assert_true(fabsf(place.x - 13) < 1e-4F && fabsf(place.y - 17) < 1e-4F);
}

static void outside_is_the_edge(void **state) {
    (void)state;
    struct point far[] = {{-1e9F, -50}, {80, -50}, {-50, 1e9F}, {80, 1e9F}};
    const struct mesh mesh = {.columns = 2, .rows = 2, .points = far};
    cleanup(image_done) struct image image = slope(40, 30, 1), straight = {0}, dot = slope(1, 1, 3), dots = {0};
    assert_int_equal(image_straighten(&image, &mesh, 9, 9, &straight), 0);
    assert_int_equal(straight.pixels[0], image.pixels[(size_t)29 * image.stride]);
    far[3].x = nanf("");
    far[3].y = nanf("");
    assert_int_equal(image_straighten(&dot, &mesh, 3, 3, &dots), 0);
    assert_int_equal(dots.pixels[5], dot.pixels[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_mesh_of_its_corners_changes_nothing),
                                       cmocka_unit_test(pixels_come_from_where_the_mesh_says),
                                       cmocka_unit_test(outside_is_the_edge)};
    return cmocka_run_group_tests_name("mesh", tests, NULL, NULL);
}
