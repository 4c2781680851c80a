#include "pipeline/structure.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "pipeline/area.h"
#include "pipeline/layout.h"
#include "pipeline/table/choice.h"
#include "pipeline/table/network.h"

#define ALIKE 0.75F   /* regions that share more of their union are one, seen as two things */
#define FILLED 0.5F   /* part of a figure that lines take from which it is text */
#define COVERED 0.8F  /* part of a region within a table, of a line within a figure, from which it is a part of that */
enum { FILLING = 3 }; /* lines in such a figure at the least: one may be a frame, or a face */
/* A page without text and tables, but with lines in figures only: a photographed table, if a table is surely seen. */
enum { LEAST_LINES = 6 };
#define SURE_TABLE 0.9F

void findings_done(struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        struct found *found = &findings->list[i];
        table_grid_done(&found->grid);
        for (size_t k = 0; k < found->line_count; k++) {
            free(found->lines[k].text);
            free(found->lines[k].words);
        }
        free(found->lines);
    }
    free(findings->list);
    *findings = (struct findings){0};
}

static void add(struct findings *findings, const struct found *found) {
    findings->list = resize(findings->list, findings->count + 1, sizeof(*findings->list));
    findings->list[findings->count++] = *found;
}

static int find_tables(const struct hand *hand, const struct image *page, const struct quad *boxes, size_t count,
                       struct stages *stages, struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        struct found *found = &findings->list[i];
        if (found->type != REGION_TABLE) {
            continue;
        }
        int result = table_choose(hand, page, boxes, count, &found->area, stages, &found->grid);
        if (result != 0) {
            return result;
        }
        if (hand_spec(hand, ROLE_TABLE) && !table_grid_is_table(&found->grid)) {
            table_grid_done(&found->grid);
            found->type = REGION_TEXT;
        }
    }
    return 0;
}

/* Whether lines, several of them, take most of an area; they do not overlap. */
static bool is_filled(const struct area *area, const struct quad *boxes, size_t count) {
    float size = 0;
    size_t within = 0;
    for (size_t i = 0; i < count; i++) {
        struct area line = area_around(&boxes[i]), shared = area_shared(&line, area);
        size += area_size(&shared);
        within += area_part(&line, area) > COVERED;
    }
    return within >= FILLING && size > FILLED * area_size(area);
}

/* The layout takes dense small print for a figure. */
static void name_text(struct findings *findings, const struct quad *boxes, size_t count) {
    for (size_t i = 0; i < findings->count; i++) {
        struct found *found = &findings->list[i];
        if (found->type == REGION_FIGURE && is_filled(&found->area, boxes, count)) {
            found->type = REGION_TEXT;
        }
    }
}

static bool is_alike(const struct found *a, const struct found *b) {
    struct area both = area_shared(&a->area, &b->area);
    float shared = area_size(&both);
    return shared > ALIKE * (area_size(&a->area) + area_size(&b->area) - shared);
}

/* A layout model sees each class by itself: of what it sees as two things the surer stays. */
static void drop_alike(struct findings *findings) {
    size_t kept = 0;
    for (size_t i = 0; i < findings->count; i++) {
        struct found found = findings->list[i];
        size_t same = 0;
        while (same < kept && (found.type == REGION_TABLE || findings->list[same].type == REGION_TABLE ||
                               !is_alike(&findings->list[same], &found))) {
            same++;
        }
        if (same == kept) {
            findings->list[kept++] = found;
        } else if (found.score > findings->list[same].score) {
            findings->list[same] = found;
        }
    }
    findings->count = kept;
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
                      area_part(&found.area, &table->area) > COVERED;
        }
        if (!covered) {
            findings->list[kept++] = found;
        }
    }
    findings->count = kept;
}

void structure_sift(struct findings *findings, const struct quad *boxes, size_t count) {
    name_text(findings, boxes, count);
    drop_covered(findings);
    drop_alike(findings);
}

static bool has_text(const struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++) {
        enum region_type type = findings->list[i].type;
        if (type != REGION_FIGURE && type != REGION_CHART && type != REGION_SEAL) {
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
        whole.area = area_united(&whole.area, &box);
    }
    int result = network_find(hand, ROLE_TABLE, page, &whole.area, stages, &whole.grid);
    if (result != 0) {
        return result;
    }
    if (!table_grid_is_table(&whole.grid) || whole.grid.unplaced || whole.grid.rows < 2 ||
        whole.grid.score < SURE_TABLE) {
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
        struct found found = {
            .type = layout[i].type, .score = layout[i].score, .area = layout[i].area, .order = layout[i].order};
        add(&findings, &found);
    }
    bool bare = !has_text(&findings);
    result = result ? result : find_tables(hand, page, boxes, count, stages, &findings);
    structure_sift(&findings, boxes, count);
    if (result == 0 && hand_spec(hand, ROLE_LAYOUT) && count >= LEAST_LINES && bare) {
        result = try_whole(hand, page, boxes, count, stages, &findings);
    }
    if (result != 0) {
        findings_done(&findings);
        return result;
    }
    *ret = findings;
    return 0;
}
