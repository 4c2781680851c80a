#include "pipeline/table/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pipeline/area.h"

enum { MOST_CELLS = 4096, MOST_COLUMNS = 256, MOST_SPAN = 100 };

#define SPANS(side)                                                                                                    \
    " " side "span=\"2\"", " " side "span=\"3\"", " " side "span=\"4\"", " " side "span=\"5\"", " " side "span=\"6\"", \
        " " side "span=\"7\"", " " side "span=\"8\"", " " side "span=\"9\"", " " side "span=\"10\"",                   \
        " " side "span=\"11\"", " " side "span=\"12\"", " " side "span=\"13\"", " " side "span=\"14\"",                \
        " " side "span=\"15\"", " " side "span=\"16\"", " " side "span=\"17\"", " " side "span=\"18\"",                \
        " " side "span=\"19\"", " " side "span=\"20\""

/* The words that PaddleOCR trains all of them with, for files that name none. */
static const char *const usual_words[] = {"<thead>", "</thead>", "<tbody>", "</tbody>",   "<tr>",       "</tr>",
                                          "<td",     ">",        "</td>",   SPANS("col"), SPANS("row"), "<td></td>"};

/* Tokens to cells: where the next cell goes. */
struct building {
    struct table_cell *cells; /* room for MOST_CELLS */
    size_t count;
    uint32_t rows;                /* begun */
    uint32_t column;              /* next in the row */
    bool open;                    /* a <td whose attributes are read */
    uint32_t reach[MOST_COLUMNS]; /* row before which a column is taken by cells above */
};

static void begin_row(struct building *building) {
    building->rows++;
    building->column = 0;
    building->open = false;
}

/* A cell in the next free column; its span is known when it ends. */
static void begin_cell(struct building *building, const struct area *area) {
    if (building->rows == 0) {
        begin_row(building);
    }
    uint32_t row = building->rows - 1;
    while (building->column < MOST_COLUMNS && building->reach[building->column] > row) {
        building->column++;
    }
    if (building->count < MOST_CELLS && building->column < MOST_COLUMNS) {
        building->cells[building->count++] = (struct table_cell){
            .row = row, .column = building->column, .rows = 1, .columns = 1, .area = *area, .seen = true};
        building->open = true;
    }
}

static void end_cell(struct building *building) {
    if (!building->open) {
        return;
    }
    struct table_cell *cell = &building->cells[building->count - 1];
    uint32_t columns = 0;
    while (columns < cell->columns && cell->column + columns < MOST_COLUMNS &&
           building->reach[cell->column + columns] <= cell->row) {
        building->reach[cell->column + columns++] = cell->row + cell->rows;
    }
    cell->columns = columns;
    building->column = cell->column + columns;
    building->open = false;
}

/* The number in  colspan="3"; 1 for anything else. */
static uint32_t span_in(const char *word) {
    const char *quote = strchr(word, '"');
    long span = quote ? strtol(quote + 1, NULL, 10) : 1;
    return span >= 1 && span <= MOST_SPAN ? (uint32_t)span : 1;
}

static void take_word(struct building *building, const char *word, const struct area *area) {
    if (strcmp(word, "<tr>") == 0) {
        end_cell(building);
        begin_row(building);
    } else if (strncmp(word, "<td", 3) == 0) {
        end_cell(building);
        begin_cell(building, area);
        if (strcmp(word, "<td") != 0) {
            end_cell(building);
        }
    } else if (building->open && strncmp(word, " colspan", 8) == 0) {
        building->cells[building->count - 1].columns = span_in(word);
    } else if (building->open && strncmp(word, " rowspan", 8) == 0) {
        building->cells[building->count - 1].rows = span_in(word);
    } else if (strcmp(word, ">") == 0) {
        end_cell(building);
    }
}

/* Cuts what reaches below the last row, and fills what no cell covers. */
static void close_grid(struct building *building, struct table_grid *grid) {
    for (size_t i = 0; i < building->count; i++) {
        struct table_cell *cell = &building->cells[i];
        uint32_t below = building->rows - cell->row;
        cell->rows = cell->rows < below ? cell->rows : below;
        grid->columns = cell->column + cell->columns > grid->columns ? cell->column + cell->columns : grid->columns;
    }
    grid->rows = building->count > 0 ? building->cells[building->count - 1].row + 1 : 0;
    size_t slots = (size_t)grid->rows * grid->columns;
    bool *taken cleanup(drop_memory) = alloc(slots + 1, sizeof(*taken));
    grid->cells = alloc(building->count + slots + 1, sizeof(*grid->cells));
    for (size_t i = 0; i < building->count; i++) {
        struct table_cell *cell = &building->cells[i];
        cell->rows = cell->row + cell->rows > grid->rows ? grid->rows - cell->row : cell->rows;
        grid->cells[grid->count++] = *cell;
        for (uint32_t row = cell->row; row < cell->row + cell->rows; row++) {
            for (uint32_t column = cell->column; column < cell->column + cell->columns; column++) {
                taken[(size_t)row * grid->columns + column] = true;
            }
        }
    }
    for (size_t slot = 0; slot < slots; slot++) {
        if (!taken[slot]) {
            grid->cells[grid->count++] = (struct table_cell){.row = (uint32_t)(slot / grid->columns),
                                                             .column = (uint32_t)(slot % grid->columns),
                                                             .rows = 1,
                                                             .columns = 1};
        }
    }
}

static struct area area_at(const float *corners, float side, struct point origin, float scale) {
    struct area area = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (size_t i = 0; i < 4; i++) {
        float x = origin.x + corners[2 * i] * side * scale, y = origin.y + corners[2 * i + 1] * side * scale;
        area = (struct area){fminf(area.left, x), fminf(area.top, y), fmaxf(area.right, x), fmaxf(area.bottom, y)};
    }
    return area;
}

/* The output whose rows are areas, or the one of tokens; NULL if there is none. */
static const struct tensor *output_of(const struct outputs *outputs, size_t classes) {
    for (int i = 0; i < outputs->count; i++) {
        const struct tensor *tensor = &outputs->tensor[i];
        if (tensor->rank == 3 && tensor->shape[0] == 1 && (size_t)tensor->shape[2] == classes) {
            return tensor;
        }
    }
    return NULL;
}

static size_t best_of(const float *row, size_t count) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        best = row[i] > row[best] ? i : best;
    }
    return best;
}

int network_decode(const struct outputs *outputs, const char *const *words, size_t word_count, float side,
                   struct point origin, float scale, struct table_grid *ret) {
    size_t classes = word_count + 2;
    const struct tensor *areas = output_of(outputs, 8), *tokens = output_of(outputs, classes);
    if (!areas || !tokens || areas->shape[1] != tokens->shape[1]) {
        return fail(ERR_BAD_MODEL, "it does not give areas and one of %zu tokens for each step", classes);
    }
    struct building *building cleanup(drop_memory) = alloc(1, sizeof(*building));
    struct table_cell *room cleanup(drop_memory) = alloc(MOST_CELLS, sizeof(*room));
    building->cells = room;
    float sum = 0;
    size_t count = 0;
    for (size_t step = 0; step < (size_t)tokens->shape[1]; step++) {
        const float *row = tokens->data + step * classes;
        size_t best = best_of(row, classes);
        if (best == classes - 1 && step > 0) {
            break;
        }
        if (best > 0 && best < classes - 1) {
            struct area area = area_at(areas->data + step * 8, side, origin, scale);
            take_word(building, words[best - 1], &area);
            sum += row[best];
            count++;
        }
    }
    end_cell(building);
    struct table_grid grid = {.score = count > 0 ? sum / (float)count : 0};
    close_grid(building, &grid);
    table_grid_sort(&grid);
    *ret = grid;
    return 0;
}

/* The part of the page, scaled so that its longer side is side. */
static int scale_part(const struct image *part, uint32_t side, struct image *ret, float *ret_scale) {
    uint32_t longer = part->width > part->height ? part->width : part->height;
    float scale = (float)longer / (float)side;
    uint32_t width = (uint32_t)fmaxf(1, fminf((float)side, (float)part->width / scale));
    uint32_t height = (uint32_t)fmaxf(1, fminf((float)side, (float)part->height / scale));
    *ret_scale = scale;
    return image_scale(part, width, height, ret);
}

static int decode_run(const struct hand_run *run, struct point corner, float scale, struct table_grid *ret) {
    const struct model *model = model_of(&run->handle);
    const struct model_spec *spec = model->spec;
    bool named = model->character_count > 0;
    int result = network_decode(&run->run.output, named ? (const char *const *)model->characters : usual_words,
                                named ? model->character_count : array_length(usual_words), (float)spec->long_side,
                                corner, scale, ret);
    ret->unplaced = !spec->places;
    return result == 0 ? 0 : fail(result, "model %s: %s", spec->id, error_detail());
}

int network_find(const struct hand *hand, enum role role, const struct image *page, const struct area *area,
                 struct stages *stages, struct table_grid *ret) {
    const struct model_spec *spec = hand_spec(hand, role);
    *ret = (struct table_grid){0};
    if (!spec) {
        return 0;
    }
    struct point corner;
    struct image part = area_view(page, area, &corner);
    struct image scaled cleanup(image_done) = {0};
    struct hand_run run cleanup(hand_run_end) = {0};
    float scale = 1;
    int64_t start = clock_now();
    int result = scale_part(&part, spec->long_side, &scaled, &scale);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    result =
        result ? result : hand_run(hand, role, STAGE_TABLE, &scaled, spec->long_side, spec->long_side, stages, &run);
    if (result != 0) {
        return result;
    }
    start = clock_now();
    result = decode_run(&run, corner, scale, ret);
    stage_add(stages, STAGE_REGIONS, clock_seconds(clock_now() - start), 0);
    return result;
}
