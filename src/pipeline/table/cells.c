#include "pipeline/table/cells.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pipeline/area.h"

#define SAME 0.3F   /* boxes that share more of their union are one cell */
#define NEAR 0.25F  /* of the usual height of cells: sides so near are one border */
#define MISSED 0.1F /* of the places: more that no cell covers are no oversight */
enum { MOST_PLACES = 4096 };

void cells_done(struct cells *cells) {
    free(cells->list);
    *cells = (struct cells){0};
}

int cells_find(const struct hand *hand, enum role role, const struct image *page, const struct area *area,
               struct stages *stages, struct cells *ret) {
    const struct model_spec *spec = hand_spec(hand, role);
    *ret = (struct cells){0};
    if (!spec) {
        return 0;
    }
    struct point corner;
    struct image part = area_view(page, area, &corner);
    struct hand_run run cleanup(hand_run_end) = {0};
    int result = hand_run_scaled(hand, role, STAGE_CELLS, &part, stages, &run);
    if (result != 0) {
        return result;
    }
    int64_t start = clock_now();
    const struct boxes_options options = {.width = spec->width,
                                          .height = spec->height,
                                          .scale_x = (float)part.width / (float)spec->width,
                                          .scale_y = (float)part.height / (float)spec->height,
                                          .origin = corner,
                                          .threshold = &spec->threshold,
                                          .class_count = 1};
    bool ordered;
    result = boxes_read(&run.run.output, &options, &ret->list, &ret->count, &ordered);
    ret->count = boxes_drop_alike(ret->list, ret->count, SAME, SAME);
    stage_add(stages, STAGE_REGIONS, clock_seconds(clock_now() - start), 0);
    return result == 0 ? 0 : fail(result, "model %s: %s", spec->id, error_detail());
}

static int by_size(const void *a, const void *b) {
    const float *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static float usual_height(const struct cells *cells) {
    float *heights cleanup(drop_memory) = alloc(cells->count + 1, sizeof(*heights));
    for (size_t i = 0; i < cells->count; i++) {
        heights[i] = cells->list[i].area.bottom - cells->list[i].area.top;
    }
    qsort(heights, cells->count, sizeof(*heights), by_size);
    return heights[cells->count / 2];
}

/* A side of a cell, and where to write which border it is on. */
struct side {
    float at;
    uint32_t *border;
};

static int by_place(const void *a, const void *b) {
    const struct side *p = a, *q = b;
    return (p->at > q->at) - (p->at < q->at);
}

/* Numbers the borders that count sides are on; their places are the means, written to levels (room for all). */
static uint32_t find_borders(struct side *sides, size_t count, float near, float *levels) {
    uint32_t borders = 0;
    size_t first = 0;
    float sum = 0;
    qsort(sides, count, sizeof(*sides), by_place);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && sides[i].at - sides[i - 1].at > near) {
            borders++;
            first = i;
            sum = 0;
        }
        sum += sides[i].at;
        levels[borders] = sum / (float)(i + 1 - first);
        *sides[i].border = borders;
    }
    return borders + 1;
}

/* Cells between borders. */
struct tiling {
    struct tile {
        uint32_t left, top, right, bottom;
    } * tiles;
    float *across, *down; /* where the borders of columns and of rows are */
    uint32_t columns, rows;
};

static void tile(const struct cells *cells, struct tiling *ret) {
    size_t count = 2 * cells->count;
    struct side *across cleanup(drop_memory) = alloc(count, sizeof(*across));
    struct side *down cleanup(drop_memory) = alloc(count, sizeof(*down));
    float near = NEAR * usual_height(cells);
    *ret = (struct tiling){.tiles = alloc(cells->count, sizeof(*ret->tiles)),
                           .across = alloc(count, sizeof(*ret->across)),
                           .down = alloc(count, sizeof(*ret->down))};
    for (size_t i = 0; i < cells->count; i++) {
        const struct area *area = &cells->list[i].area;
        struct tile *own = &ret->tiles[i];
        across[2 * i] = (struct side){area->left, &own->left};
        across[2 * i + 1] = (struct side){area->right, &own->right};
        down[2 * i] = (struct side){area->top, &own->top};
        down[2 * i + 1] = (struct side){area->bottom, &own->bottom};
    }
    ret->columns = find_borders(across, count, near, ret->across) - 1;
    ret->rows = find_borders(down, count, near, ret->down) - 1;
}

static void tiling_done(struct tiling *tiling) {
    free(tiling->tiles);
    free(tiling->across);
    free(tiling->down);
}

/* Takes the places of a tile; false if it has none, or if one is taken. */
static bool take_places(const struct tile *own, uint32_t columns, bool *taken) {
    for (uint32_t row = own->top; row < own->bottom; row++) {
        for (uint32_t column = own->left; column < own->right; column++) {
            bool *place = &taken[(size_t)row * columns + column];
            if (*place) {
                return false;
            }
            *place = true;
        }
    }
    return own->right > own->left && own->bottom > own->top;
}

/* The places that no cell has taken become cells; false if they are too many. */
static bool fill_places(const struct tiling *tiling, const bool *taken, struct table_grid *grid) {
    size_t places = (size_t)tiling->rows * tiling->columns, missed = 0;
    for (size_t i = 0; i < places; i++) {
        uint32_t row = (uint32_t)(i / tiling->columns), column = (uint32_t)(i % tiling->columns);
        if (!taken[i]) {
            missed++;
            grid->cells[grid->count++] = (struct table_cell){
                .row = row,
                .column = column,
                .rows = 1,
                .columns = 1,
                .area = {tiling->across[column], tiling->down[row], tiling->across[column + 1], tiling->down[row + 1]},
                .seen = true};
        }
    }
    return (float)missed <= MISSED * (float)places;
}

static bool make_cells(const struct cells *cells, const struct tiling *tiling, struct table_grid *grid) {
    size_t places = (size_t)tiling->rows * tiling->columns;
    bool *taken cleanup(drop_memory) = alloc(places, sizeof(*taken));
    grid->cells = alloc(cells->count + places, sizeof(*grid->cells));
    for (size_t i = 0; i < cells->count; i++) {
        const struct tile *own = &tiling->tiles[i];
        if (!take_places(own, tiling->columns, taken)) {
            return false;
        }
        grid->cells[grid->count++] = (struct table_cell){.row = own->top,
                                                         .column = own->left,
                                                         .rows = own->bottom - own->top,
                                                         .columns = own->right - own->left,
                                                         .area = cells->list[i].area,
                                                         .seen = true};
        grid->score += cells->list[i].score / (float)cells->count;
    }
    return fill_places(tiling, taken, grid);
}

void cells_grid(const struct cells *cells, struct table_grid *ret) {
    *ret = (struct table_grid){0};
    if (cells->count < 2) {
        return;
    }
    struct tiling tiling cleanup(tiling_done) = {0};
    tile(cells, &tiling);
    struct table_grid grid = {.rows = tiling.rows, .columns = tiling.columns};
    if (table_grid_is_table(&grid) && (size_t)grid.rows * grid.columns <= MOST_PLACES &&
        make_cells(cells, &tiling, &grid)) {
        table_grid_sort(&grid);
        *ret = grid;
    } else {
        table_grid_done(&grid);
    }
}

static int by_top(const void *a, const void *b) {
    const struct box *p = a, *q = b;
    return (p->area.top > q->area.top) - (p->area.top < q->area.top);
}

static int by_left(const void *a, const void *b) {
    const struct box *p = a, *q = b;
    return (p->area.left > q->area.left) - (p->area.left < q->area.left);
}

/* Where the row that begins with the cell at first ends: cells go from top to bottom. */
static size_t row_end(const struct box *list, size_t first, size_t count, float near) {
    size_t end = first + 1;
    while (end < count && list[end].area.top - list[end - 1].area.top <= near) {
        end++;
    }
    return end;
}

bool cells_place(const struct cells *cells, struct table_grid *grid) {
    struct box *list cleanup(drop_memory) = alloc(cells->count + 1, sizeof(*list));
    struct area *areas cleanup(drop_memory) = alloc(grid->count + 1, sizeof(*areas));
    float near = NEAR * usual_height(cells);
    for (size_t i = 0; i < cells->count; i++) {
        list[i] = cells->list[i];
    }
    qsort(list, cells->count, sizeof(*list), by_top);
    size_t next = 0, end = 0; /* the cells of a row */
    uint32_t row = UINT32_MAX;
    for (size_t i = 0; i < grid->count; i++) {
        const struct table_cell *cell = &grid->cells[i];
        if (!cell->seen) {
            continue;
        }
        if (cell->row != row) {
            if (next != end || next == cells->count) {
                return false;
            }
            end = row_end(list, next, cells->count, near);
            qsort(list + next, end - next, sizeof(*list), by_left);
            row = cell->row;
        }
        if (next == end) {
            return false;
        }
        areas[i] = list[next++].area;
    }
    if (next == 0 || next != cells->count) {
        return false;
    }
    for (size_t i = 0; i < grid->count; i++) {
        grid->cells[i].area = areas[i];
    }
    grid->unplaced = false;
    return true;
}
