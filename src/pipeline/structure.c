#include "pipeline/structure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "document/join.h"
#include "pipeline/layout.h"
#include "pipeline/order.h"

#define CLAIMED 0.5F /* part of a line's area that must lie in a region */
#define COVERED 0.8F /* part of a region within a table from which it is a part of the table */
#define EDGE 0.15F   /* of the page's height: where headers and footers are */
#define UNCLAIMED UINT32_MAX
/* A page without text and tables, but with lines in figures only: a photographed table, if a table is surely seen. */
enum { LEAST_LINES = 6 };
#define SURE_TABLE 0.9F

void findings_done(struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        table_grid_done(&findings->list[i].grid);
    }
    free(findings->list);
    *findings = (struct findings){0};
}

static float size_of(const struct area *area) {
    return fmaxf(area->right - area->left, 0) * fmaxf(area->bottom - area->top, 0);
}

static struct area intersection(const struct area *a, const struct area *b) {
    return (struct area){fmaxf(a->left, b->left), fmaxf(a->top, b->top), fminf(a->right, b->right),
                         fminf(a->bottom, b->bottom)};
}

/* The part of a that lies in b. */
static float part_in(const struct area *a, const struct area *b) {
    struct area both = intersection(a, b);
    return size_of(&both) / fmaxf(size_of(a), 1);
}

static struct area area_around(const struct quad *quad) {
    struct area area = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        const struct point *corner = &quad->corner[i];
        area = (struct area){fminf(area.left, corner->x), fminf(area.top, corner->y), fmaxf(area.right, corner->x),
                             fmaxf(area.bottom, corner->y)};
    }
    return area;
}

static void widen(struct area *area, const struct area *by) {
    *area = (struct area){fminf(area->left, by->left), fminf(area->top, by->top), fmaxf(area->right, by->right),
                          fmaxf(area->bottom, by->bottom)};
}

static struct quad quad_of(const struct area *area) {
    return (struct quad){
        {{area->left, area->top}, {area->right, area->top}, {area->right, area->bottom}, {area->left, area->bottom}}};
}

/* Finding */

static void add(struct findings *findings, const struct found *found) {
    findings->list = resize(findings->list, findings->count + 1, sizeof(*findings->list));
    findings->list[findings->count++] = *found;
}

static bool is_table(const struct table_grid *grid) { return grid->columns >= 2 && grid->rows >= 1; }

static int find_tables(const struct hand *hand, const struct image *page, struct stages *stages,
                       struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        struct found *found = &findings->list[i];
        if (found->type != REGION_TABLE) {
            continue;
        }
        int result = table_find(hand, page, &found->area, stages, &found->grid);
        if (result != 0) {
            return result;
        }
        if (hand_spec(hand, ROLE_TABLE) && !is_table(&found->grid)) {
            table_grid_done(&found->grid);
            found->type = REGION_TEXT;
        }
    }
    return 0;
}

/* Regions within a table say nothing that its cells do not. */
static void drop_covered(struct findings *findings) {
    size_t kept = 0;
    for (size_t i = 0; i < findings->count; i++) {
        struct found found = findings->list[i];
        bool covered = false;
        for (size_t k = 0; k < findings->count && !covered; k++) {
            const struct found *table = &findings->list[k];
            covered = k != i && table->type == REGION_TABLE && found.type != REGION_TABLE &&
                      part_in(&found.area, &table->area) > COVERED;
        }
        if (!covered) {
            findings->list[kept++] = found;
        }
    }
    findings->count = kept;
}

static bool has_text(const struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        if (findings->list[i].type != REGION_FIGURE) {
            return true;
        }
    }
    return false;
}

/* All lines taken as one table, if they surely are one: it replaces the figures. */
static int try_whole(const struct hand *hand, const struct image *page, const struct quad *boxes, size_t count,
                     struct stages *stages, struct findings *findings) {
    struct found whole = {.type = REGION_TABLE, .area = area_around(&boxes[0])};
    for (size_t i = 1; i < count; i++) {
        struct area box = area_around(&boxes[i]);
        widen(&whole.area, &box);
    }
    int result = table_find(hand, page, &whole.area, stages, &whole.grid);
    if (result != 0) {
        return result;
    }
    if (!is_table(&whole.grid) || whole.grid.rows < 2 || whole.grid.score < SURE_TABLE) {
        table_grid_done(&whole.grid);
        return 0;
    }
    findings_done(findings);
    whole.score = whole.grid.score > 1 ? 1 : whole.grid.score;
    add(findings, &whole);
    return 0;
}

int structure_find(const struct hand *hand, const struct image *page, const struct quad *boxes, size_t count,
                   struct stages *stages, struct findings *ret) {
    struct findings findings = {0};
    struct layout_box *layout cleanup(drop_memory) = NULL;
    size_t layout_count = 0;
    int result = layout_find(hand, page, stages, &layout, &layout_count);
    for (size_t i = 0; result == 0 && i < layout_count; i++) {
        struct found found = {.type = layout[i].type, .score = layout[i].score, .area = layout[i].area};
        add(&findings, &found);
    }
    drop_covered(&findings);
    result = result ? result : find_tables(hand, page, stages, &findings);
    if (result == 0 && hand_spec(hand, ROLE_LAYOUT) && count >= LEAST_LINES && !has_text(&findings)) {
        result = try_whole(hand, page, boxes, count, stages, &findings);
    }
    if (result != 0) {
        findings_done(&findings);
        return result;
    }
    *ret = findings;
    return 0;
}

/* Arranging */

/* The region that claims most of a line, of two that claim alike the smaller; UNCLAIMED. */
static uint32_t claimant(const struct findings *findings, const struct area *line) {
    uint32_t best = UNCLAIMED;
    float most = CLAIMED;
    for (size_t i = 0; i < findings->count; i++) {
        float part = part_in(line, &findings->list[i].area);
        bool alike = best != UNCLAIMED && fabsf(part - most) < 0.05F;
        if (alike ? size_of(&findings->list[i].area) < size_of(&findings->list[best].area) : part > most) {
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
    const struct findings *findings;
    struct line *items; /* lines outside tables, and a strip without text for each region that has none of them */
    size_t item_count;
    struct line *tables; /* lines of tables */
    size_t table_count;
    bool *done; /* of findings: its region was made */
    struct page *page;
    float width, height;
    uint32_t block, row;         /* of the last line put out */
    uint32_t old_block, old_row; /* as ordered */
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
        bool in_table = line->region != UNCLAIMED && arranging->findings->list[line->region].grid.count > 0;
        if (in_table) {
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
            arranging->items[arranging->item_count++] = (struct line){.quad = quad_of(&strip), .region = (uint32_t)i};
        }
    }
}

static struct region *new_region(struct page *page, enum region_type type, float score, const struct area *area) {
    struct region *region = &page->regions[page->region_count++];
    *region = (struct region){.type = type, .score = score, .quad = quad_of(area)};
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

/* How far a line is from a cell, in the terms of design/ppocr-algorithms 7.4: what they do not share, then L1. */
static float distance(const struct area *line, const struct table_cell *cell, float *ret_apart) {
    const struct area *area = &cell->area;
    struct area both = intersection(line, area);
    float shared = size_of(&both), all = size_of(line) + size_of(area) - shared;
    float x = fabsf(line->left - area->left), y = fabsf(line->top - area->top);
    float right = fabsf(line->right - area->right), bottom = fabsf(line->bottom - area->bottom);
    *ret_apart = x + y + right + bottom + fminf(x + y, right + bottom);
    return 1 - shared / fmaxf(all, 1);
}

static size_t nearest_cell(const struct table_grid *grid, const struct area *line) {
    size_t best = 0;
    float least = INFINITY, least_apart = INFINITY;
    for (size_t i = 0; i < grid->count; i++) {
        float apart = INFINITY;
        if (!grid->cells[i].seen) {
            continue;
        }
        float unlike = distance(line, &grid->cells[i], &apart);
        if (unlike < least || (!(unlike > least) && apart < least_apart)) {
            best = i;
            least = unlike;
            least_apart = apart;
        }
    }
    return best;
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
        filling->cell_of[i] = nearest_cell(filling->grid, &area);
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

/*
 * Rows from first to before end of the table become a region's cells. A head that is repeated is cut into cells as the
 * first one is, which the network has seen better.
 */
static void make_cells(const struct filling *filling, uint32_t first, uint32_t end, struct region *region) {
    const struct table_grid *grid = filling->grid;
    region->rows = end - first;
    region->columns = grid->columns;
    region->cells = alloc(grid->count, sizeof(*region->cells));
    for (size_t i = 0; i < grid->count; i++) {
        const struct table_cell *cell = &grid->cells[i];
        if (cell->row == 0 || (cell->row > first && cell->row < end)) {
            const char *text = filling->texts[i].data;
            region->cells[region->cell_count++] = (struct cell){.row = cell->row == 0 ? 0 : cell->row - first,
                                                                .column = cell->column,
                                                                .rows = cell->rows,
                                                                .columns = cell->columns,
                                                                .text = copy_string(text ? text : "")};
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
    make_cells(filling, first, end, region);
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

/* A region that the models found, with all its lines. */
static void put_found(struct arranging *arranging, uint32_t index) {
    const struct found *found = &arranging->findings->list[index];
    arranging->done[index] = true;
    if (found->grid.count > 0) {
        put_table(arranging, index);
        return;
    }
    (void)new_region(arranging->page, found->type, found->score, &found->area);
    bool first = true;
    for (size_t i = 0; i < arranging->item_count; i++) {
        if (arranging->items[i].region == index && arranging->items[i].text) {
            put_line(arranging, &arranging->items[i], first);
            first = false;
        }
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
        widen(&area, &line);
    }
    (void)new_region(arranging->page, REGION_TEXT, 0, &area);
    for (size_t i = first; i < end; i++) {
        put_line(arranging, &items[i], i == first);
    }
    return end;
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

static void put_all(struct arranging *arranging) {
    for (enum pass pass = PASS_HEADERS; pass < PASSES; pass++) {
        for (size_t i = 0; i < arranging->item_count;) {
            uint32_t index = arranging->items[i].region;
            if (pass_of(arranging, index) != pass || (index != UNCLAIMED && arranging->done[index])) {
                i++;
            } else if (index == UNCLAIMED) {
                i = put_unclaimed(arranging, i);
            } else {
                put_found(arranging, index);
                i++;
            }
        }
    }
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

void structure_arrange(struct page *page, const struct findings *findings, float width, float height) {
    if (findings->count == 0) {
        arrange_plainly(page, width, height);
        return;
    }
    size_t most = page->line_count + findings->count;
    struct line *items cleanup(drop_memory) = alloc(most, sizeof(*items));
    struct line *tables cleanup(drop_memory) = alloc(page->line_count + 1, sizeof(*tables));
    bool *done cleanup(drop_memory) = alloc(findings->count, sizeof(*done));
    struct arranging arranging = {.findings = findings,
                                  .items = items,
                                  .tables = tables,
                                  .done = done,
                                  .page = page,
                                  .width = width,
                                  .height = height};
    share_out(&arranging);
    order_lines(items, arranging.item_count);
    page->regions = alloc(most, sizeof(*page->regions));
    page->line_count = 0;
    put_all(&arranging);
}
