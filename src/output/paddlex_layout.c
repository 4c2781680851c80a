/* What PaddleX's PP-StructureV3 pipeline tells of a page. */
#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "output/markdown.h"
#include "output/paddlex.h"
#include "output/place.h"
#include "output/prose.h"
#include "output/upright.h"

/* Labels and classes of PP-DocLayout_plus-L. */
static const struct {
    const char *label;
    int id;
    bool ordered; /* it counts among what is read one after the other */
} labels[REGION_TYPE_COUNT] = {
    [REGION_TEXT] = {"text", 2, true},           [REGION_TITLE] = {"paragraph_title", 0, true},
    [REGION_FIGURE] = {"image", 1, false},       [REGION_FIGURE_CAPTION] = {"figure_title", 6, false},
    [REGION_TABLE] = {"table", 8, false},        [REGION_TABLE_CAPTION] = {"figure_title", 6, false},
    [REGION_HEADER] = {"header", 12, false},     [REGION_FOOTER] = {"footer", 14, false},
    [REGION_REFERENCE] = {"reference", 9, true}, [REGION_EQUATION] = {"formula", 7, true},
    [REGION_SEAL] = {"seal", 15, false},         [REGION_CHART] = {"chart", 16, false},
};

/* The line after the last one of a region whose lines begin at first. */
static size_t region_end(const struct page *page, uint32_t region, size_t first) {
    size_t end = first;
    while (end < page->line_count && page->lines[end].region == region) {
        end++;
    }
    return end;
}

static void add_table(const struct region *table, struct buffer *to) {
    buffer_add_string(to, "<html><body>");
    prose_table(table, to);
    buffer_add_string(to, "</body></html>");
}

static void add_formulas(struct json *object, const struct page *page) {
    struct json *list cleanup(json_drop) = json_array_new();
    int64_t number = 0;
    for (size_t i = 0; i < page->region_count; i++) {
        if (page->regions[i].latex) {
            struct json *formula = json_object_new();
            json_set_string(formula, "rec_formula", page->regions[i].latex);
            json_set_int(formula, "formula_region_id", ++number);
            json_set(formula, "dt_polys", paddlex_box(page, &page->regions[i].quad));
            json_append(list, formula);
        }
    }
    if (number > 0) {
        json_set(object, "formula_res_list", take(list));
    }
}

static void add_content(const struct page *page, uint32_t place, struct buffer *to) {
    const struct region *region = &page->regions[place];
    if (region->cell_count > 0) {
        add_table(region, to);
    }
    if (region->cell_count > 0 || region->type == REGION_FIGURE || region->type == REGION_CHART) {
        return;
    }
    for (size_t at = prose_first_line(page, place), end = region_end(page, place, at); at < end;) {
        struct buffer block cleanup(buffer_done) = {0};
        at = prose_block(page, at, &block);
        buffer_add_string(to, to->length > 0 ? "\n" : "");
        buffer_add_string(to, block.data);
    }
}

static const char *label_of(const struct page *page, uint32_t place) {
    const struct region *region = &page->regions[place];
    size_t line = prose_first_line(page, place);
    bool first_rank = region->type == REGION_TITLE && line < page->line_count && prose_level(page, line) == 1;
    return first_rank ? "doc_title" : labels[region->type].label;
}

static struct json *blocks_of(const struct page *page) {
    struct json *list = json_array_new();
    int64_t order = 0;
    for (uint32_t i = 0; i < page->region_count; i++) {
        struct buffer content cleanup(buffer_done) = {0};
        struct json *block = json_object_new();
        add_content(page, i, &content);
        json_set_string(block, "block_label", label_of(page, i));
        json_set_string(block, "block_content", content.data ? content.data : "");
        json_set(block, "block_bbox", paddlex_box(page, &page->regions[i].quad));
        json_set_int(block, "block_id", i);
        if (labels[page->regions[i].type].ordered) {
            json_set_int(block, "block_order", ++order);
        } else {
            json_set_string(block, "block_order", NULL);
        }
        json_append(list, block);
    }
    return list;
}

/* Those that the layout model has seen. */
static struct json *layout_of(const struct page *page) {
    struct json *layout = json_object_new(), *boxes = json_array_new();
    for (size_t i = 0; i < page->region_count; i++) {
        const struct region *region = &page->regions[i];
        if (region->score > 0) {
            struct json *box = json_object_new();
            json_set_int(box, "cls_id", labels[region->type].id);
            json_set_string(box, "label", labels[region->type].label);
            json_set_real(box, "score", (double)region->score, 4);
            json_set(box, "coordinate", paddlex_box(page, &region->quad));
            json_append(boxes, box);
        }
    }
    json_set(layout, "boxes", boxes);
    return layout;
}

/* Row by row, those that were seen. */
static struct json *boxes_of(const struct page *page, const struct region *table) {
    struct json *list = json_array_new();
    for (size_t i = 0; i < table->cell_count; i++) {
        if (table->cells[i].seen) {
            json_append(list, paddlex_box(page, &table->cells[i].quad));
        }
    }
    return list;
}

static struct json *table_of(const struct page *page, uint32_t place, double score) {
    struct json *table = json_object_new(), *lines = json_object_new();
    struct buffer html cleanup(buffer_done) = {0};
    size_t first = prose_first_line(page, place);
    add_table(&page->regions[place], &html);
    json_set(table, "cell_box_list", boxes_of(page, &page->regions[place]));
    json_set_string(table, "pred_html", html.data);
    paddlex_add_read(lines, page, first, region_end(page, place, first), score);
    json_set(table, "table_ocr_pred", lines);
    return table;
}

static void add_tables(struct json *object, const struct page *page, double score) {
    struct json *list cleanup(json_drop) = json_array_new();
    for (uint32_t i = 0; i < page->region_count; i++) {
        if (page->regions[i].cell_count > 0) {
            json_append(list, table_of(page, i, score));
        }
    }
    if (json_first(list)) {
        json_set(object, "table_res_list", take(list));
    }
}

static void add_seals(struct json *object, const struct page *page, double score) {
    struct json *list cleanup(json_drop) = json_array_new();
    for (uint32_t i = 0; i < page->region_count && page->stages.runs[STAGE_SEAL] > 0; i++) {
        if (page->regions[i].type == REGION_SEAL) {
            struct json *seal = json_object_new();
            size_t first = prose_first_line(page, i);
            json_set_string(seal, "text_type", "seal");
            paddlex_add_read(seal, page, first, region_end(page, i, first), score);
            json_append(list, seal);
        }
    }
    if (json_first(list)) {
        json_set(object, "seal_res_list", take(list));
    }
}

static struct json *settings_of(const struct page *page, const struct paddlex_terms *terms) {
    struct json *settings = json_object_new();
    json_set_bool(settings, "use_doc_preprocessor",
                  page->stages.runs[STAGE_ORIENT] + page->stages.runs[STAGE_UNWARP] > 0);
    json_set_bool(settings, "use_seal_recognition", page->stages.runs[STAGE_SEAL] > 0);
    json_set_bool(settings, "use_table_recognition", terms->tables);
    json_set_bool(settings, "use_formula_recognition", page->stages.runs[STAGE_FORMULA] > 0);
    json_set_bool(settings, "use_chart_recognition", false);
    json_set_bool(settings, "use_region_detection", false);
    json_set_bool(settings, "format_block_content", false);
    return settings;
}

/* Regions that have figures say what these are called, as PaddleX calls them. */
static void name_figures(struct page *upright, const struct album *figures) {
    for (uint32_t i = 0; figures && i < upright->region_count; i++) {
        struct region *region = &upright->regions[i];
        if (album_find(figures, upright->number, i + 1)) {
            const struct box box = box_of_quad(upright, &region->quad);
            region->picture = format("imgs/img_in_%s_box_%ld_%ld_%ld_%ld.png", labels[region->type].label, box.left,
                                     box.top, box.right, box.bottom);
        }
    }
}

static int add_images(const struct page *upright, const struct album *figures, struct json *markdown) {
    struct json *images = json_object_new();
    int result = 0;
    json_set(markdown, "images", images);
    for (uint32_t i = 0; i < upright->region_count && result == 0; i++) {
        const char *name = upright->regions[i].picture;
        if (name && !json_at(images, name)) { /* two of one name are the same rectangle */
            result = paddlex_set_picture(images, name, figures, upright->number, i + 1);
        }
    }
    return result;
}

/* Pages are not joined: each begins and ends for itself. */
static int add_markdown(const struct page *upright, const struct paddlex_terms *terms, const struct album *figures,
                        struct json *answer) {
    struct json *markdown = json_object_new();
    struct buffer text cleanup(buffer_done) = {0};
    output_markdown_page(upright, true, &text);
    json_set(answer, "markdown", markdown);
    json_set_string(markdown, "text", text.data ? text.data : "");
    int result = terms->images ? add_images(upright, figures, markdown) : 0;
    json_set_bool(markdown, "isStart", true);
    json_set_bool(markdown, "isEnd", true);
    return result;
}

/* Where they were asked for. */
static int add_pictures(const struct page *page, const struct album *pictures, struct json *answer) {
    if (!pictures) {
        return 0;
    }
    struct json *images = json_object_new();
    json_set(answer, "outputImages", images);
    return paddlex_set_picture(images, "layout_det_res", pictures, page->number, 0);
}

static struct json *pruned_of(const struct page *page, const struct page *upright, const struct paddlex_terms *terms) {
    struct json *pruned = json_object_new(), *turn = paddlex_turn(page);
    json_set(pruned, "model_settings", settings_of(page, terms));
    json_set(pruned, "parsing_res_list", blocks_of(upright));
    if (turn) {
        json_set(pruned, "doc_preprocessor_res", turn);
    }
    json_set(pruned, "layout_det_res", layout_of(upright));
    json_set(pruned, "overall_ocr_res", paddlex_lines(upright, terms));
    add_tables(pruned, upright, terms->score);
    add_formulas(pruned, upright);
    add_seals(pruned, upright, terms->score);
    return pruned;
}

int paddlex_layout_page(const struct page *page, const struct paddlex_terms *terms, const struct albums *albums,
                        struct json **ret) {
    struct page upright cleanup(upright_done) = {0};
    struct json *answer cleanup(json_drop) = json_object_new();
    upright_of(page, &upright);
    for (size_t i = 0; i < upright.region_count && !terms->tables; i++) {
        upright.regions[i].cell_count = 0;
    }
    json_set(answer, "prunedResult", pruned_of(page, &upright, terms));
    name_figures(&upright, albums->figures);
    int result = add_markdown(&upright, terms, albums->figures, answer);
    result = result ? result : add_pictures(page, albums->pictures, answer);
    if (result == 0) {
        *ret = take(answer);
    }
    return result;
}
