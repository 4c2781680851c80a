#include "pipeline/table/ruled.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

#define SAME 0.6F    /* of the em: rulings so near are one, for no text fits between */
#define REACH 0.4F   /* of the em: rulings so near touch */
#define COVERED 0.6F /* of the side of a place: it is ruled off */
#define HANGING 0.3F /* of the em: how far boxes of text may hang over the outer rulings */
enum { MOST_LEVELS = 257, MOST_PLACES = 4096 };

/* A ruling as if the page lay straight. */
struct side {
    float level, from, to;
    uint32_t index; /* of its level */
};

/* Rulings of one way, and the levels that they are at. */
struct sides {
    struct side *list;
    size_t count;
    float levels[MOST_LEVELS];
    uint32_t level_count;
    bool first_open, last_open; /* the outer level stands for an open side */
};

/* How the rulings across slope, y to x, the longer ones counting more. */
static float slope_of(const struct rulings *rulings) {
    float rise = 0, run = 0;
    for (size_t i = 0; i < rulings->across_count; i++) {
        rise += rulings->across[i].to.y - rulings->across[i].from.y;
        run += rulings->across[i].to.x - rulings->across[i].from.x;
    }
    return run > 0 ? rise / run : 0;
}

static struct point straight(struct point point, float slope) {
    return (struct point){point.x + slope * point.y, point.y - slope * point.x};
}

static int by_level(const void *a, const void *b) {
    const struct side *p = a, *q = b;
    return (p->level > q->level) - (p->level < q->level);
}

static struct sides sides_of(const struct ruling *rulings, size_t count, float slope, bool down) {
    struct sides sides = {.list = alloc(count + 1, sizeof(*sides.list)), .count = count};
    for (size_t i = 0; i < count; i++) {
        struct point from = straight(rulings[i].from, slope), to = straight(rulings[i].to, slope);
        sides.list[i] = down ? (struct side){.level = (from.x + to.x) / 2, .from = from.y, .to = to.y}
                             : (struct side){.level = (from.y + to.y) / 2, .from = from.x, .to = to.x};
    }
    qsort(sides.list, count, sizeof(*sides.list), by_level);
    return sides;
}

/* Numbers the levels; false if there are too many. */
static bool find_levels(struct sides *sides, float em) {
    float last = -INFINITY;
    sides->level_count = 0;
    for (size_t i = 0; i < sides->count; i++) {
        struct side *side = &sides->list[i];
        if (side->level - last > SAME * em) {
            if (sides->level_count == MOST_LEVELS) {
                return false;
            }
            sides->levels[sides->level_count++] = side->level;
        }
        last = side->level;
        side->index = sides->level_count - 1;
    }
    return true;
}

/* Whether the side touches or crosses one of the others. */
static bool meets(const struct side *side, const struct sides *others, float near) {
    for (size_t i = 0; i < others->count; i++) {
        const struct side *other = &others->list[i];
        if (other->level >= side->from - near && other->level <= side->to + near && side->level >= other->from - near &&
            side->level <= other->to + near) {
            return true;
        }
    }
    return false;
}

static bool drop_loose(struct sides *sides, const struct sides *others, float em) {
    size_t kept = 0;
    for (size_t i = 0; i < sides->count; i++) {
        if (meets(&sides->list[i], others, REACH * em)) {
            sides->list[kept++] = sides->list[i];
        }
    }
    bool dropped = kept < sides->count;
    sides->count = kept;
    return dropped;
}

/* Underlines and letters go; what they held up goes after them. */
static void keep_joined(struct sides *across, struct sides *down, float em) {
    bool dropped = true;
    while (dropped) {
        dropped = drop_loose(across, down, em);
        dropped = drop_loose(down, across, em) || dropped;
    }
}

static struct area reach_of(const struct sides *across) {
    struct area area = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (size_t i = 0; i < across->count; i++) {
        const struct side *side = &across->list[i];
        area = (struct area){fminf(area.left, side->from), fminf(area.top, side->level), fmaxf(area.right, side->to),
                             fmaxf(area.bottom, side->level)};
    }
    return area;
}

/* A table that is open at its sides has levels there all the same. */
static void close_sides(struct sides *down, struct area ends, float em) {
    uint32_t count = down->level_count;
    if (count == 0 || count + 2 > MOST_LEVELS) {
        return;
    }
    if (down->levels[0] - ends.left > em) {
        for (uint32_t i = count; i > 0; i--) {
            down->levels[i] = down->levels[i - 1];
        }
        for (size_t i = 0; i < down->count; i++) {
            down->list[i].index++;
        }
        down->levels[0] = ends.left;
        down->first_open = true;
        down->level_count++;
    }
    if (ends.right - down->levels[down->level_count - 1] > em) {
        down->levels[down->level_count++] = ends.right;
        down->last_open = true;
    }
}

/* Whether the sides at level cover most of what is between from and to. */
static bool is_covered(const struct sides *sides, uint32_t level, float from, float to) {
    if ((level == 0 && sides->first_open) || (level + 1 == sides->level_count && sides->last_open)) {
        return true;
    }
    float covered = 0;
    for (size_t i = 0; i < sides->count; i++) {
        const struct side *side = &sides->list[i];
        covered += side->index == level ? fmaxf(fminf(to, side->to) - fmaxf(from, side->from), 0) : 0;
    }
    return covered >= COVERED * (to - from);
}

/* The first place that a place is one with. */
static size_t root_of(const size_t *parts, size_t place) {
    while (parts[place] != place) {
        place = parts[place];
    }
    return place;
}

static void unite(size_t *parts, size_t a, size_t b) {
    size_t first = root_of(parts, a), second = root_of(parts, b);
    parts[first > second ? first : second] = first > second ? second : first;
}

/* Which places are one, for want of a ruling between. */
static size_t *parts_of(const struct sides *across, const struct sides *down) {
    uint32_t rows = across->level_count - 1, columns = down->level_count - 1;
    size_t *parts = alloc((size_t)rows * columns, sizeof(*parts));
    for (size_t i = 0; i < (size_t)rows * columns; i++) {
        uint32_t row = (uint32_t)(i / columns), column = (uint32_t)(i % columns);
        parts[i] = i;
        if (column > 0 && !is_covered(down, column, across->levels[row], across->levels[row + 1])) {
            unite(parts, i, i - 1);
        }
        if (row > 0 && !is_covered(across, row, down->levels[column], down->levels[column + 1])) {
            unite(parts, i, i - columns);
        }
    }
    return parts;
}

/* The rectangle from levels back on the page, which slopes. */
static struct area on_page(const struct area *area, float slope) {
    float x = (area->left + area->right) / 2, y = (area->top + area->bottom) / 2;
    float right = slope * y, down = slope * x;
    return (struct area){area->left - right, area->top + down, area->right - right, area->bottom + down};
}

/* The cell whose first place is slot; false if its places are no rectangle. */
static bool make_cell(const size_t *parts, const struct sides *across, const struct sides *down, size_t slot,
                      struct table_cell *ret) {
    uint32_t all_rows = across->level_count - 1, all = down->level_count - 1, rows = 1, columns = 1;
    uint32_t row = (uint32_t)(slot / all), column = (uint32_t)(slot % all);
    size_t places = 0;
    while (column + columns < all && root_of(parts, slot + columns) == slot) {
        columns++;
    }
    while (row + rows < all_rows && root_of(parts, slot + (size_t)rows * all) == slot) {
        rows++;
    }
    for (size_t i = 0; i < (size_t)all_rows * all; i++) {
        uint32_t r = (uint32_t)(i / all), c = (uint32_t)(i % all);
        if (root_of(parts, i) == slot) {
            places++;
            if (r < row || r >= row + rows || c < column || c >= column + columns) {
                return false;
            }
        }
    }
    *ret = (struct table_cell){
        .row = row,
        .column = column,
        .rows = rows,
        .columns = columns,
        .area = {down->levels[column], across->levels[row], down->levels[column + columns], across->levels[row + rows]},
        .seen = true};
    return places == (size_t)rows * columns;
}

/* Whether rulings down go through every row: where there are none, another table begins. */
static bool is_one(const struct sides *across, const struct sides *down) {
    for (uint32_t row = 0; row + 1 < across->level_count; row++) {
        uint32_t covered = 0;
        for (uint32_t i = 0; i < down->level_count; i++) {
            covered += is_covered(down, i, across->levels[row], across->levels[row + 1]);
        }
        if (covered == 0) {
            return false;
        }
    }
    return true;
}

static bool make_cells(const struct sides *across, const struct sides *down, float slope, struct table_grid *grid) {
    grid->rows = across->level_count - 1;
    grid->columns = down->level_count - 1;
    size_t slots = (size_t)grid->rows * grid->columns;
    if (slots > MOST_PLACES) {
        return false;
    }
    size_t *parts cleanup(drop_memory) = parts_of(across, down);
    grid->cells = alloc(slots, sizeof(*grid->cells));
    for (size_t slot = 0; slot < slots; slot++) {
        if (parts[slot] != slot) {
            continue;
        }
        struct table_cell *cell = &grid->cells[grid->count++];
        if (!make_cell(parts, across, down, slot, cell)) {
            return false;
        }
        cell->area = on_page(&cell->area, slope);
    }
    return true;
}

void ruled_grid(const struct rulings *rulings, float em, struct table_grid *ret, struct area *ret_area) {
    float slope = slope_of(rulings);
    struct sides across = sides_of(rulings->across, rulings->across_count, slope, false);
    struct sides down = sides_of(rulings->down, rulings->down_count, slope, true);
    struct table_grid grid = {.score = 1, .ruled = true};
    keep_joined(&across, &down, em);
    struct area ends = reach_of(&across);
    bool found = find_levels(&across, em) && find_levels(&down, em);
    close_sides(&down, ends, em);
    found = found && across.level_count >= 2 && down.level_count >= 3 && is_one(&across, &down) &&
            make_cells(&across, &down, slope, &grid);
    if (found) {
        struct area whole = {down.levels[0], across.levels[0], down.levels[down.level_count - 1],
                             across.levels[across.level_count - 1]};
        float hanging = HANGING * em;
        whole = (struct area){whole.left - hanging, whole.top - hanging, whole.right + hanging, whole.bottom + hanging};
        *ret_area = on_page(&whole, slope);
    } else {
        table_grid_done(&grid);
    }
    *ret = grid;
    free(across.list);
    free(down.list);
}
