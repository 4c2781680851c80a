#include "pipeline/part/parts.h"

#include "base/memory.h"
#include "pipeline/part/formula.h"
#include "pipeline/part/seal.h"

static int read_formula(const struct hand *hand, const struct image *page, struct stages *stages, struct found *found) {
    char *latex cleanup(drop_memory) = NULL;
    int result = formula_read(hand, page, &found->area, stages, &latex);
    if (result != 0 || !*latex) {
        return result;
    }
    const struct area *area = &found->area;
    found->lines = alloc(1, sizeof(*found->lines));
    found->lines[0] = (struct line){.text = take(latex),
                                    .score = found->score, /* the network tells none */
                                    .quad = {{{area->left, area->top},
                                              {area->right, area->top},
                                              {area->right, area->bottom},
                                              {area->left, area->bottom}}}};
    found->line_count = 1;
    found->formula = true;
    return 0;
}

static int read_seal(const struct hand *hand, const struct image *page, struct stages *stages, struct found *found) {
    return seal_read(hand, page, &found->area, stages, &found->lines, &found->line_count);
}

/* What is read so, and by what. */
static const struct part_kind {
    enum region_type type;
    enum stage_switch stage;
    enum role role, also; /* whose models it takes */
    int (*read)(const struct hand *hand, const struct image *page, struct stages *stages, struct found *found);
    const char *name; /* of several */
} kinds[] = {
    {REGION_EQUATION, SWITCH_FORMULA, ROLE_FORMULA, ROLE_FORMULA, read_formula, "formulas"},
    {REGION_SEAL, SWITCH_SEAL, ROLE_SEAL, ROLE_RECOGNISE, read_seal, "seals"},
    /* PP-Chart2Table is a language model that sees, of which there is no graph that an engine here could run. */
    {REGION_CHART, SWITCH_CHART, ROLE_COUNT, ROLE_COUNT, NULL, "charts"},
};

static const struct part_kind *kind_of(enum region_type type) {
    for (size_t i = 0; i < array_length(kinds); i++) {
        if (kinds[i].type == type) {
            return &kinds[i];
        }
    }
    return NULL;
}

void parts_done(struct parts *parts) {
    free(parts->list);
    *parts = (struct parts){0};
}

void parts_choose(const struct hand *hand, const struct findings *findings, struct parts *ret) {
    struct parts parts = {.list = alloc(findings->count + 1, sizeof(*parts.list))};
    for (size_t i = 0; i < findings->count; i++) {
        const struct part_kind *kind = kind_of(findings->list[i].type);
        if (!kind || hand->off & 1U << kind->stage) {
            continue;
        }
        if (kind->read && hand_spec(hand, kind->role) && hand_spec(hand, kind->also)) {
            parts.list[parts.count++] = (struct part){.kind = kind, .found = i};
        } else {
            parts.left[kind->stage]++;
        }
    }
    *ret = parts;
}

static bool lies_in(const struct quad *box, const struct area *area) {
    float x = (box->corner[0].x + box->corner[2].x) / 2, y = (box->corner[0].y + box->corner[2].y) / 2;
    return x >= area->left && x < area->right && y >= area->top && y < area->bottom;
}

void parts_claim(const struct parts *parts, const struct findings *findings, struct quad *boxes, size_t *count) {
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        bool claimed = false;
        for (size_t k = 0; k < parts->count && !claimed; k++) {
            claimed = lies_in(&boxes[i], &findings->list[parts->list[k].found].area);
        }
        if (!claimed) {
            boxes[kept++] = boxes[i];
        }
    }
    *count = kept;
}

int parts_read(const struct hand *hand, const struct image *page, struct parts *parts, size_t index,
               struct findings *findings) {
    struct part *part = &parts->list[index];
    return part->kind->read(hand, page, &part->stages, &findings->list[part->found]);
}

void parts_tell(const struct parts *parts, struct page *page) {
    for (size_t i = 0; i < parts->count; i++) {
        stages_add(&page->stages, &parts->list[i].stages);
    }
    for (size_t i = 0; i < array_length(kinds); i++) {
        uint32_t left = parts->left[kinds[i].stage];
        if (left > 0) {
            char *warning cleanup(drop_memory) =
                format("%s was left out: there is no model for it; %s on the page: %u, kept as picture and text",
                       switch_word(kinds[i].stage), kinds[i].name, left);
            page_warn(page, warning);
        }
    }
}
