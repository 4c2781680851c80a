#include "document/region.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "document/fields.h"

#define MOST_SPAN 100000U /* rows or columns of a table: more than any page has */

static const char *const region_words[] = {
#define REGION_TYPE(symbol, word, colour, figure) word,
#include "table/region_types.def"
#undef REGION_TYPE
};

static const uint32_t region_colours[] = {
#define REGION_TYPE(symbol, word, colour, figure) colour,
#include "table/region_types.def"
#undef REGION_TYPE
};

static const bool region_figures[] = {
#define REGION_TYPE(symbol, word, colour, figure) figure,
#include "table/region_types.def"
#undef REGION_TYPE
};

const char *region_word(enum region_type type) { return region_words[type]; }

uint32_t region_colour(enum region_type type) { return region_colours[type]; }

bool region_is_figure(const struct region *region) { return region_figures[region->type] && !region->latex; }

void region_done(struct region *region) {
    for (size_t i = 0; i < region->cell_count; i++) {
        free(region->cells[i].text);
    }
    free(region->cells);
    free(region->latex);
    free(region->picture);
    *region = (struct region){0};
}

static struct json *cell_to_json(const struct cell *cell) {
    struct json *object = json_object_new();
    json_set_int(object, "row", cell->row);
    json_set_int(object, "column", cell->column);
    json_set_int(object, "rows", cell->rows);
    json_set_int(object, "columns", cell->columns);
    json_set_string(object, "text", cell->text);
    if (cell->seen) {
        json_set(object, "polygon", quad_to_json(&cell->quad));
    }
    return object;
}

static struct json *table_to_json(const struct region *region) {
    struct json *object = json_object_new(), *cells = json_array_new();
    json_set_int(object, "rows", region->rows);
    json_set_int(object, "columns", region->columns);
    for (size_t i = 0; i < region->cell_count; i++) {
        json_append(cells, cell_to_json(&region->cells[i]));
    }
    json_set(object, "cells", cells);
    if (region->continued) {
        json_set_bool(object, "continued", true);
    }
    if (region->continues) {
        json_set_bool(object, "continues", true);
    }
    return object;
}

struct json *region_to_json(const struct region *region) {
    struct json *object = json_object_new();
    json_set_string(object, "type", region_word(region->type));
    json_set_real(object, "score", (double)region->score, 4);
    json_set(object, "polygon", quad_to_json(&region->quad));
    if (region->cell_count > 0) {
        json_set(object, "table", table_to_json(region));
    }
    if (region->latex) {
        json_set_string(object, "latex", region->latex);
    }
    return object;
}

static int type_from_json(const struct json *object, enum region_type *ret) {
    const char *word = json_string(object, "type");
    for (size_t i = 0; word && i < array_length(region_words); i++) {
        if (strcmp(word, region_words[i]) == 0) {
            *ret = (enum region_type)i;
            return 0;
        }
    }
    return bad_result("type");
}

/* The text is stored last: a cell that failed owns nothing. */
static int cell_from_json(const struct json *object, const struct region *region, struct cell *ret) {
    struct cell cell = {0};
    const char *text = json_string(object, "text");
    int result = text ? 0 : bad_result("text");
    result = result ? result : number_from_json(object, "row", 0, region->rows - 1, &cell.row);
    result = result ? result : number_from_json(object, "column", 0, region->columns - 1, &cell.column);
    result = result ? result : number_from_json(object, "rows", 1, region->rows - cell.row, &cell.rows);
    result = result ? result : number_from_json(object, "columns", 1, region->columns - cell.column, &cell.columns);
    cell.seen = json_at(object, "polygon");
    if (result == 0 && cell.seen) {
        result = quad_from_json(json_at(object, "polygon"), &cell.quad);
    }
    if (result == 0) {
        cell.text = copy_string(text);
        *ret = cell;
    }
    return result;
}

static int table_from_json(const struct json *object, struct region *region) {
    int result = number_from_json(object, "rows", 1, MOST_SPAN, &region->rows);
    result = result ? result : number_from_json(object, "columns", 1, MOST_SPAN, &region->columns);
    if (result != 0) {
        return result;
    }
    const struct json *cells = json_at(object, "cells");
    region->cells = alloc(json_length(cells), sizeof(*region->cells));
    for (const struct json *member = json_first(cells); member; member = json_next(member)) {
        result = cell_from_json(member, region, &region->cells[region->cell_count]);
        if (result != 0) {
            return result;
        }
        region->cell_count++;
    }
    return 0;
}

int region_from_json(const struct json *object, struct region *ret) {
    struct region region = {.score = (float)json_real(object, "score", -1)};
    int result = type_from_json(object, &region.type);
    if (result == 0 && !(region.score >= 0 && region.score <= 1)) {
        result = bad_result("score");
    }
    result = result ? result : quad_from_json(json_at(object, "polygon"), &region.quad);
    if (result == 0 && json_at(object, "table")) {
        result = table_from_json(json_at(object, "table"), &region);
    }
    region.latex = copy_string(json_string(object, "latex"));
    if (result != 0) {
        region_done(&region);
        return result;
    }
    *ret = region;
    return 0;
}
