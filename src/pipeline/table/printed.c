#include "pipeline/table/printed.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "pipeline/area.h"
#include "pipeline/order.h"

#define SHARED 0.3F  /* of the em: what two lines must share to stand one above the other */
#define LYING 2.0F   /* times its height: a line so wide shows how the page slopes */
#define THROUGH 0.8F /* of the table's width: a ruling that goes through it */
#define INSIDE 0.6F  /* of the lines: between the rulings that bound a table */
#define TAKEN 0.6F   /* of the places of a table */
#define DENSE 0.85F  /* of the places of a table that is surely as it is printed */
#define EVEN 1.4F    /* times the least pitch of rows: the largest, where rows are evenly spaced */
#define ALIKE 0.6F   /* of the rows: as near to the same row of the network as to none other */
#define BESIDE 0.3F  /* of the rows: with fewer that have lines side by side it is text */
enum { LEAST_ROWS = 3 /* of what is surely a table */ };

void printed_done(struct printed *printed) {
    free(printed->pieces);
    free(printed->column);
    *printed = (struct printed){0};
}

static struct area area_of(const struct quad *quad) {
    const struct point *corner = quad->corner;
    return (struct area){fminf(corner[0].x, corner[3].x), fminf(corner[0].y, corner[1].y),
                         fmaxf(corner[1].x, corner[2].x), fmaxf(corner[2].y, corner[3].y)};
}

static int by_size(const void *a, const void *b) {
    const float *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static float median(float *values, size_t count) {
    qsort(values, count, sizeof(*values), by_size);
    return count > 0 ? values[count / 2] : 0;
}

static float middle(const struct area *area) { return (area->top + area->bottom) / 2; }

/* Height and slope that lines usually have. */
static void measure(struct printed *printed, const struct line *lines) {
    float *heights cleanup(drop_memory) = alloc(printed->count + 1, sizeof(*heights));
    float *slopes cleanup(drop_memory) = alloc(printed->count + 1, sizeof(*slopes));
    size_t sloping = 0;
    for (size_t i = 0; i < printed->count; i++) {
        const struct point *corner = lines[i].quad.corner;
        float width = corner[1].x - corner[0].x, height = corner[3].y - corner[0].y;
        heights[i] = height;
        if (width > LYING * height) {
            slopes[sloping++] = (corner[1].y - corner[0].y) / width;
        }
    }
    printed->em = median(heights, printed->count);
    printed->slope = median(slopes, sloping);
}

static float shared(float left, float right, float other_left, float other_right) {
    return fminf(right, other_right) - fmaxf(left, other_left);
}

/* Whether the lines stand one above the other. */
static bool meet(const struct printed *printed, const struct piece *a, const struct piece *b) {
    float least = fminf(SHARED * printed->em, fminf(a->right - a->left, b->right - b->left) / 2);
    return shared(a->left, a->right, b->left, b->right) > least;
}

/* Marks the lines that meet two of one other row: a head over several columns, a note below them. */
static void mark_wide(struct printed *printed) {
    for (size_t i = 0; i < printed->count; i++) {
        struct piece *piece = &printed->pieces[i];
        uint32_t met = 0, row = UINT32_MAX;
        for (size_t k = 0; k < printed->count && !piece->wide; k++) {
            const struct piece *other = &printed->pieces[k];
            met = other->row == row ? met : 0;
            row = other->row;
            met += row != piece->row && meet(printed, piece, other);
            piece->wide = met >= 2;
        }
    }
}

static int by_left(const void *a, const void *b) {
    const struct span *p = a, *q = b;
    return (p->left > q->left) - (p->left < q->left);
}

/* Columns: what lines that are not wide cover, one above the other. */
static void find_columns(struct printed *printed) {
    printed->column = alloc(printed->count + 1, sizeof(*printed->column));
    size_t count = 0;
    for (size_t i = 0; i < printed->count; i++) {
        if (!printed->pieces[i].wide) {
            printed->column[count++] = (struct span){printed->pieces[i].left, printed->pieces[i].right};
        }
    }
    qsort(printed->column, count, sizeof(*printed->column), by_left);
    for (size_t i = 0; i < count; i++) {
        struct span span = printed->column[i],
                    *last = &printed->column[printed->columns > 0 ? printed->columns - 1 : 0];
        if (printed->columns > 0 && span.left < last->right - SHARED * printed->em) {
            last->right = fmaxf(last->right, span.right);
        } else {
            printed->column[printed->columns++] = span;
        }
    }
}

static void place(const struct printed *printed, struct piece *piece) {
    float most = -INFINITY;
    piece->columns = 0;
    for (uint32_t i = 0; i < printed->columns; i++) {
        const struct span *column = &printed->column[i];
        float part = shared(piece->left, piece->right, column->left, column->right);
        bool over = part > fminf(SHARED * printed->em, (column->right - column->left) / 2);
        if (piece->wide && over) {
            piece->column = piece->columns > 0 ? piece->column : i;
            piece->columns = i + 1 - piece->column;
        } else if (piece->columns == 0 && part > most) {
            piece->column = i;
            most = part;
        }
    }
    piece->columns = piece->columns > 0 ? piece->columns : 1;
}

void printed_find(const struct quad *boxes, size_t count, const struct area *area, struct printed *ret) {
    struct line *lines cleanup(drop_memory) = alloc(count + 1, sizeof(*lines));
    struct printed printed = {0};
    for (size_t i = 0; i < count; i++) {
        struct area box = area_of(&boxes[i]);
        float x = (box.left + box.right) / 2, y = middle(&box);
        if (x > area->left && x < area->right && y > area->top && y < area->bottom) {
            lines[printed.count++].quad = boxes[i];
        }
    }
    order_rows(lines, printed.count);
    measure(&printed, lines);
    printed.pieces = alloc(printed.count + 1, sizeof(*printed.pieces));
    for (size_t i = 0; i < printed.count; i++) {
        struct area box = area_of(&lines[i].quad);
        float shift = printed.slope * middle(&box);
        printed.pieces[i] = (struct piece){
            .area = box, .left = box.left + shift, .right = box.right + shift, .row = lines[i].row - lines[0].row};
        printed.rows = printed.pieces[i].row + 1;
    }
    mark_wide(&printed);
    find_columns(&printed);
    for (size_t i = 0; i < printed.count; i++) {
        place(&printed, &printed.pieces[i]);
    }
    *ret = printed;
}

/* Where a ruling that goes through the table is, as if the page lay straight; NAN for others. */
static float level_of(const struct printed *printed, const struct ruling *ruling, float width) {
    struct point middle = {(ruling->from.x + ruling->to.x) / 2, (ruling->from.y + ruling->to.y) / 2};
    return ruling->to.x - ruling->from.x >= THROUGH * width ? middle.y - printed->slope * middle.x : NAN;
}

static float width_of(const struct printed *printed) {
    float left = INFINITY, right = -INFINITY;
    for (size_t i = 0; i < printed->count; i++) {
        left = fminf(left, printed->pieces[i].left);
        right = fmaxf(right, printed->pieces[i].right);
    }
    return right - left;
}

static float straight_middle(const struct printed *printed, const struct piece *piece) {
    return middle(&piece->area) - printed->slope * (piece->area.left + piece->area.right) / 2;
}

/* Whether a row between two levels has lines in most columns, none of them wide: it is no title and no note. */
static bool has_rows(const struct printed *printed, float from, float to) {
    uint32_t row = UINT32_MAX, count = 0;
    for (size_t i = 0; i < printed->count; i++) {
        const struct piece *piece = &printed->pieces[i];
        float level = straight_middle(printed, piece);
        count = piece->row == row ? count : 0;
        row = piece->row;
        count += !piece->wide && level > from && level < to;
        if (2 * count > printed->columns && count > 1) {
            return true;
        }
    }
    return false;
}

struct area printed_bounds(const struct printed *printed, const struct rulings *rulings, const struct area *area) {
    const struct ruling *first = NULL, *last = NULL;
    float top = INFINITY, bottom = -INFINITY, width = width_of(printed);
    for (size_t i = 0; i < rulings->across_count; i++) {
        float level = level_of(printed, &rulings->across[i], width);
        first = level < top ? &rulings->across[i] : first;
        top = fminf(top, level);
        last = level > bottom ? &rulings->across[i] : last;
        bottom = fmaxf(bottom, level);
    }
    size_t inside = 0;
    for (size_t i = 0; i < printed->count; i++) {
        float level = straight_middle(printed, &printed->pieces[i]);
        inside += level > top && level < bottom;
    }
    struct area bounds = *area;
    if (first && (float)inside >= INSIDE * (float)printed->count) {
        bounds.top = has_rows(printed, -INFINITY, top) ? bounds.top : fminf(first->from.y, first->to.y);
        bounds.bottom = has_rows(printed, bottom, INFINITY) ? bounds.bottom : fmaxf(last->from.y, last->to.y);
    }
    return bounds;
}

/* How many of the first rows are the head: those between the first two rulings that go through, if none is wide. */
static uint32_t head_rows(const struct printed *printed, const struct rulings *rulings) {
    float first = INFINITY, second = INFINITY, width = width_of(printed);
    for (size_t i = 0; i < rulings->across_count; i++) {
        float level = level_of(printed, &rulings->across[i], width);
        if (level < first) {
            second = first - level > printed->em ? first : second;
            first = level;
        } else if (level < second && level > first + printed->em) {
            second = level;
        }
    }
    uint32_t rows = 1;
    bool above_all = printed->count > 0 && first < straight_middle(printed, &printed->pieces[0]);
    for (size_t i = 0; i < printed->count && above_all && second < INFINITY; i++) {
        const struct piece *piece = &printed->pieces[i];
        bool above = straight_middle(printed, piece) < second;
        if (above && piece->wide) {
            return 1;
        }
        rows = above && piece->row + 1 > rows ? piece->row + 1 : rows;
    }
    return rows <= printed->rows / 2 ? rows : 1;
}

/* The upper and lower edge of row at x: those of its line that is nearest. */
static void edges_of(const struct printed *printed, uint32_t row, float x, float *ret_top, float *ret_bottom) {
    float nearest = INFINITY;
    for (size_t i = 0; i < printed->count; i++) {
        const struct area *area = &printed->pieces[i].area;
        float apart = fmaxf(fmaxf(area->left - x, x - area->right), 0);
        if (printed->pieces[i].row == row && apart < nearest) {
            nearest = apart;
            float shift = printed->slope * (x - (area->left + area->right) / 2);
            *ret_top = area->top + shift;
            *ret_bottom = area->bottom + shift;
        }
    }
}

/* Where the place in a row and column is; end: the column after it. */
static struct area place_of(const struct printed *printed, uint32_t row, uint32_t column, uint32_t end) {
    struct area area = {printed->column[column].left, 0, printed->column[end - 1].right, 0};
    edges_of(printed, row, (area.left + area.right) / 2, &area.top, &area.bottom);
    float shift = printed->slope * middle(&area);
    area.left -= shift;
    area.right -= shift;
    return area;
}

/* Cells row by row; several lines at one place are one cell. */
static void fill_grid(const struct printed *printed, uint32_t head, struct table_grid *grid) {
    size_t slots = (size_t)grid->rows * grid->columns;
    size_t *cell_at cleanup(drop_memory) = alloc(slots, sizeof(*cell_at)); /* the cell there, plus 1; 0: none */
    grid->cells = alloc(slots, sizeof(*grid->cells));
    for (size_t i = 0; i < printed->count; i++) {
        const struct piece *piece = &printed->pieces[i];
        uint32_t row = piece->row < head ? 0 : piece->row - head + 1;
        size_t *slot = &cell_at[(size_t)row * grid->columns + piece->column];
        if (*slot > 0) {
            grid->cells[*slot - 1].area = area_united(&grid->cells[*slot - 1].area, &piece->area);
            continue;
        }
        uint32_t columns = 0;
        while (columns < piece->columns && slot[columns] == 0) {
            slot[columns++] = grid->count + 1;
        }
        grid->cells[grid->count++] = (struct table_cell){
            .row = row, .column = piece->column, .rows = 1, .columns = columns, .area = piece->area, .seen = true};
    }
    for (size_t i = 0; i < slots; i++) {
        uint32_t row = (uint32_t)(i / grid->columns), column = (uint32_t)(i % grid->columns);
        if (cell_at[i] == 0) {
            struct area area = place_of(printed, row + head - 1, column, column + 1);
            grid->cells[grid->count++] =
                (struct table_cell){.row = row, .column = column, .rows = 1, .columns = 1, .area = area, .seen = true};
        }
    }
}

/* Places that lines take. */
static size_t taken(const struct printed *printed) {
    bool *places cleanup(drop_memory) = alloc((size_t)printed->rows * printed->columns + 1, sizeof(*places));
    size_t count = 0;
    for (size_t i = 0; i < printed->count; i++) {
        const struct piece *piece = &printed->pieces[i];
        for (uint32_t k = 0; k < piece->columns; k++) {
            bool *at = &places[(size_t)piece->row * printed->columns + piece->column + k];
            count += !*at;
            *at = true;
        }
    }
    return count;
}

void printed_grid(const struct printed *printed, const struct rulings *rulings, struct table_grid *ret) {
    *ret = (struct table_grid){0};
    float places = (float)printed->rows * (float)printed->columns;
    if (printed->rows < 2 || printed->columns < 2 || (float)taken(printed) < TAKEN * places) {
        return;
    }
    uint32_t head = head_rows(printed, rulings);
    struct table_grid grid = {.rows = printed->rows - head + 1, .columns = printed->columns, .score = 1};
    fill_grid(printed, head, &grid);
    table_grid_sort(&grid);
    *ret = grid;
}

/* The middle of each printed row, and of each row of the grid as far as its cells were seen (else NAN). */
static float *printed_levels(const struct printed *printed) {
    float *levels = alloc(printed->rows + 1, sizeof(*levels)), *counts = alloc(printed->rows + 1, sizeof(*counts));
    for (size_t i = 0; i < printed->count; i++) {
        levels[printed->pieces[i].row] += straight_middle(printed, &printed->pieces[i]);
        counts[printed->pieces[i].row]++;
    }
    for (uint32_t i = 0; i < printed->rows; i++) {
        levels[i] /= counts[i];
    }
    free(counts);
    return levels;
}

static float *grid_levels(const struct table_grid *grid, float slope) {
    float *levels = alloc(grid->rows + 1, sizeof(*levels)), *counts = alloc(grid->rows + 1, sizeof(*counts));
    for (size_t i = 0; i < grid->count; i++) {
        const struct table_cell *cell = &grid->cells[i];
        if (cell->seen && cell->rows == 1) {
            levels[cell->row] += middle(&cell->area) - slope * (cell->area.left + cell->area.right) / 2;
            counts[cell->row]++;
        }
    }
    for (uint32_t i = 0; i < grid->rows; i++) {
        levels[i] = counts[i] > 0 ? levels[i] / counts[i] : NAN;
    }
    free(counts);
    return levels;
}

/* Whether most rows of the two are in the same places. */
static bool rows_match(const struct printed *printed, const struct table_grid *grid) {
    if (printed->rows != grid->rows) {
        return false;
    }
    float *printed_at cleanup(drop_memory) = printed_levels(printed);
    float *grid_at cleanup(drop_memory) = grid_levels(grid, printed->slope);
    uint32_t same = 0;
    for (uint32_t i = 0; i < printed->rows; i++) {
        uint32_t nearest = 0;
        for (uint32_t k = 1; k < grid->rows; k++) {
            bool nearer = !(fabsf(grid_at[k] - printed_at[i]) >= fabsf(grid_at[nearest] - printed_at[i]));
            nearest = nearer && !isnan(grid_at[k]) ? k : nearest;
        }
        same += nearest == i;
    }
    return (float)same >= ALIKE * (float)printed->rows;
}

void printed_align(const struct printed *printed, struct table_grid *grid) {
    bool rows = rows_match(printed, grid), columns = printed->columns == grid->columns;
    for (size_t i = 0; i < grid->count; i++) {
        struct table_cell *cell = &grid->cells[i];
        struct area area = cell->area;
        cell->seen = cell->seen || (rows && columns);
        if (columns) {
            float shift = printed->slope * middle(&area);
            area.left = printed->column[cell->column].left - shift;
            area.right = printed->column[cell->column + cell->columns - 1].right - shift;
        }
        if (rows && cell->seen) {
            float x = (area.left + area.right) / 2, ignored = 0;
            edges_of(printed, cell->row, x, &area.top, &ignored);
            edges_of(printed, cell->row + cell->rows - 1, x, &ignored, &area.bottom);
        }
        cell->area = area;
    }
}

bool printed_place(const struct printed *printed, struct table_grid *grid) {
    if (grid->rows == 0 || printed->rows != grid->rows || printed->columns != grid->columns) {
        return false;
    }
    for (size_t i = 0; i < grid->count; i++) {
        struct table_cell *cell = &grid->cells[i];
        uint32_t end = cell->column + cell->columns;
        struct area first = place_of(printed, cell->row, cell->column, end);
        struct area last = place_of(printed, cell->row + cell->rows - 1, cell->column, end);
        cell->area = area_united(&first, &last);
        cell->seen = true;
    }
    grid->unplaced = false;
    return true;
}

/* Whether rows follow each other at even distances. */
static bool evenly_spaced(const struct printed *printed) {
    float *levels cleanup(drop_memory) = printed_levels(printed);
    float least = INFINITY, most = 0;
    for (uint32_t i = 1; i < printed->rows; i++) {
        least = fminf(least, levels[i] - levels[i - 1]);
        most = fmaxf(most, levels[i] - levels[i - 1]);
    }
    return most <= EVEN * least;
}

/* Whether cells of one row have unlike numbers of lines, those that have none aside. */
static bool unlike(const struct printed *printed, const struct table_grid *grid) {
    size_t *lines cleanup(drop_memory) = alloc(grid->count + 1, sizeof(*lines));
    for (size_t i = 0; i < printed->count; i++) {
        lines[table_nearest_cell(grid, &printed->pieces[i].area)]++;
    }
    for (size_t i = 1; i < grid->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (grid->cells[i].row == grid->cells[k].row && lines[i] > 0 && lines[k] > 0 && lines[i] != lines[k]) {
                return true;
            }
        }
    }
    return false;
}

bool printed_is_surer(const struct printed *printed, const struct table_grid *own, const struct table_grid *grid) {
    float places = (float)printed->rows * (float)printed->columns;
    bool dense = own->count > 0 && printed->rows >= LEAST_ROWS && (float)printed->count <= places &&
                 (float)taken(printed) >= DENSE * places;
    for (size_t i = 0; i < printed->count; i++) {
        dense = dense && !printed->pieces[i].wide;
    }
    return dense && (own->rows != grid->rows || own->columns != grid->columns) && evenly_spaced(printed) &&
           unlike(printed, grid);
}

bool printed_is_text(const struct printed *printed, const struct table_grid *grid) {
    uint32_t beside = 0, last = UINT32_MAX;
    for (size_t i = 1; i < printed->count; i++) {
        uint32_t row = printed->pieces[i].row;
        if (row == printed->pieces[i - 1].row && row != last) {
            beside++;
            last = row;
        }
    }
    return printed->rows >= LEAST_ROWS && grid->rows < printed->rows && (float)beside < BESIDE * (float)printed->rows;
}
