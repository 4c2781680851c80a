#include "output/joining.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define EDGE 0.08F /* of the page's height: what stands there belongs to the page, not to its text */
#define SAME 0.03F /* of the page's width: edges so near are the same */
#define NONE SIZE_MAX
enum { MOST_PAGES = 64, MOST_HEAD = 3 /* rows: more that are alike are no head */ };

/* Where a region is on the upright page, in parts of its width and height. */
struct place {
    float left, top, right, bottom;
};

static struct point upright(const struct page *page, struct point point) {
    float x = point.x / (float)page->width, y = point.y / (float)page->height;
    switch (page->angle) {
    case 90:
        return (struct point){y, 1 - x};
    case 180:
        return (struct point){1 - x, 1 - y};
    case 270:
        return (struct point){1 - y, x};
    default:
        return (struct point){x, y};
    }
}

static struct place place_of(const struct page *page, size_t region) {
    struct place place = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        struct point point = upright(page, page->regions[region].quad.corner[i]);
        place = (struct place){fminf(place.left, point.x), fminf(place.top, point.y), fmaxf(place.right, point.x),
                               fmaxf(place.bottom, point.y)};
    }
    return place;
}

/* Whether a region is no part of the text that runs from page to page. */
static bool is_margin(const struct page *page, size_t region) {
    enum region_type type = page->regions[region].type;
    struct place place = place_of(page, region);
    return type == REGION_HEADER || type == REGION_FOOTER || place.bottom < EDGE || place.top > 1 - EDGE;
}

/* The table that all else on the page comes after; NONE. */
static size_t first_table(const struct page *page) {
    for (size_t i = 0; i < page->region_count; i++) {
        if (page->regions[i].cell_count > 0) {
            return i;
        }
        if (!is_margin(page, i)) {
            return NONE;
        }
    }
    return NONE;
}

/* The table that comes after all else. */
static size_t last_table(const struct page *page) {
    for (size_t i = page->region_count; i > 0; i--) {
        if (page->regions[i - 1].cell_count > 0) {
            return i - 1;
        }
        if (!is_margin(page, i - 1)) {
            return NONE;
        }
    }
    return NONE;
}

static void add_cell(struct region *table, const struct cell *cell, uint32_t row) {
    table->cells = resize(table->cells, table->cell_count + 1, sizeof(*table->cells));
    struct cell *copy = &table->cells[table->cell_count++];
    *copy = *cell;
    copy->row = row;
    copy->text = copy_string(cell->text);
}

static struct region copy_table(const struct region *table) {
    struct region copy = *table;
    copy.cells = NULL;
    copy.cell_count = 0;
    for (size_t i = 0; i < table->cell_count; i++) {
        add_cell(&copy, &table->cells[i], table->cells[i].row);
    }
    return copy;
}

static bool same_cell(const struct cell *a, const struct cell *b) {
    return a->row == b->row && a->column == b->column && a->rows == b->rows && a->columns == b->columns &&
           strcmp(a->text, b->text) == 0;
}

/* How many of the first rows are a head that says the same in both tables; no cell of it goes on below. */
static uint32_t repeated_rows(const struct region *a, const struct region *b) {
    uint32_t rows = 0, below = 0;
    for (size_t i = 0; i < a->cell_count && i < b->cell_count && same_cell(&a->cells[i], &b->cells[i]); i++) {
        const struct cell *cell = &a->cells[i];
        below = cell->row + cell->rows > below ? cell->row + cell->rows : below;
        bool ends = i + 1 == b->cell_count || b->cells[i + 1].row > cell->row;
        rows = ends && below == cell->row + 1 && below < b->rows && below <= MOST_HEAD ? below : rows;
    }
    return rows;
}

static void append(struct region *table, const struct region *part) {
    uint32_t repeated = repeated_rows(table, part);
    for (size_t i = 0; i < part->cell_count; i++) {
        if (part->cells[i].row >= repeated) {
            add_cell(table, &part->cells[i], table->rows + part->cells[i].row - repeated);
        }
    }
    table->rows += part->rows - repeated;
}

/* The table of the page after number that goes on with one of so many columns at place; NONE. */
static size_t going_on(const struct page *page, uint32_t number, uint32_t columns, const struct place *place) {
    size_t first = page && page->number == number + 1 ? first_table(page) : NONE;
    if (first == NONE || page->regions[first].columns != columns) {
        return NONE;
    }
    struct place next = place_of(page, first);
    return fabsf(next.left - place->left) < SAME && fabsf(next.right - place->right) < SAME ? first : NONE;
}

/* Looks at the pages after that of table, and adds what they have of it if it is to be whole. */
static int follow(const struct page_source *source, uint32_t number, struct place place, uint32_t pages, bool whole,
                  struct region *table) {
    for (; pages < MOST_PAGES; pages++, number++) {
        const struct page *page = NULL;
        int result = source->next(source->context, number, &page);
        size_t part = result == 0 ? going_on(page, number, table->columns, &place) : NONE;
        if (part == NONE) {
            return result;
        }
        table->continues = true;
        if (!whole) {
            return 0;
        }
        append(table, &page->regions[part]);
        if (last_table(page) != part) {
            return 0;
        }
        place = place_of(page, part);
    }
    return 0;
}

void joining_done(struct joining *joining) {
    for (size_t i = 0; i < joining->view.region_count; i++) {
        free(joining->regions[i].picture);
    }
    free(joining->regions);
    region_done(&joining->joined);
    *joining = (struct joining){0};
}

/* Copies the regions, which the flags are for. */
static void make_view(struct joining *joining, const struct page *page) {
    joining->view = *page;
    joining->regions = alloc(page->region_count + 1, sizeof(*joining->regions));
    if (page->region_count > 0) {
        memcpy(joining->regions, page->regions, page->region_count * sizeof(*joining->regions));
    }
    joining->view.regions = joining->regions;
}

int joining_next(struct joining *joining, const struct page_source *source, uint32_t number, bool whole,
                 const struct page **ret) {
    const struct page *page = NULL;
    int result = source->next(source->context, number, &page);
    uint32_t expected = joining->expected, pages = joining->pages;
    joining_done(joining);
    if (result != 0 || !page) {
        *ret = NULL;
        return result;
    }
    size_t first = expected == page->number ? first_table(page) : NONE, last = last_table(page);
    bool through = last != NONE && first == last; /* it came from the page before, and may go on */
    joining->pages = through ? pages + 1 : 1;
    if (last != NONE) {
        joining->joined = copy_table(&page->regions[last]);
        result =
            follow(source, page->number, place_of(page, last), joining->pages, whole && !through, &joining->joined);
        result = result ? result : source->next(source->context, number, &page);
    }
    if (result != 0 || !page) {
        *ret = NULL;
        return result;
    }
    make_view(joining, page);
    if (last != NONE) {
        joining->regions[last] = joining->joined;
        joining->expected = joining->joined.continues ? page->number + 1 : 0;
    }
    if (first != NONE) {
        joining->regions[first].continued = true;
    }
    *ret = &joining->view;
    return 0;
}
