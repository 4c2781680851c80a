#include "pipeline/unwarp.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#define RADIAN (180 / (float)M_PI)
#define LEAST_ANGLE 2.0F /* degrees; docs/performance.md */
#define MOST_ANGLE 12.0F /* what stands steeper is no page in a scanner */
#define ALIKE 1.0F       /* degrees around the middle one in which most lines must be */
#define LONG 4.0F        /* times as long as high: of those the direction is known */
#define BENT 0.018F /* of the page's sides: from it on points are, in the mean, off from where a flat page has them */
enum { LEAST_LINES = 8, MOST_POINTS = 1 << 20 };

struct slant {
    float angle, length;
};

static int by_angle(const void *left, const void *right) {
    const struct slant *a = left, *b = right;
    return (a->angle > b->angle) - (a->angle < b->angle);
}

/* The directions of the long lines; returns how many those are. */
static size_t find_slants(const struct quad *boxes, size_t count, struct slant *ret) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct point *p = boxes[i].corner;
        float x = p[1].x - p[0].x, y = p[1].y - p[0].y, length = hypotf(x, y);
        float height = hypotf(p[3].x - p[0].x, p[3].y - p[0].y);
        if (length > 0 && length >= LONG * height) {
            ret[found++] = (struct slant){.angle = atan2f(y, x) * RADIAN, .length = length};
        }
    }
    return found;
}

/* Of all that is written the part that runs at about this angle. */
static float part_at(const struct slant *slants, size_t count, float angle) {
    float all = 0, alike = 0;
    for (size_t i = 0; i < count; i++) {
        all += slants[i].length;
        alike += fabsf(slants[i].angle - angle) <= ALIKE ? slants[i].length : 0;
    }
    return all > 0 ? alike / all : 0;
}

/* The angle at which the lines run, clockwise in degrees: that of the middle one, each counted by its length. */
static float middle_angle(struct slant *slants, size_t count) {
    float all = 0, so_far = 0;
    qsort(slants, count, sizeof(*slants), by_angle);
    for (size_t i = 0; i < count; i++) {
        all += slants[i].length;
    }
    for (size_t i = 0; i < count; i++) {
        so_far += slants[i].length;
        if (so_far * 2 >= all) {
            return slants[i].angle;
        }
    }
    return 0;
}

/* Turns around the middle. */
static struct unwarping turn(float angle, uint32_t width, uint32_t height) {
    float sine = sinf(angle / RADIAN), cosine = cosf(angle / RADIAN);
    struct unwarping turned = {.width = (uint32_t)ceilf((float)width * cosine + (float)height * fabsf(sine)),
                               .height = (uint32_t)ceilf((float)width * fabsf(sine) + (float)height * cosine)};
    turned.mesh = (struct mesh){.columns = 2, .rows = 2, .points = alloc(4, sizeof(struct point))};
    for (int i = 0; i < 4; i++) {
        float x = (float)turned.width * (i % 2 == 0 ? -0.5F : 0.5F), y = (float)turned.height * (i < 2 ? -0.5F : 0.5F);
        turned.mesh.points[i] =
            (struct point){(float)width / 2 + x * cosine - y * sine, (float)height / 2 + x * sine + y * cosine};
    }
    return turned;
}

struct unwarping unwarp_by_lines(const struct quad *boxes, size_t count, uint32_t width, uint32_t height) {
    struct slant *slants cleanup(drop_memory) = alloc(count + 1, sizeof(*slants));
    size_t found = find_slants(boxes, count, slants);
    float angle = middle_angle(slants, found);
    bool askew = found >= LEAST_LINES && fabsf(angle) >= LEAST_ANGLE && fabsf(angle) <= MOST_ANGLE;
    if (!askew || part_at(slants, found, angle) <= 0.5F) {
        return (struct unwarping){0};
    }
    return turn(angle, width, height);
}

static float from_middle(uint32_t at, uint32_t count) { return (float)at - (float)(count - 1) / 2; }

/*
 * What of a grid of places no turn, shift or stretch of a flat page explains: the mean square of what is left when the
 * plane is taken away that fits best.
 */
static float bend_of(const float *places, uint32_t columns, uint32_t rows) {
    float mean = 0, across = 0, down = 0, squares_x = 0, squares_y = 0, left = 0, count = (float)columns * (float)rows;
    const float *place = places;
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < columns; column++, place++) {
            float x = from_middle(column, columns), y = from_middle(row, rows);
            mean += *place / count;
            across += *place * x;
            down += *place * y;
            squares_x += x * x;
            squares_y += y * y;
        }
    }
    place = places;
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t column = 0; column < columns; column++, place++) {
            float x = from_middle(column, columns), y = from_middle(row, rows);
            float off = *place - mean - x * across / squares_x - y * down / squares_y;
            left += off * off / count;
        }
    }
    return left;
}

int unwarp_decode(const struct outputs *outputs, uint32_t width, uint32_t height, struct unwarping *ret) {
    const struct tensor *grid = &outputs->tensor[0];
    int64_t rows = grid->shape[2], columns = grid->shape[3];
    if (grid->rank != 4 || grid->shape[1] != 2 || rows < 2 || columns < 2 || rows > MOST_POINTS / columns) {
        return fail(ERR_BAD_MODEL, "its first output is no grid of places");
    }
    size_t count = (size_t)(rows * columns);
    const float *x = grid->data, *y = x + count;
    /* Places go from -1 to 1: two are a side of the page. */
    float bend =
        sqrtf(bend_of(x, (uint32_t)columns, (uint32_t)rows) + bend_of(y, (uint32_t)columns, (uint32_t)rows)) / 2;
    *ret = (struct unwarping){.width = width, .height = height};
    if (!(bend >= BENT)) {
        return 0;
    }
    ret->mesh = (struct mesh){
        .columns = (uint32_t)columns, .rows = (uint32_t)rows, .points = alloc(count, sizeof(struct point))};
    for (size_t i = 0; i < count; i++) {
        ret->mesh.points[i] = (struct point){(x[i] + 1) / 2 * (float)width, (y[i] + 1) / 2 * (float)height};
    }
    return 0;
}

int unwarp_by_model(const struct hand *hand, const struct image *page, struct stages *stages, struct unwarping *ret) {
    const struct model_spec *spec = hand_spec(hand, ROLE_UNWARP);
    if (!spec) {
        *ret = (struct unwarping){0};
        return 0;
    }
    struct hand_run run cleanup(hand_run_end) = {0};
    int result = hand_run_scaled(hand, ROLE_UNWARP, STAGE_UNWARP, page, stages, &run);
    if (result != 0) {
        return result;
    }
    result = unwarp_decode(&run.run.output, page->width, page->height, ret);
    return result == 0 ? 0 : fail(result, "model %s: %s", spec->id, error_detail());
}
