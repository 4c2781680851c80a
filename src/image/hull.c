#include "image/hull.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/contour.h"

struct vector {
    double x, y;
};

static struct vector between(struct point a, struct point b) {
    return (struct vector){(double)b.x - (double)a.x, (double)b.y - (double)a.y};
}

static double dot(struct vector a, struct vector b) { return a.x * b.x + a.y * b.y; }
static double cross(struct vector a, struct vector b) { return a.x * b.y - a.y * b.x; }

/* Adds a point to a chain of which the first fixed points stay, taking back those that would not be convex. */
static size_t extend(struct point *hull, size_t count, size_t fixed, struct point point) {
    while (count > fixed && cross(between(hull[count - 2], hull[count - 1]), between(hull[count - 1], point)) <= 0) {
        count--;
    }
    hull[count] = point;
    return count + 1;
}

/* Monotone chain (Andrew 1979) over sorted points: the hull's corners, each once, all turning the same way. */
static size_t convex_hull(const struct point *points, size_t count, struct point *hull) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        length = extend(hull, length, 1, points[i]);
    }
    size_t turn = length;
    for (size_t i = count - 1; i-- > 0;) {
        length = extend(hull, length, turn, points[i]);
    }
    return length > 1 ? length - 1 : length;
}

/* The hull's corner furthest along direction, found by walking on from corner start. */
static size_t furthest(const struct point *hull, size_t count, size_t start, struct vector direction) {
    for (size_t steps = 0; steps < count; steps++) {
        size_t next = (start + 1) % count;
        if (dot(between(hull[start], hull[next]), direction) <= 0) {
            break;
        }
        start = next;
    }
    return start;
}

static struct point along(struct point origin, struct vector u, double u_part, struct vector v, double v_part) {
    return (struct point){(float)((double)origin.x + u.x * u_part + v.x * v_part),
                          (float)((double)origin.y + u.y * u_part + v.y * v_part)};
}

/* Rotating calipers (Toussaint 1983): one side of the smallest rectangle lies on a side of the hull. */
static void smallest_rectangle(const struct point *hull, size_t count, struct point corner[4]) {
    double best = HUGE_VAL;
    size_t right = 0, far = 0, left = 0;
    for (size_t i = 0; i < count; i++) {
        struct vector side = between(hull[i], hull[(i + 1) % count]);
        double length = sqrt(dot(side, side));
        struct vector u = {side.x / length, side.y / length}, v = {-u.y, u.x};
        right = furthest(hull, count, i ? right : 0, u);
        far = furthest(hull, count, i ? far : right, v);
        left = furthest(hull, count, i ? left : far, (struct vector){-u.x, -u.y});
        double from = dot(between(hull[i], hull[left]), u), to = dot(between(hull[i], hull[right]), u);
        double depth = dot(between(hull[i], hull[far]), v);
        if ((to - from) * depth < best) {
            best = (to - from) * depth;
            corner[0] = along(hull[i], u, from, v, 0);
            corner[1] = along(hull[i], u, to, v, 0);
            corner[2] = along(hull[i], u, to, v, depth);
            corner[3] = along(hull[i], u, from, v, depth);
        }
    }
}

static int by_x(const void *a, const void *b) {
    const struct point *p = a, *q = b;
    return p->x != q->x ? (p->x < q->x ? -1 : 1) : (p->y > q->y) - (p->y < q->y);
}

static int by_row(const void *a, const void *b) {
    const struct point *p = a, *q = b;
    return p->y != q->y ? (p->y < q->y ? -1 : 1) : (p->x > q->x) - (p->x < q->x);
}

/* Of the two corners furthest left the upper one is the top left, and so on. */
static struct quad in_order(struct point corner[4]) {
    qsort(corner, 4, sizeof *corner, by_x);
    int left = corner[1].y < corner[0].y, right = corner[3].y < corner[2].y;
    return (struct quad){{corner[left], corner[2 + right], corner[3 - right], corner[1 - left]}};
}

struct quad hull_rectangle(const struct point *points, size_t count, struct point *hull) {
    size_t length = convex_hull(points, count, hull);
    struct point corner[4] = {hull[0], hull[0], hull[0], hull[0]};
    if (length > 1) {
        smallest_rectangle(hull, length, corner);
    }
    return in_order(corner);
}

struct quad contour_min_rectangle(struct point *points, size_t count) {
    cleanup(drop_memory) struct point *hull = alloc(count + 1, sizeof *hull);
    qsort(points, count, sizeof *points, by_row);
    return hull_rectangle(points, count, hull);
}
