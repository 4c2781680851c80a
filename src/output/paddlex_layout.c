/* What PaddleX's PP-StructureV3 pipeline tells of a page. */
#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "output/markdown.h"
#include "output/paddlex.h"
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

static void add_content(const struct page *page, uint32_t place, struct buffer *to) {
    const struct region *region = &page->regions[place];
    if (region->cell_count > 0) {
        add_table(region, to);
    }
    if (region->cell_count > 0 || region->type == REGION_FIGURE) {
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

static struct json *table_of(const struct page *page, uint32_t place, double score) {
    struct json *table = json_object_new(), *lines = json_object_new();
    struct buffer html cleanup(buffer_done) = {0};
    size_t first = prose_first_line(page, place);
    add_table(&page->regions[place], &html);
    json_set(table, "cell_box_list", json_array_new()); /* cells have no places of their own */
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

static struct json *settings_of(const struct page *page, const struct paddlex_terms *terms) {
    struct json *settings = json_object_new();
    json_set_bool(settings, "use_doc_preprocessor", page->stages.runs[STAGE_ORIENT] > 0);
    json_set_bool(settings, "use_seal_recognition", false);
    json_set_bool(settings, "use_table_recognition", terms->tables);
    json_set_bool(settings, "use_formula_recognition", false);
    json_set_bool(settings, "use_chart_recognition", false);
    json_set_bool(settings, "use_region_detection", false);
    json_set_bool(settings, "format_block_content", false);
    return settings;
}

/* Pages are not joined: each begins and ends for itself. */
static struct json *markdown_of(const struct page *page, const struct paddlex_terms *terms) {
    struct json *markdown = json_object_new();
    struct buffer text cleanup(buffer_done) = {0};
    output_markdown_page(page, true, &text);
    json_set_string(markdown, "text", text.data ? text.data : "");
    if (terms->images) {
        json_set(markdown, "images", json_object_new());
    }
    json_set_bool(markdown, "isStart", true);
    json_set_bool(markdown, "isEnd", true);
    return markdown;
}

struct json *paddlex_layout_page(const struct page *page, const struct paddlex_terms *terms) {
    struct page upright cleanup(upright_done) = {0};
    upright_of(page, &upright);
    for (size_t i = 0; i < upright.region_count && !terms->tables; i++) {
        upright.regions[i].cell_count = 0;
    }
    struct json *result = json_object_new(), *pruned = json_object_new(), *turn = paddlex_turn(page);
    json_set(pruned, "model_settings", settings_of(page, terms));
    json_set(pruned, "parsing_res_list", blocks_of(&upright));
    if (turn) {
        json_set(pruned, "doc_preprocessor_res", turn);
    }
    json_set(pruned, "layout_det_res", layout_of(&upright));
    json_set(pruned, "overall_ocr_res", paddlex_lines(&upright, terms));
    add_tables(pruned, &upright, terms->score);
    json_set(result, "prunedResult", pruned);
    json_set(result, "markdown", markdown_of(&upright, terms));
    return result;
}
