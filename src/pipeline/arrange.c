/* From lines and findings to the regions of a page, in reading order (pipeline/structure.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "document/join.h"
#include "pipeline/area.h"
#include "pipeline/order.h"
#include "pipeline/structure.h"

#define CLAIMED 0.5F /* part of a line that must lie in a region */
#define ALIKE 0.05F  /* parts that are no further apart are alike */
#define WITHIN 0.8F  /* part of a region that must lie in another one that it is within */
#define EDGE 0.15F   /* of the page's height: where headers and footers are */
#define UNCLAIMED UINT32_MAX

/* The part of a line that lies in a region; of one that is thinner than the line's box, which has a rim, along it. */
static float part_of_line(const struct area *line, const struct area *region) {
    float width = line->right - line->left, height = line->bottom - line->top;
    if (width > height) {
        height = fminf(height, region->bottom - region->top);
    } else {
        width = fminf(width, region->right - region->left);
    }
    struct area both = area_shared(line, region);
    return area_size(&both) / fmaxf(width * height, 1);
}

/* The region that claims most of a line, of two that claim alike, or lie one in the other, the smaller; UNCLAIMED. */
static uint32_t claimant(const struct findings *findings, const struct area *line) {
    uint32_t best = UNCLAIMED;
    float most = CLAIMED;
    for (size_t i = 0; i < findings->count; i++) {
        const struct area *area = &findings->list[i].area;
        float part = part_of_line(line, area);
        if (part <= CLAIMED) {
            continue;
        }
        const struct area *other = best == UNCLAIMED ? NULL : &findings->list[best].area;
        bool smaller = other && area_size(area) < area_size(other);
        bool within = other && area_part(smaller ? area : other, smaller ? other : area) > WITHIN;
        if (other && (within || fabsf(part - most) < ALIKE) ? smaller : part > most) {
            best = (uint32_t)i;
            most = part;
        }
    }
    return best;
}

static int by_size(const void *a, const void *b) {
    const float *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static float usual_height(const struct line *lines, size_t count) {
    float *heights cleanup(drop_memory) = alloc(count + 1, sizeof(*heights));
    for (size_t i = 0; i < count; i++) {
        struct area area = area_around(&lines[i].quad);
        heights[i] = fminf(area.bottom - area.top, area.right - area.left);
    }
    qsort(heights, count, sizeof(*heights), by_size);
    return count > 0 ? heights[count / 2] : INFINITY;
}

struct arranging {
    struct findings *findings;
    struct line *items; /* lines outside tables, and a strip without text for each region that has none of them */
    size_t item_count;
    struct line *tables; /* lines of tables */
    size_t table_count;
    bool *put;   /* of items: it stands on the page */
    bool *begun; /* of findings: its region, or a part of it, was made */
    struct page *page;
    float width, height;
    uint32_t block, row;         /* of the last line put out */
    uint32_t old_block, old_row; /* as ordered */
};

/* An item on its way into the model's order. */
struct ranked {
    struct line line;
    uint32_t rank;
    size_t at;
};

/* Shares the lines out; each region that has none among the items is stood for by a strip along its upper edge. */
static void share_out(struct arranging *arranging) {
    struct page *page = arranging->page;
    size_t found_count = arranging->findings->count;
    float em = usual_height(page->lines, page->line_count);
    bool *present cleanup(drop_memory) = alloc(found_count + 1, sizeof(*present));
    for (size_t i = 0; i < page->line_count; i++) {
        struct line *line = &page->lines[i];
        struct area area = area_around(&line->quad);
        line->region = claimant(arranging->findings, &area);
        const struct found *found = line->region == UNCLAIMED ? NULL : &arranging->findings->list[line->region];
        if (found && found->line_count > 0) { /* what it says was read better */
            free(line->text);
            free(line->words);
        } else if (found && found->grid.count > 0) {
            arranging->tables[arranging->table_count++] = *line;
        } else {
            arranging->items[arranging->item_count++] = *line;
            present[line->region == UNCLAIMED ? found_count : line->region] = true;
        }
    }
    for (size_t i = 0; i < found_count; i++) {
        if (!present[i]) {
            struct area strip = arranging->findings->list[i].area;
            strip.bottom = fminf(strip.bottom, strip.top + em);
            arranging->items[arranging->item_count++] = (struct line){.quad = area_quad(&strip), .region = (uint32_t)i};
        }
    }
}

static int by_rank(const void *left, const void *right) {
    const struct ranked *a = left, *b = right;
    return a->rank != b->rank ? (a->rank > b->rank) - (a->rank < b->rank) : (a->at > b->at) - (a->at < b->at);
}

/*
 * Puts the items, which are in our own order, into the model's if it has one: each goes by its region, and what has no
 * place in that order goes with the item before it.
 */
static void follow_model(struct arranging *arranging) {
    size_t count = arranging->item_count;
    struct ranked *ranked cleanup(drop_memory) = alloc(count + 1, sizeof(*ranked));
    uint32_t rank = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t region = arranging->items[i].region;
        uint32_t own = region == UNCLAIMED ? 0 : arranging->findings->list[region].order;
        rank = own ? own : rank;
        ranked[i] = (struct ranked){.line = arranging->items[i], .rank = rank, .at = i};
    }
    qsort(ranked, count, sizeof(*ranked), by_rank);
    for (size_t i = 0; i < count; i++) {
        arranging->items[i] = ranked[i].line;
    }
}

static struct region *new_region(struct page *page, enum region_type type, float score, const struct area *area) {
    struct region *region = &page->regions[page->region_count++];
    *region = (struct region){.type = type, .score = score, .quad = area_quad(area)};
    return region;
}

/* The next line of the page, in its last region. */
static void put_line(struct arranging *arranging, const struct line *line, bool first) {
    struct page *page = arranging->page;
    if (page->line_count > 0) {
        arranging->block += first || line->block != arranging->old_block;
        arranging->row += first || line->row != arranging->old_row || line->block != arranging->old_block;
    }
    arranging->old_block = line->block;
    arranging->old_row = line->row;
    struct line *put = &page->lines[page->line_count++];
    *put = *line;
    put->block = arranging->block;
    put->row = arranging->row;
    put->region = (uint32_t)(page->region_count - 1);
}

/* The lines of a table and where they go. */
struct filling {
    const struct table_grid *grid;
    struct line *lines; /* row by row as they are printed */
    size_t *cell_of;    /* each line's cell */
    size_t count;
    struct buffer *texts; /* of the cells */
};

static void fill_cells(struct filling *filling) {
    for (size_t i = 0; i < filling->count; i++) {
        struct area area = area_around(&filling->lines[i].quad);
        filling->cell_of[i] = table_nearest_cell(filling->grid, &area);
        join_line(&filling->texts[filling->cell_of[i]], filling->lines[i].text);
    }
}

static bool is_cut(const struct table_grid *grid, uint32_t row) {
    for (size_t i = 0; i < grid->count; i++) {
        if (grid->cells[i].row < row && grid->cells[i].row + grid->cells[i].rows > row) {
            return true;
        }
    }
    return false;
}

/* What the cells that begin in row say, one after the other. */
static char *text_of_row(const struct filling *filling, uint32_t row) {
    struct buffer text = {0};
    for (size_t i = 0; i < filling->grid->count; i++) {
        if (filling->grid->cells[i].row == row && filling->texts[i].data) {
            join_line(&text, filling->texts[i].data);
        }
    }
    return buffer_take(&text);
}

/* Whether row says what the first row says: there another table begins, which the network saw as one with the first. */
static bool repeats_head(const struct filling *filling, uint32_t row) {
    char *head cleanup(drop_memory) = text_of_row(filling, 0);
    char *text cleanup(drop_memory) = text_of_row(filling, row);
    return *head && strcmp(head, text) == 0 && !is_cut(filling->grid, 1) && !is_cut(filling->grid, row) &&
           !is_cut(filling->grid, row + 1);
}

/* Where the row begins, as far as its cells were seen; else INFINITY. */
static float top_of_row(const struct table_grid *grid, uint32_t row) {
    float top = INFINITY;
    for (size_t i = 0; i < grid->count; i++) {
        if (grid->cells[i].seen && grid->cells[i].row == row) {
            top = fminf(top, grid->cells[i].area.top);
        }
    }
    return top;
}

/* Where the cell is on the page when it is moved down; what a network says may be anywhere. */
static struct quad place_of_cell(const struct table_cell *cell, float down, const struct area *page) {
    struct area area = {cell->area.left, cell->area.top + down, cell->area.right, cell->area.bottom + down};
    area = area_shared(&area, page);
    return area_quad(&area);
}

/*
 * Rows from first to before end of the table become a region's cells. A head that is repeated is cut into cells as the
 * first one is, which the network has seen better.
 */
static void make_cells(const struct filling *filling, uint32_t first, uint32_t end, const struct area *page,
                       struct region *region) {
    const struct table_grid *grid = filling->grid;
    float down = first > 0 ? top_of_row(grid, first) - top_of_row(grid, 0) : 0;
    region->rows = end - first;
    region->columns = grid->columns;
    region->cells = alloc(grid->count, sizeof(*region->cells));
    for (size_t i = 0; i < grid->count; i++) {
        const struct table_cell *cell = &grid->cells[i];
        if (cell->row == 0 || (cell->row > first && cell->row < end)) {
            const char *text = filling->texts[i].data;
            float moved = cell->row == 0 ? down : 0;
            region->cells[region->cell_count++] = (struct cell){.row = cell->row == 0 ? 0 : cell->row - first,
                                                                .column = cell->column,
                                                                .rows = cell->rows,
                                                                .columns = cell->columns,
                                                                .text = copy_string(text ? text : ""),
                                                                .quad = place_of_cell(cell, moved, page),
                                                                .seen = cell->seen && isfinite(moved)};
        }
    }
}

/* The area of those rows, as far as their cells were seen. */
static struct area area_of_rows(const struct table_grid *grid, uint32_t first, uint32_t end, const struct area *whole) {
    struct area area = *whole;
    float top = INFINITY, bottom = -INFINITY;
    for (size_t i = 0; i < grid->count; i++) {
        const struct table_cell *cell = &grid->cells[i];
        if (cell->seen && cell->row >= first && cell->row < end) {
            top = fminf(top, cell->area.top);
            bottom = fmaxf(bottom, cell->area.bottom);
        }
    }
    area.top = first > 0 ? fmaxf(top, whole->top) : whole->top;
    area.bottom = end < grid->rows ? fminf(bottom, whole->bottom) : whole->bottom;
    return area;
}

/* Rows from first to before end as a region of their own, with their lines. */
static void put_rows(struct arranging *arranging, const struct found *found, const struct filling *filling,
                     uint32_t first, uint32_t end) {
    struct area area = area_of_rows(filling->grid, first, end, &found->area);
    struct region *region = new_region(arranging->page, found->type, found->score, &area);
    bool begins = true;
    for (size_t i = 0; i < filling->count; i++) {
        uint32_t row = filling->grid->cells[filling->cell_of[i]].row;
        if (row >= first && row < end) {
            put_line(arranging, &filling->lines[i], begins);
            begins = false;
        }
    }
    const struct area page = {0, 0, arranging->width, arranging->height};
    make_cells(filling, first, end, &page, region);
}

static void put_table(struct arranging *arranging, uint32_t index) {
    const struct found *found = &arranging->findings->list[index];
    struct line *own cleanup(drop_memory) = alloc(arranging->table_count + 1, sizeof(*own));
    size_t *cell_of cleanup(drop_memory) = alloc(arranging->table_count + 1, sizeof(*cell_of));
    struct buffer *texts cleanup(drop_memory) = alloc(found->grid.count, sizeof(*texts));
    struct filling filling = {.grid = &found->grid, .lines = own, .cell_of = cell_of, .texts = texts};
    for (size_t i = 0; i < arranging->table_count; i++) {
        if (arranging->tables[i].region == index) {
            own[filling.count++] = arranging->tables[i];
        }
    }
    order_rows(own, filling.count);
    fill_cells(&filling);
    uint32_t *borders cleanup(drop_memory) = alloc(found->grid.rows + 1, sizeof(*borders)), count = 0;
    for (uint32_t row = 2; row + 1 < found->grid.rows; row++) {
        if (repeats_head(&filling, row)) {
            borders[count++] = row;
        }
    }
    borders[count] = found->grid.rows;
    for (uint32_t i = 0; i <= count; i++) {
        put_rows(arranging, found, &filling, i > 0 ? borders[i - 1] : 0, borders[i]);
    }
    for (size_t i = 0; i < found->grid.count; i++) {
        buffer_done(&texts[i]);
    }
}

/* Lines that a model of the region's own has read; they become the page's. */
static void put_own(struct arranging *arranging, struct found *found) {
    if (found->formula) {
        struct region *region = &arranging->page->regions[arranging->page->region_count - 1];
        region->latex = copy_string(found->lines[0].text);
    }
    for (size_t i = 0; i < found->line_count; i++) {
        put_line(arranging, &found->lines[i], true);
    }
    found->line_count = 0;
}

enum pass { PASS_HEADERS, PASS_BODY, PASS_FOOTERS, PASSES };

static enum pass pass_of(const struct arranging *arranging, uint32_t index) {
    if (index == UNCLAIMED) {
        return PASS_BODY;
    }
    const struct found *found = &arranging->findings->list[index];
    if (found->type == REGION_HEADER && found->area.bottom < EDGE * arranging->height) {
        return PASS_HEADERS;
    }
    return found->type == REGION_FOOTER && found->area.top > (1 - EDGE) * arranging->height ? PASS_FOOTERS : PASS_BODY;
}

static bool is_picture(enum region_type type) { return type == REGION_FIGURE || type == REGION_CHART; }

/* Whether the item at place parts the lines of the region around it, which go on: it is of another one within. */
static bool parts(const struct arranging *arranging, uint32_t around, size_t place) {
    const struct line *item = &arranging->items[place];
    if (item->region == UNCLAIMED || item->region == around || arranging->put[place]) {
        return false;
    }
    const struct found *list = arranging->findings->list, *found = &list[item->region];
    bool says = item->text || found->grid.count > 0 || found->line_count > 0 || is_picture(found->type);
    bool within = pass_of(arranging, item->region) == pass_of(arranging, around) && !is_picture(list[around].type) &&
                  area_part(&found->area, &list[around].area) > WITHIN;
    size_t i = place + 1;
    while (i < arranging->item_count && arranging->items[i].region != around) {
        i++;
    }
    return says && within && i < arranging->item_count;
}

/* A region that the models found, from its item at place on: all its lines, or those before a region within it. */
static void put_found(struct arranging *arranging, size_t place) {
    uint32_t index = arranging->items[place].region;
    struct found *found = &arranging->findings->list[index];
    bool more = arranging->begun[index], parted = false, first = true;
    arranging->begun[index] = arranging->put[place] = true;
    if (found->grid.count > 0) {
        put_table(arranging, index);
        return;
    }
    struct region *region = new_region(arranging->page, found->type, found->score, &found->area);
    struct area own = area_around(&arranging->items[place].quad);
    put_own(arranging, found);
    for (size_t i = place; i < arranging->item_count && !parted; i++) {
        const struct line *item = &arranging->items[i];
        if (item->region == index && item->text) {
            struct area area = area_around(&item->quad);
            own = area_united(&own, &area);
            put_line(arranging, item, first);
            arranging->put[i] = true;
            first = false;
        }
        parted = !first && parts(arranging, index, i);
    }
    if (parted || more) {
        region->quad = area_quad(&own);
    }
}

/* Lines from first on that no region claims and that are one block; returns where they end. */
static size_t put_unclaimed(struct arranging *arranging, size_t first) {
    const struct line *items = arranging->items;
    size_t end = first;
    struct area area = area_around(&items[first].quad);
    for (; end < arranging->item_count && items[end].region == UNCLAIMED && items[end].block == items[first].block;
         end++) {
        struct area line = area_around(&items[end].quad);
        area = area_united(&area, &line);
    }
    (void)new_region(arranging->page, REGION_TEXT, 0, &area);
    for (size_t i = first; i < end; i++) {
        put_line(arranging, &items[i], i == first);
    }
    return end;
}

static void put_all(struct arranging *arranging) {
    for (enum pass pass = PASS_HEADERS; pass < PASSES; pass++) {
        for (size_t i = 0; i < arranging->item_count;) {
            uint32_t index = arranging->items[i].region;
            if (arranging->put[i] || pass_of(arranging, index) != pass) {
                i++;
            } else if (index == UNCLAIMED) {
                i = put_unclaimed(arranging, i);
            } else {
                put_found(arranging, i);
                i++;
            }
        }
    }
}

static size_t own_lines(const struct findings *findings) {
    size_t count = 0;
    for (size_t i = 0; i < findings->count; i++) {
        count += findings->list[i].line_count;
    }
    return count;
}

/* The whole page is one text region. */
static void arrange_plainly(struct page *page, float width, float height) {
    order_lines(page->lines, page->line_count);
    if (page->line_count > 0) {
        page->regions = alloc(1, sizeof(*page->regions));
        struct area area = {0, 0, width, height};
        (void)new_region(page, REGION_TEXT, 0, &area);
    }
}

void structure_arrange(struct page *page, struct findings *findings, float width, float height) {
    if (findings->count == 0) {
        arrange_plainly(page, width, height);
        return;
    }
    size_t most = page->line_count + findings->count;
    struct line *items cleanup(drop_memory) = alloc(most, sizeof(*items));
    struct line *tables cleanup(drop_memory) = alloc(page->line_count + 1, sizeof(*tables));
    bool *put cleanup(drop_memory) = alloc(most, sizeof(*put));
    bool *begun cleanup(drop_memory) = alloc(findings->count, sizeof(*begun));
    struct arranging arranging = {.findings = findings,
                                  .items = items,
                                  .tables = tables,
                                  .put = put,
                                  .begun = begun,
                                  .page = page,
                                  .width = width,
                                  .height = height};
    share_out(&arranging);
    order_lines(items, arranging.item_count);
    follow_model(&arranging);
    page->regions = alloc(most, sizeof(*page->regions));
    page->lines = resize(page->lines, page->line_count + own_lines(findings) + 1, sizeof(*page->lines));
    page->line_count = 0;
    put_all(&arranging);
}
