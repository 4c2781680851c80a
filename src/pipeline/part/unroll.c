/* The geometry of seals: from the cells of bent text to its two edges, and to a straight picture. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "pipeline/part/seal.h"

#define STRAIGHT 0.7F /* part of its rectangle that text in a straight line fills (PaddleX) */
#define TURN (2 * (float)M_PI)
enum { ROUNDS = 6, DEGREES = 360, HIGHEST = 1024 /* pixels of an unrolled line */ };

static float size_of(const struct quad *quad) {
    const struct point *p = quad->corner;
    return hypotf(p[1].x - p[0].x, p[1].y - p[0].y) * hypotf(p[3].x - p[0].x, p[3].y - p[0].y);
}

/* The middles of the cells of a shape, in pixels. */
static struct point *points_of(const struct text_shape *shape, float scale_x, float scale_y) {
    struct point *points = alloc(shape->cells, sizeof(*points));
    size_t count = 0;
    for (size_t i = 0; i < shape->run_count; i++) {
        for (uint32_t x = shape->runs[i].left; x < shape->runs[i].right; x++) {
            points[count++] = (struct point){((float)x + 0.5F) * scale_x, ((float)shape->runs[i].row + 0.5F) * scale_y};
        }
    }
    return points;
}

/* The circle's centre nearest to points in the least squares of their powers (Kasa 1976); false: they are in a line. */
static bool fit_centre(const struct point *points, size_t count, struct point *ret) {
    double x = 0, y = 0, xx = 0, xy = 0, yy = 0, xq = 0, yq = 0;
    for (size_t i = 0; i < count; i++) {
        x += (double)points[i].x / (double)count;
        y += (double)points[i].y / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double u = (double)points[i].x - x, v = (double)points[i].y - y, q = u * u + v * v;
        xx += u * u;
        xy += u * v;
        yy += v * v;
        xq += u * q / 2;
        yq += v * q / 2;
    }
    double area = xx * yy - xy * xy;
    if (area <= 1e-6 * (xx + yy) * (xx + yy)) {
        return false;
    }
    *ret = (struct point){(float)(x + (xq * yy - yq * xy) / area), (float)(y + (yq * xx - xq * xy) / area)};
    return true;
}

/* A shape seen from a centre: clockwise from rightwards, from first over reach radians, how far off it begins and ends.
 */
struct rays {
    struct point centre;
    float first, reach;
    float inner[SEAL_PIECES], outer[SEAL_PIECES];
};

static float angle_of(struct point centre, struct point point) {
    float angle = atan2f(point.y - centre.y, point.x - centre.x);
    return angle < 0 ? angle + TURN : angle;
}

/* The widest gap without points is outside of the text; without one the ring begins below. */
static void find_reach(const struct point *points, size_t count, struct rays *rays) {
    bool taken[DEGREES] = {false};
    for (size_t i = 0; i < count; i++) {
        taken[(int)(angle_of(rays->centre, points[i]) / TURN * DEGREES) % DEGREES] = true;
    }
    int widest = 0, end = DEGREES / 4, gap = 0;
    for (int i = 0; i < 2 * DEGREES; i++) {
        gap = taken[i % DEGREES] ? 0 : gap + 1;
        if (gap > widest && gap <= DEGREES) {
            widest = gap;
            end = i + 1;
        }
    }
    rays->first = (float)(end % DEGREES) * TURN / DEGREES;
    rays->reach = (float)(DEGREES - widest) * TURN / DEGREES;
}

static void measure(const struct point *points, size_t count, struct rays *rays) {
    for (int i = 0; i < SEAL_PIECES; i++) {
        rays->inner[i] = INFINITY;
        rays->outer[i] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        float angle = angle_of(rays->centre, points[i]) - rays->first;
        float part = (angle < 0 ? angle + TURN : angle) / fmaxf(rays->reach, 1e-3F);
        int piece = part < 1 ? (int)(part * SEAL_PIECES) : SEAL_PIECES - 1;
        float far = hypotf(points[i].x - rays->centre.x, points[i].y - rays->centre.y);
        rays->inner[piece] = fminf(rays->inner[piece], far);
        rays->outer[piece] = fmaxf(rays->outer[piece], far);
    }
    for (int i = 0; i < SEAL_PIECES; i++) { /* a piece without cells is like the one before it; the first never is */
        if (rays->outer[i] <= 0) {
            rays->inner[i] = i > 0 ? rays->inner[i - 1] : 0;
            rays->outer[i] = i > 0 ? rays->outer[i - 1] : 0;
        }
    }
}

static struct point on_ray(const struct rays *rays, float part, float far) {
    float angle = rays->first + part * rays->reach;
    return (struct point){rays->centre.x + far * cosf(angle), rays->centre.y + far * sinf(angle)};
}

/*
 * The centre: of a band the circle through all cells leans to where it is wide, the one through the middles between its
 * edges does not; they are found with the centre of the round before.
 */
static bool find_rays(const struct point *points, size_t count, struct rays *ret) {
    struct point middles[SEAL_PIECES];
    struct rays rays;
    if (!fit_centre(points, count, &rays.centre)) {
        return false;
    }
    for (int round = 0; round < ROUNDS; round++) {
        find_reach(points, count, &rays);
        measure(points, count, &rays);
        for (int i = 0; i < SEAL_PIECES; i++) {
            middles[i] = on_ray(&rays, ((float)i + 0.5F) / SEAL_PIECES, (rays.inner[i] + rays.outer[i]) / 2);
        }
        if (round + 1 < ROUNDS && !fit_centre(middles, SEAL_PIECES, &rays.centre)) {
            return false;
        }
    }
    *ret = rays;
    return true;
}

/* How far text of this size and these edges grows to each side (as contour.h's unclip). */
static float growth(const struct rays *rays, float area, float unclip) {
    float along = 0, across = 0;
    for (int i = 0; i < SEAL_PIECES; i++) {
        along += rays->reach * (rays->inner[i] + rays->outer[i]) / 2 / SEAL_PIECES;
        across += (rays->outer[i] - rays->inner[i]) / SEAL_PIECES;
    }
    return area * unclip / fmaxf(2 * (along + across), 1);
}

static void trace_edges(const struct rays *rays, float grow, struct seal_text *ret) {
    float most = 0;
    for (int i = 0; i < SEAL_PIECES; i++) {
        most = fmaxf(most, rays->outer[i]);
    }
    float more = fminf(grow / fmaxf(most, 1) / fmaxf(rays->reach, 1e-3F), (TURN / fmaxf(rays->reach, 1e-3F) - 1) / 2);
    bool above = sinf(rays->first + rays->reach / 2) < 0;
    for (int i = 0; i < SEAL_POINTS; i++) {
        int before = i > 0 ? i - 1 : 0, behind = i < SEAL_PIECES ? i : SEAL_PIECES - 1;
        float part = (float)i / SEAL_PIECES * (1 + 2 * more) - more;
        float inner = fmaxf((rays->inner[before] + rays->inner[behind]) / 2 - grow, 0);
        float outer = (rays->outer[before] + rays->outer[behind]) / 2 + grow;
        int place = above ? i : SEAL_PIECES - i; /* below one reads against the clock */
        ret->top[place] = on_ray(rays, part, above ? outer : inner);
        ret->bottom[place] = on_ray(rays, part, above ? inner : outer);
    }
}

/* The rectangle in pixels, grown. */
static struct quad box_of(const struct text_shape *shape, float scale_x, float scale_y, float unclip) {
    struct quad box = shape->quad;
    for (int i = 0; i < 4; i++) {
        box.corner[i] = (struct point){(box.corner[i].x + 0.5F) * scale_x, (box.corner[i].y + 0.5F) * scale_y};
    }
    const struct point *p = shape->quad.corner;
    float width = fmaxf(hypotf(p[1].x - p[0].x, p[1].y - p[0].y), 1);
    float height = fmaxf(hypotf(p[3].x - p[0].x, p[3].y - p[0].y), 1);
    float grow = width * height * unclip / (2 * (width + height));
    struct point u = {(box.corner[1].x - box.corner[0].x) / width * grow,
                      (box.corner[1].y - box.corner[0].y) / width * grow};
    struct point v = {(box.corner[3].x - box.corner[0].x) / height * grow,
                      (box.corner[3].y - box.corner[0].y) / height * grow};
    for (int i = 0; i < 4; i++) {
        float right = i == 1 || i == 2 ? 1 : -1, down = i >= 2 ? 1 : -1;
        box.corner[i].x += right * u.x + down * v.x;
        box.corner[i].y += right * u.y + down * v.y;
    }
    return box;
}

static struct quad box_around(const struct seal_text *text) {
    struct point points[2 * SEAL_POINTS];
    memcpy(points, text->top, sizeof(text->top));
    memcpy(points + SEAL_POINTS, text->bottom, sizeof(text->bottom));
    return contour_min_rectangle(points, array_length(points));
}

void seal_trace(const struct text_shape *shape, float scale_x, float scale_y, float unclip, struct seal_text *ret) {
    struct seal_text text = {.box = box_of(shape, scale_x, scale_y, unclip)};
    struct rays rays;
    if ((float)shape->cells < STRAIGHT * size_of(&shape->quad)) {
        struct point *points cleanup(drop_memory) = points_of(shape, scale_x, scale_y);
        text.bent = find_rays(points, shape->cells, &rays);
    }
    if (text.bent) {
        trace_edges(&rays, growth(&rays, (float)shape->cells * scale_x * scale_y, unclip), &text);
        text.box = box_around(&text);
    }
    *ret = text;
}

static float distance(struct point a, struct point b) { return hypotf(a.x - b.x, a.y - b.y); }

static uint32_t pixels(float length) { return (uint32_t)fminf(fmaxf(roundf(length), 1), HIGHEST); }

int seal_unroll(const struct image *image, const struct seal_text *text, struct image *ret) {
    uint32_t widths[SEAL_PIECES], width = 0, at = 0;
    float height = 0;
    for (int i = 0; i < SEAL_PIECES; i++) {
        height += (distance(text->top[i], text->bottom[i]) + distance(text->top[i + 1], text->bottom[i + 1])) / 2;
        widths[i] =
            pixels((distance(text->top[i], text->top[i + 1]) + distance(text->bottom[i], text->bottom[i + 1])) / 2);
        width += widths[i];
    }
    struct image whole cleanup(image_done) = {0};
    int result = image_new(width, pixels(height / SEAL_PIECES), image->channels, &whole);
    for (int i = 0; i < SEAL_PIECES && result == 0; i++) {
        struct image piece cleanup(image_done) = {0};
        struct quad quad = {{text->top[i], text->top[i + 1], text->bottom[i + 1], text->bottom[i]}};
        result = image_warp(image, &quad, widths[i], whole.height, &piece);
        for (uint32_t y = 0; y < whole.height && result == 0; y++) {
            memcpy(whole.owned + y * whole.stride + (size_t)at * whole.channels, piece.pixels + y * piece.stride,
                   (size_t)piece.width * piece.channels);
        }
        at += widths[i];
    }
    if (result == 0) {
        *ret = whole;
        whole = (struct image){0};
    }
    return result;
}
