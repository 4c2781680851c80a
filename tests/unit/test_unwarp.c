/* When a page is straightened, and how: by lines, and by a grid as UVDoc gives it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "pipeline/unwarp.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { LINES = 10, WIDTH = 1000, HEIGHT = 2000 };

/* A line of 20 pixels' height that begins at x, y and runs at an angle of degrees. */
static struct quad line(float x, float y, float length, float degrees) {
    float cosine = cosf(degrees * (float)M_PI / 180), sine = sinf(degrees * (float)M_PI / 180);
    struct point right = {length * cosine, length * sine}, down = {-20 * sine, 20 * cosine};
    return (struct quad){
        {{x, y}, {x + right.x, y + right.y}, {x + right.x + down.x, y + right.y + down.y}, {x + down.x, y + down.y}}};
}

static struct unwarping by_lines(float degrees, size_t count) {
    struct quad lines[LINES];
    for (size_t i = 0; i < LINES; i++) {
        lines[i] = line(100, 100 + 50 * (float)i, 600, degrees + (i % 2 == 0 ? 0.2F : -0.2F));
    }
    return unwarp_by_lines(lines, count, WIDTH, HEIGHT);
}

static void lines_that_run_askew_become_level(void **state) {
    (void)state;
    for (float degrees = -10; degrees <= 10; degrees += 5) {
        if (fabsf(degrees) < 1) {
            continue;
        }
        struct unwarping turned = by_lines(degrees, LINES);
        assert_int_equal(turned.mesh.columns * turned.mesh.rows, 4);
        assert_true(turned.width > WIDTH && turned.height > HEIGHT);
        struct point left = mesh_at(&turned.mesh, turned.width, turned.height, (struct point){300, 900});
        struct point right = mesh_at(&turned.mesh, turned.width, turned.height, (struct point){700, 900});
        float angle = atan2f(right.y - left.y, right.x - left.x) * 180 / (float)M_PI;
        assert_true(fabsf(angle - degrees) < 0.3F);
        assert_true(fabsf(hypotf(right.x - left.x, right.y - left.y) - 400) < 1);
        const struct point *p = turned.mesh.points; /* the page lies within */
        assert_true(p[0].x + p[3].x > 0.99F * WIDTH && p[0].x + p[3].x < 1.01F * WIDTH);
        assert_true(fminf(p[0].x, p[2].x) <= 0 && fmaxf(p[1].x, p[3].x) >= WIDTH);
        mesh_done(&turned.mesh);
    }
}

static void other_pages_are_left_alone(void **state) {
    (void)state;
    assert_null(by_lines(1.7F, LINES).mesh.points); /* as good as straight */
    assert_null(by_lines(-1.7F, LINES).mesh.points);
    assert_null(by_lines(17, LINES).mesh.points); /* no page lies like that */
    assert_null(by_lines(5, 7).mesh.points);      /* of few lines */
    assert_null(unwarp_by_lines(NULL, 0, WIDTH, HEIGHT).mesh.points);
    struct quad lines[LINES], marks[LINES], points[LINES] = {0};
    for (size_t i = 0; i < LINES; i++) {
        lines[i] = line(100, 100 + 50 * (float)i, 600, (float)i * 3); /* in many directions */
        marks[i] = line(100, 100 + 50 * (float)i, 50, 5);             /* too short to tell */
    }
    assert_null(unwarp_by_lines(lines, LINES, WIDTH, HEIGHT).mesh.points);
    assert_null(unwarp_by_lines(marks, LINES, WIDTH, HEIGHT).mesh.points);
    assert_null(unwarp_by_lines(points, LINES, WIDTH, HEIGHT).mesh.points);
}

enum { COLUMNS = 5, ROWS = 4 };

/* A grid that is turned and stretched, and sags in the middle by a part of the page. */
static void make_grid(float sag, float grid[2][ROWS][COLUMNS]) {
    for (int r = 0; r < ROWS; r++) {
        for (int c = 0; c < COLUMNS; c++) {
            float x = (float)c / (COLUMNS - 1) * 2 - 1, y = (float)r / (ROWS - 1) * 2 - 1;
            grid[0][r][c] = 0.8F * x - 0.1F * y + 0.05F;
            grid[1][r][c] = 0.1F * x + 0.7F * y + 2 * sag * (1 - x * x);
        }
    }
}

static struct unwarping decode(float grid[2][ROWS][COLUMNS]) {
    const struct outputs outputs = {.tensor[0] = {.data = grid[0][0], .shape = {1, 2, ROWS, COLUMNS}, .rank = 4},
                                    .count = 1};
    struct unwarping unwarping;
    assert_int_equal(unwarp_decode(&outputs, WIDTH, HEIGHT, &unwarping), 0);
    return unwarping;
}

static void a_bent_page_has_the_grid_as_its_mesh(void **state) {
    (void)state;
    float grid[2][ROWS][COLUMNS];
    make_grid(0.1F, grid);
    struct unwarping bent = decode(grid);
    assert_int_equal(bent.width, WIDTH);
    assert_int_equal(bent.height, HEIGHT);
    assert_int_equal(bent.mesh.columns, COLUMNS);
    assert_int_equal(bent.mesh.rows, ROWS);
    struct point place = mesh_at(&bent.mesh, WIDTH, HEIGHT, (struct point){WIDTH / 2.0F, 0});
    assert_true(fabsf(place.x - (1 + 0.1F + 0.05F) / 2 * WIDTH) < 0.1F);
    assert_true(fabsf(place.y - (1 - 0.7F + 0.2F) / 2 * HEIGHT) < 0.1F);
    mesh_done(&bent.mesh);
}

static void a_flat_page_is_left_alone_however_it_lies(void **state) {
    (void)state;
    float grid[2][ROWS][COLUMNS];
    make_grid(0, grid);
    assert_null(decode(grid).mesh.points);
    make_grid(0.02F, grid);
    assert_null(decode(grid).mesh.points);
    grid[0][1][1] = nanf("");
    assert_null(decode(grid).mesh.points);
}

static void other_shapes_are_refused(void **state) {
    (void)state;
    static const float numbers[64] = {0};
    static const struct tensor tensors[] = {{.data = numbers, .shape = {1, 3, 4, 5}, .rank = 4},
                                            {.data = numbers, .shape = {1, 2, 1, 5}, .rank = 4},
                                            {.data = numbers, .shape = {1, 2, 5, 1}, .rank = 4},
                                            {.data = numbers, .shape = {2, 4, 5, 1}, .rank = 3},
                                            {.data = numbers, .shape = {1, 2, 1 << 20, 1 << 20}, .rank = 4}};
    for (size_t i = 0; i < array_length(tensors); i++) {
        const struct outputs outputs = {.tensor[0] = tensors[i], .count = 1};
        struct unwarping unwarping = {.width = 77};
        assert_int_equal(unwarp_decode(&outputs, WIDTH, HEIGHT, &unwarping), ERR_BAD_MODEL);
        assert_int_equal(unwarping.width, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_run_askew_become_level), cmocka_unit_test(other_pages_are_left_alone),
        cmocka_unit_test(a_bent_page_has_the_grid_as_its_mesh),
        cmocka_unit_test(a_flat_page_is_left_alone_however_it_lies), cmocka_unit_test(other_shapes_are_refused)};
    return cmocka_run_group_tests_name("unwarp", tests, NULL, NULL);
}
