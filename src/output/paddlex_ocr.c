/* What PaddleX's OCR pipeline tells of a page. */
#include <math.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/memory.h"
#include "output/paddlex.h"
#include "output/place.h"
#include "output/upright.h"

struct json *paddlex_box(const struct page *upright, const struct quad *quad) {
    const struct box box = box_of_quad(upright, quad);
    const long sides[] = {box.left, box.top, box.right, box.bottom};
    struct json *list = json_array_new();
    for (size_t i = 0; i < array_length(sides); i++) {
        json_append_real(list, (double)sides[i], 0);
    }
    return list;
}

static bool is_upside_down(const struct line *line) { return fabsf(line->angle) > 135; }

/* From the corner that is top left on the page, whichever way the text runs. */
static struct json *polygon_of(const struct page *upright, const struct line *line) {
    struct json *polygon = json_array_new();
    int first = is_upside_down(line) ? 2 : 0;
    for (int i = 0; i < 4; i++) {
        const struct point *corner = &line->quad.corner[(first + i) % 4];
        struct json *point = json_array_new();
        json_append_real(point, (double)place_within(corner->x, upright->width), 0);
        json_append_real(point, (double)place_within(corner->y, upright->height), 0);
        json_append(polygon, point);
    }
    return polygon;
}

void paddlex_add_read(struct json *object, const struct page *upright, size_t first, size_t end, double score) {
    struct json *texts = json_array_new(), *scores = json_array_new(), *polygons = json_array_new(),
                *boxes = json_array_new();
    for (size_t i = first; i < end; i++) {
        const struct line *line = &upright->lines[i];
        if ((double)line->score >= score) {
            json_append_string(texts, line->text);
            json_append_real(scores, (double)line->score, 4);
            json_append(polygons, polygon_of(upright, line));
            json_append(boxes, paddlex_box(upright, &line->quad));
        }
    }
    json_set(object, "rec_texts", texts);
    json_set(object, "rec_scores", scores);
    json_set(object, "rec_polys", polygons);
    json_set(object, "rec_boxes", boxes);
}

static void add_words(struct json *object, const struct page *upright, double score) {
    struct json *all_texts = json_array_new(), *all_boxes = json_array_new();
    for (size_t i = 0; i < upright->line_count; i++) {
        const struct line *line = &upright->lines[i];
        if ((double)line->score < score) {
            continue;
        }
        struct json *texts = json_array_new(), *boxes = json_array_new();
        for (size_t k = 0; k < word_total(line); k++) {
            const struct word word = word_at(line, k);
            char *text cleanup(drop_memory) = copy_bytes(line->text + word.start, word.length);
            json_append_string(texts, text);
            json_append(boxes, paddlex_box(upright, &word.quad));
        }
        json_append(all_texts, texts);
        json_append(all_boxes, boxes);
    }
    json_set(object, "text_word", all_texts);
    json_set(object, "text_word_boxes", all_boxes);
}

/* 1: the line stood on its head; -1: nobody looked. */
static struct json *line_angles(const struct page *upright) {
    struct json *list = json_array_new();
    bool looked = upright->stages.runs[STAGE_CLASSIFY] > 0;
    for (size_t i = 0; i < upright->line_count; i++) {
        json_append_real(list, !looked ? -1 : is_upside_down(&upright->lines[i]) ? 1 : 0, 0);
    }
    return list;
}

/* Octavo finds lines in its own way: null says that none of these took part. */
static struct json *detection(void) {
    static const char *const keys[] = {"limit_side_len", "limit_type", "thresh",
                                       "max_side_limit", "box_thresh", "unclip_ratio"};
    struct json *object = json_object_new();
    for (size_t i = 0; i < array_length(keys); i++) {
        json_set_string(object, keys[i], NULL);
    }
    return object;
}

struct json *paddlex_turn(const struct page *page) {
    if (page->stages.runs[STAGE_ORIENT] + page->stages.runs[STAGE_UNWARP] == 0) {
        return NULL;
    }
    struct json *turn = json_object_new(), *settings = json_object_new();
    json_set_bool(settings, "use_doc_orientation_classify", page->stages.runs[STAGE_ORIENT] > 0);
    json_set_bool(settings, "use_doc_unwarping", page->stages.runs[STAGE_UNWARP] > 0);
    json_set(turn, "model_settings", settings);
    json_set_int(turn, "angle", page->angle);
    return turn;
}

struct json *paddlex_lines(const struct page *upright, const struct paddlex_terms *terms) {
    struct json *lines = json_object_new(), *settings = json_object_new(), *polygons = json_array_new();
    json_set_bool(settings, "use_doc_preprocessor",
                  upright->stages.runs[STAGE_ORIENT] + upright->stages.runs[STAGE_UNWARP] > 0);
    json_set_bool(settings, "use_textline_orientation", upright->stages.runs[STAGE_CLASSIFY] > 0);
    json_set(lines, "model_settings", settings);
    for (size_t i = 0; i < upright->line_count; i++) {
        json_append(polygons, polygon_of(upright, &upright->lines[i]));
    }
    json_set(lines, "dt_polys", polygons);
    json_set(lines, "text_det_params", detection());
    json_set_string(lines, "text_type", "general");
    if (upright->line_count > 0) {
        json_set(lines, "textline_orientation_angles", line_angles(upright));
    }
    json_set_real(lines, "text_rec_score_thresh", terms->score, 4);
    json_set_bool(lines, "return_word_box", terms->words);
    paddlex_add_read(lines, upright, 0, upright->line_count, terms->score);
    if (terms->words) {
        add_words(lines, upright, terms->score);
    }
    return lines;
}

int paddlex_set_picture(struct json *object, const char *key, const struct album *album, uint32_t page,
                        uint32_t region) {
    const struct album_entry *entry = album ? album_find(album, page, region) : NULL;
    struct buffer picture cleanup(buffer_done) = {0}, text cleanup(buffer_done) = {0};
    int result = entry ? album_read(album, entry, &picture) : 0;
    if (entry && result == 0) {
        base64_add(picture.data, picture.length, &text);
        json_set_string(object, key, text.data);
    }
    return result;
}

int paddlex_ocr_page(const struct page *page, const struct paddlex_terms *terms, const struct albums *albums,
                     struct json **ret) {
    struct page upright cleanup(upright_done) = {0};
    upright_of(page, &upright);
    struct json *answer cleanup(json_drop) = json_object_new();
    struct json *pruned = paddlex_lines(&upright, terms), *turn = paddlex_turn(page);
    if (turn) {
        json_set(pruned, "doc_preprocessor_res", turn);
    }
    json_set(answer, "prunedResult", pruned);
    int result = paddlex_set_picture(answer, "ocrImage", albums->pictures, page->number, 0);
    if (result == 0) {
        *ret = take(answer);
    }
    return result;
}
