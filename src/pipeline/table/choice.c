#include "pipeline/table/choice.h"

#include "base/clock.h"
#include "base/memory.h"
#include "pipeline/area.h"
#include "pipeline/table/cells.h"
#include "pipeline/table/kind.h"
#include "pipeline/table/network.h"
#include "pipeline/table/printed.h"
#include "pipeline/table/ruled.h"

#define FRAMED 0.66F /* of the lines of a table: within the rulings that are its cells */

/* What is known of a table. */
struct evidence {
    struct printed printed;
    struct rulings rulings;
    struct table_grid ruled, own, network;
    struct area ruled_area, bounds;
    bool measured; /* the network's cells are where a detector has seen them, or where they are printed */
};

static bool holds(const struct area *area, const struct area *inner) {
    float x = (inner->left + inner->right) / 2, y = (inner->top + inner->bottom) / 2;
    return x > area->left && x < area->right && y > area->top && y < area->bottom;
}

/* Rows that the network sees within the area. */
static uint32_t rows_within(const struct table_grid *grid, const struct area *area) {
    uint32_t rows = 0, last = UINT32_MAX;
    for (size_t i = 0; i < grid->count; i++) {
        const struct table_cell *cell = &grid->cells[i];
        if (cell->seen && cell->rows == 1 && cell->row != last && holds(area, &cell->area)) {
            last = cell->row;
            rows++;
        }
    }
    return rows;
}

/* Rulings are where cells end; but where the network sees more cells, not all are ruled off. */
static bool ruled_is_surer(const struct evidence *evidence) {
    size_t framed = 0;
    for (size_t i = 0; i < evidence->printed.count; i++) {
        framed += holds(&evidence->ruled_area, &evidence->printed.pieces[i].area);
    }
    return table_grid_is_table(&evidence->ruled) && (float)framed >= FRAMED * (float)evidence->printed.count &&
           evidence->ruled.columns >= evidence->network.columns &&
           evidence->ruled.rows >= rows_within(&evidence->network, &evidence->ruled_area);
}

static void take_grid(struct table_grid *from, struct table_grid *ret) {
    *ret = *from;
    *from = (struct table_grid){0};
}

/*
 * Rulings first, where they are as fine as what the network sees; none where text is printed; then what is printed,
 * where it is plain and the network contradicts it or sees no table; else the network, its cells put to where their
 * lines are unless they were measured.
 */
static void choose(struct evidence *evidence, struct area *area, struct table_grid *ret) {
    if (ruled_is_surer(evidence)) {
        *area = evidence->ruled_area;
        take_grid(&evidence->ruled, ret);
    } else if (printed_is_text(&evidence->printed, &evidence->network)) {
        *ret = (struct table_grid){0};
    } else if (!table_grid_is_table(&evidence->network) ||
               printed_is_surer(&evidence->printed, &evidence->own, &evidence->network)) {
        *area = evidence->own.count > 0 ? evidence->bounds : *area;
        take_grid(&evidence->own, ret);
    } else {
        if (!evidence->measured) {
            printed_align(&evidence->printed, &evidence->network);
        }
        take_grid(&evidence->network, ret);
    }
}

static void look(const struct image *page, const struct quad *boxes, size_t count, const struct area *area,
                 struct evidence *evidence) {
    printed_find(boxes, count, area, &evidence->printed);
    if (evidence->printed.count == 0) {
        return;
    }
    float em = evidence->printed.em;
    struct area wider = {area->left - em, area->top - em, area->right + em, area->bottom + em};
    rulings_find(page, &wider, em, &evidence->rulings);
    ruled_grid(&evidence->rulings, em, &evidence->ruled, &evidence->ruled_area);
    evidence->bounds = printed_bounds(&evidence->printed, &evidence->rulings, area);
    struct printed bounded = {0};
    printed_find(boxes, count, &evidence->bounds, &bounded);
    printed_grid(&bounded, &evidence->rulings, &evidence->own);
    printed_done(&bounded);
}

/* Whether a model is for tables of one kind. */
static bool has_kinds(const struct hand *hand) {
    return hand_spec(hand, ROLE_TABLE_RULED) || hand_spec(hand, ROLE_CELLS) || hand_spec(hand, ROLE_CELLS_OPEN);
}

/* What the models see, of which there are some for ruled tables. Cells that tile the table tell its structure too. */
static int ask_models(const struct hand *hand, const struct image *page, const struct area *area, struct stages *stages,
                      struct evidence *evidence) {
    struct table_grid *network = &evidence->network;
    struct cells cells cleanup(cells_done) = {0};
    bool ruled = table_grid_is_table(&evidence->ruled);
    int result = has_kinds(hand) ? kind_find(hand, page, area, stages, &ruled) : 0;
    result = result ? result : cells_find(hand, ruled ? ROLE_CELLS : ROLE_CELLS_OPEN, page, area, stages, &cells);
    if (result != 0) {
        return result;
    }
    cells_grid(&cells, network);
    evidence->measured = network->count > 0;
    if (!evidence->measured) {
        bool own = ruled && hand_spec(hand, ROLE_TABLE_RULED);
        result = network_find(hand, own ? ROLE_TABLE_RULED : ROLE_TABLE, page, area, stages, network);
        evidence->measured = cells.count > 0 && cells_place(&cells, network);
    }
    network->ruled = evidence->measured && ruled;
    return result;
}

/* A structure that has no place on the page is of no use. */
static void place_network(struct evidence *evidence) {
    if (evidence->network.unplaced) {
        evidence->measured = printed_place(&evidence->printed, &evidence->network);
    }
    if (evidence->network.unplaced) {
        table_grid_done(&evidence->network);
    }
}

int table_choose(const struct hand *hand, const struct image *page, const struct quad *boxes, size_t count,
                 struct area *area, struct stages *stages, struct table_grid *ret) {
    struct evidence evidence = {0};
    int64_t start = clock_now();
    look(page, boxes, count, area, &evidence);
    stage_add(stages, STAGE_REGIONS, clock_seconds(clock_now() - start), 0);
    int result = ask_models(hand, page, area, stages, &evidence);
    if (result == 0) {
        start = clock_now();
        place_network(&evidence);
        choose(&evidence, area, ret);
        stage_add(stages, STAGE_REGIONS, clock_seconds(clock_now() - start), 0);
    }
    printed_done(&evidence.printed);
    rulings_done(&evidence.rulings);
    table_grid_done(&evidence.ruled);
    table_grid_done(&evidence.own);
    table_grid_done(&evidence.network);
    return result;
}
