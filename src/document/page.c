#include "document/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "document/fields.h"
#include "document/region.h"

static const struct {
    const char *word, *about;
    int in_engine;
} stages_table[] = {
#define STAGE(symbol, word, engine, about) {word, about, engine},
#include "table/stages.def"
#undef STAGE
};

const char *stage_word(enum stage stage) { return stages_table[stage].word; }
int stage_in_engine(enum stage stage) { return stages_table[stage].in_engine; }
const char *stage_about(enum stage stage) { return stages_table[stage].about; }

void stage_add(struct stages *stages, enum stage stage, double seconds, uint32_t runs) {
    stages->seconds[stage] += seconds;
    stages->runs[stage] += runs;
}

void stages_add(struct stages *sum, const struct stages *more) {
    for (int i = 0; i < STAGE_COUNT; i++) {
        stage_add(sum, (enum stage)i, more->seconds[i], more->runs[i]);
    }
}

void page_warn(struct page *page, const char *warning) {
    page->warnings = resize(page->warnings, page->warning_count + 1, sizeof(*page->warnings));
    page->warnings[page->warning_count++] = copy_string(warning);
}

void page_done(struct page *page) {
    for (size_t i = 0; i < page->line_count; i++) {
        free(page->lines[i].text);
        free(page->lines[i].words);
    }
    for (size_t i = 0; i < page->warning_count; i++) {
        free(page->warnings[i]);
    }
    for (size_t i = 0; i < page->region_count; i++) {
        region_done(&page->regions[i]);
    }
    free(page->regions);
    free(page->lines);
    free(page->warnings);
    *page = (struct page){0};
}

size_t word_total(const struct line *line) { return line->word_count > 0 ? line->word_count : 1; }

struct word word_at(const struct line *line, size_t i) {
    if (line->word_count > 0) {
        return line->words[i];
    }
    return (struct word){.length = (uint32_t)strlen(line->text), .score = line->score, .quad = line->quad};
}

/* Writing */

static struct json *words_to_json(const struct line *line) {
    struct json *list = json_array_new();
    for (size_t i = 0; i < line->word_count; i++) {
        const struct word *word = &line->words[i];
        struct json *object = json_object_new();
        char *text cleanup(drop_memory) = copy_bytes(line->text + word->start, word->length);
        json_set_string(object, "text", text);
        json_set_real(object, "score", (double)word->score, 4);
        json_set(object, "polygon", quad_to_json(&word->quad));
        json_append(list, object);
    }
    return list;
}

static struct json *line_to_json(const struct line *line, bool words) {
    struct json *object = json_object_new();
    json_set_string(object, "text", line->text);
    json_set_real(object, "score", (double)line->score, 4);
    json_set(object, "polygon", quad_to_json(&line->quad));
    json_set_real(object, "angle", (double)line->angle, 2);
    json_set_int(object, "block", line->block);
    json_set_int(object, "row", line->row);
    json_set_int(object, "region", line->region);
    if (words) {
        json_set(object, "words", words_to_json(line));
    }
    return object;
}

struct json *stages_to_json(const struct stages *stages) {
    struct json *object = json_object_new();
    for (int i = 0; i < STAGE_COUNT; i++) {
        if (stages->runs[i] == 0 && !(stages->seconds[i] > 0)) {
            continue;
        }
        struct json *stage = json_object_new();
        json_set_real(stage, "seconds", stages->seconds[i], 6);
        json_set_int(stage, "runs", stages->runs[i]);
        json_set(object, stage_word((enum stage)i), stage);
    }
    return object;
}

struct json *page_plan_to_json(const struct page_plan *plan) {
    struct json *object = json_object_new();
    json_set_string(object, "engine", plan->engine);
    json_set_int(object, "threads", plan->threads);
    json_set_int(object, "tiles", plan->tiles);
    json_set_bool(object, "swapping", plan->swapping);
    json_set_bool(object, "reduced", plan->reduced);
    return object;
}

struct json *page_to_json(const struct page *page, bool words) {
    struct json *object = json_object_new();
    json_set_int(object, "number", page->number);
    json_set_int(object, "width", page->width);
    json_set_int(object, "height", page->height);
    json_set_real(object, "dpi", page->dpi > 0 ? (double)page->dpi : (double)NAN, 2);
    json_set_int(object, "angle", page->angle);
    struct json *lines = json_array_new();
    for (size_t i = 0; i < page->line_count; i++) {
        json_append(lines, line_to_json(&page->lines[i], words));
    }
    json_set(object, "lines", lines);
    struct json *regions = json_array_new();
    for (size_t i = 0; i < page->region_count; i++) {
        json_append(regions, region_to_json(&page->regions[i]));
    }
    json_set(object, "regions", regions);
    if (page->plan.engine[0]) {
        json_set(object, "plan", page_plan_to_json(&page->plan));
    }
    struct json *warnings = json_array_new();
    for (size_t i = 0; i < page->warning_count; i++) {
        json_append_string(warnings, page->warnings[i]);
    }
    json_set(object, "warnings", warnings);
    json_set(object, "timings", stages_to_json(&page->stages));
    return object;
}

/* Reading */

/* Bytes of the blanks, wide ones (U+3000) included, with which text begins. */
static size_t blanks(const char *text) {
    size_t length = 0;
    for (;;) {
        if (text[length] == ' ') {
            length++;
        } else if (strncmp(text + length, "\xE3\x80\x80", 3) == 0) {
            length += 3;
        } else {
            return length;
        }
    }
}

/* Where word stands in the line's text: after nothing but blanks from *at on, which becomes its end. */
static int place_word(const char *line, const char *word, size_t *at, struct word *ret) {
    size_t length = word ? strlen(word) : 0;
    *at += blanks(line + *at);
    if (length == 0 || strncmp(line + *at, word, length) != 0 || *at + length > UINT32_MAX) {
        return bad_result("word");
    }
    ret->start = (uint32_t)*at;
    ret->length = (uint32_t)length;
    *at += length;
    return 0;
}

/* On failure the caller frees what line has. */
static int words_from_json(const struct json *list, struct line *line) {
    size_t at = 0;
    line->words = alloc(json_length(list), sizeof(*line->words));
    for (const struct json *member = json_first(list); member; member = json_next(member)) {
        struct word word = {.score = (float)json_real(member, "score", -1)};
        int result = word.score >= 0 && word.score <= 1 ? 0 : bad_result("score");
        result = result ? result : place_word(line->text, json_string(member, "text"), &at, &word);
        result = result ? result : quad_from_json(json_at(member, "polygon"), &word.quad);
        if (result != 0) {
            return result;
        }
        line->words[line->word_count++] = word;
    }
    return 0;
}

/* A line that failed owns nothing. */
static int line_from_json(const struct json *object, struct line *ret) {
    struct line line = {.score = (float)json_real(object, "score", -1),
                        .angle = (float)json_real(object, "angle", 360)};
    const char *text = json_string(object, "text");
    if (!text || !*text) {
        return bad_result("text");
    }
    if (!(line.score >= 0 && line.score <= 1)) {
        return bad_result("score");
    }
    if (!(line.angle >= -180 && line.angle <= 180)) {
        return bad_result("angle");
    }
    int result = quad_from_json(json_at(object, "polygon"), &line.quad);
    result = result ? result : number_from_json(object, "block", 0, UINT32_MAX, &line.block);
    result = result ? result : number_from_json(object, "row", 0, UINT32_MAX, &line.row);
    result = result ? result : number_from_json(object, "region", 0, UINT32_MAX, &line.region);
    if (result != 0) {
        return result;
    }
    line.text = copy_string(text);
    if (json_first(json_at(object, "words"))) {
        result = words_from_json(json_at(object, "words"), &line);
    }
    if (result != 0) {
        free(line.words);
        free(line.text);
        return result;
    }
    *ret = line;
    return 0;
}

static int lines_from_json(const struct json *list, struct page *page) {
    page->lines = alloc(json_length(list), sizeof(*page->lines));
    for (const struct json *member = json_first(list); member; member = json_next(member)) {
        int result = line_from_json(member, &page->lines[page->line_count]);
        if (result != 0) {
            return result;
        }
        page->line_count++;
    }
    return 0;
}

static int regions_from_json(const struct json *list, struct page *page) {
    page->regions = alloc(json_length(list), sizeof(*page->regions));
    for (const struct json *member = json_first(list); member; member = json_next(member)) {
        int result = region_from_json(member, &page->regions[page->region_count]);
        if (result != 0) {
            return result;
        }
        page->region_count++;
    }
    for (size_t i = 0; i < page->line_count; i++) {
        if (page->lines[i].region >= page->region_count) {
            return bad_result("region");
        }
    }
    return 0;
}

int stages_from_json(const struct json *object, struct stages *ret) {
    for (int i = 0; i < STAGE_COUNT; i++) {
        const struct json *stage = json_at(object, stage_word((enum stage)i));
        if (!stage) {
            continue;
        }
        uint32_t runs = 0;
        double seconds = json_real(stage, "seconds", -1);
        int result = number_from_json(stage, "runs", 0, UINT32_MAX, &runs);
        if (result != 0 || !(seconds >= 0)) {
            return bad_result("timings");
        }
        stage_add(ret, (enum stage)i, seconds, runs);
    }
    return 0;
}

/* Absent in results of a page that no engine has seen. */
static int plan_from_json(const struct json *object, struct page_plan *ret) {
    struct page_plan plan = {.swapping = json_bool(object, "swapping", false),
                             .reduced = json_bool(object, "reduced", false)};
    const char *engine = json_string(object, "engine");
    if (!object) {
        return 0;
    }
    if (!engine || strlen(engine) >= sizeof(plan.engine)) {
        return bad_result("plan");
    }
    memcpy(plan.engine, engine, strlen(engine));
    int result = number_from_json(object, "threads", 1, 65535, &plan.threads);
    result = result ? result : number_from_json(object, "tiles", 1, 65535, &plan.tiles);
    if (result == 0) {
        *ret = plan;
    }
    return result;
}

int page_from_json(const struct json *json, struct page *ret) {
    struct page page cleanup(page_done) = {0};
    uint32_t angle = 0;
    int result = number_from_json(json, "number", 1, INT32_MAX, &page.number);
    result = result ? result : number_from_json(json, "width", 1, INT32_MAX, &page.width);
    result = result ? result : number_from_json(json, "height", 1, INT32_MAX, &page.height);
    result = result ? result : number_from_json(json, "angle", 0, 270, &angle);
    result = result ? result : angle % 90 ? bad_result("angle") : 0;
    result = result ? result : lines_from_json(json_at(json, "lines"), &page);
    result = result ? result : regions_from_json(json_at(json, "regions"), &page);
    result = result ? result : stages_from_json(json_at(json, "timings"), &page.stages);
    result = result ? result : plan_from_json(json_at(json, "plan"), &page.plan);
    if (result != 0) {
        return result;
    }
    double dpi = json_real(json, "dpi", 0);
    page.dpi = dpi > 0 && dpi < 1e6 ? (float)dpi : 0;
    page.angle = (int)angle;
    const struct json *warnings = json_at(json, "warnings");
    for (const struct json *member = json_first(warnings); member; member = json_next(member)) {
        if (json_as_string(member)) {
            page_warn(&page, json_as_string(member));
        }
    }
    *ret = page;
    page = (struct page){0};
    return 0;
}
