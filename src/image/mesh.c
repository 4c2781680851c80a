#include "image/mesh.h"

#include <stdlib.h>

#include "base/memory.h"
#include "image/clones.h"

/* Weights of a sample are in 256ths on each axis. */
#define WEIGHT_BITS 8

void mesh_done(struct mesh *mesh) {
    free(mesh->points);
    *mesh = (struct mesh){0};
}

/* Not a number becomes 0. */
static inline float clamp(float value, float high) { return value > 0 ? (value < high ? value : high) : 0; }

static inline struct point between(struct point a, struct point b, float part) {
    return (struct point){a.x + (b.x - a.x) * part, a.y + (b.y - a.y) * part};
}

/* The cell of count - 1 in which a place from 0 to 1 is, and how far in it. */
static inline uint32_t cell_of(float place, uint32_t count, float *ret_part) {
    float at = clamp(place, 1) * (float)(count - 1);
    uint32_t cell = (uint32_t)at < count - 2 ? (uint32_t)at : count - 2;
    *ret_part = at - (float)cell;
    return cell;
}

/* The point of the mesh's column at a height of the page. */
static inline struct point point_of(const struct mesh *mesh, uint32_t column, uint32_t row, float part) {
    const struct point *above = mesh->points + (size_t)row * mesh->columns + column;
    return between(above[0], above[mesh->columns], part);
}

struct point mesh_at(const struct mesh *mesh, uint32_t width, uint32_t height, struct point point) {
    float part_x, part_y;
    uint32_t column = cell_of(point.x / (float)width, mesh->columns, &part_x);
    uint32_t row = cell_of(point.y / (float)height, mesh->rows, &part_y);
    return between(point_of(mesh, column, row, part_y), point_of(mesh, column + 1, row, part_y), part_x);
}

/* Writes the sample at a place. */
__attribute__((always_inline)) static inline void sample(const struct image *image, struct point place,
                                                         uint32_t channels, uint8_t *ret) {
    int32_t end_x = image->width > 1 ? (int32_t)image->width - 2 : 0;
    int32_t end_y = image->height > 1 ? (int32_t)image->height - 2 : 0;
    size_t next = image->width > 1 ? channels : 0, below = image->height > 1 ? image->stride : 0;
    float x = clamp(place.x - 0.5F, (float)(image->width - 1)), y = clamp(place.y - 0.5F, (float)(image->height - 1));
    int32_t left = (int32_t)x < end_x ? (int32_t)x : end_x, top = (int32_t)y < end_y ? (int32_t)y : end_y;
    int32_t right = (int32_t)((x - (float)left) * (1 << WEIGHT_BITS) + 0.5F);
    int32_t lower = (int32_t)((y - (float)top) * (1 << WEIGHT_BITS) + 0.5F);
    const uint8_t *p = image->pixels + (size_t)top * image->stride + (size_t)left * channels;
    for (uint32_t c = 0; c < channels; c++, p++) {
        int32_t above = (p[0] << WEIGHT_BITS) + (p[next] - p[0]) * right;
        int32_t beneath = (p[below] << WEIGHT_BITS) + (p[below + next] - p[below]) * right;
        ret[c] = (uint8_t)(((above << WEIGHT_BITS) + (beneath - above) * lower + (1 << (2 * WEIGHT_BITS - 1))) >>
                           2 * WEIGHT_BITS);
    }
}

/* A row of the page: across holds the points of the mesh's columns at its height. */
VECTOR_CLONES
static void straighten_row(const struct image *image, const struct point *across, uint32_t columns, uint32_t width,
                           uint8_t *ret) {
    for (uint32_t x = 0; x < width; x++) {
        float part;
        uint32_t column = cell_of(((float)x + 0.5F) / (float)width, columns, &part);
        struct point place = between(across[column], across[column + 1], part);
        if (image->channels == 1) {
            sample(image, place, 1, ret + x);
        } else {
            sample(image, place, 3, ret + (size_t)3 * x);
        }
    }
}

int image_straighten(const struct image *image, const struct mesh *mesh, uint32_t width, uint32_t height,
                     struct image *ret) {
    struct image straight = {0};
    int result = image_new(width, height, image->channels, &straight);
    if (result != 0) {
        return result;
    }
    struct point *across cleanup(drop_memory) = alloc(mesh->columns, sizeof(*across));
    for (uint32_t y = 0; y < height; y++) {
        float part;
        uint32_t row = cell_of(((float)y + 0.5F) / (float)height, mesh->rows, &part);
        for (uint32_t i = 0; i < mesh->columns; i++) {
            across[i] = point_of(mesh, i, row, part);
        }
        straighten_row(image, across, mesh->columns, width, straight.owned + y * straight.stride);
    }
    *ret = straight;
    return 0;
}
