/* Results of tasks and pages, in the format that is asked for. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/inside.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

/* Formats */

/* Whether a range of types ("text/" and a star, for example) has a type. */
static bool range_has(const char *range, size_t length, const char *type) {
    const char *slash = memchr(range, '/', length);
    if (length == 3 && strncmp(range, "*/*", 3) == 0) {
        return true;
    }
    if (slash && length == (size_t)(slash - range) + 2 && slash[1] == '*') {
        return strncasecmp(range, type, (size_t)(slash - range) + 1) == 0;
    }
    return strncasecmp(range, type, length) == 0 && (type[length] == '\0' || type[length] == ';');
}

/* The weight of a range, from its parameters: 0 to 1. */
static double weight_of(const char *range, size_t length) {
    for (const char *at = range; (at = memchr(at, ';', length - (size_t)(at - range)));) {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, "q=", 2) == 0) {
            return strtod(at + 2, NULL);
        }
    }
    return 1;
}

int api_choose_type(const char *accept, const char *const types[]) {
    int best = -1;
    double best_weight = 0;
    for (int i = 0; types[i]; i++) {
        for (const char *range = accept; *range;) {
            range += strspn(range, " \t,");
            size_t length = strcspn(range, ","), name = strcspn(range, ",; \t");
            double weight = length > 0 ? weight_of(range, length) : 0;
            if (name > 0 && weight > 0 && weight >= best_weight && range_has(range, name, types[i])) {
                best = i;
                best_weight = weight;
            }
            range += length;
        }
    }
    return best;
}

static int choose_type(const char *accept, const struct output **ret) {
    const char *types[8] = {NULL};
    for (size_t i = 0; outputs[i].word && i + 1 < array_length(types); i++) {
        types[i] = outputs[i].type;
    }
    int place = api_choose_type(accept, types);
    if (place < 0) {
        return fail(ERR_NOT_ACCEPTABLE, "\"%.80s\"", accept);
    }
    *ret = &outputs[place];
    return 0;
}

int api_choose_output(const struct http_request *request, const struct output **ret, bool *ret_words) {
    const char *word = http_query(request, "format"), *accept = http_header(request, "Accept"),
               *words = http_query(request, "words");
    const struct output *chosen = output_of(word ? word : "json");
    if (!chosen) {
        return fail(ERR_BAD_REQUEST, "format: \"%.40s\" is none of text, json, markdown, html, hocr, alto", word);
    }
    if (words && strcmp(words, "true") != 0 && strcmp(words, "false") != 0) {
        return fail(ERR_BAD_REQUEST, "words: \"%.40s\" is neither true nor false", words);
    }
    int result = !word && accept && *accept ? choose_type(accept, &chosen) : 0;
    *ret = chosen;
    *ret_words = words && strcmp(words, "true") == 0;
    return result;
}

/* The result of a task, page by page from the store */

struct result_stream {
    struct api *api;
    const struct output *output;
    struct task_row row;
    uint32_t page; /* the last one sent */
    bool words, headed;
};

static void add_head(const struct result_stream *stream, struct buffer *to) {
    const struct task_row *row = &stream->row;
    char unnamed[] = "document";
    struct result result = {.name = row->name ? row->name : unnamed,
                            .format = row->format,
                            .bytes = (uint64_t)row->bytes,
                            .page_total = (uint32_t)row->document_pages,
                            .complete = row->state == TASK_DONE,
                            .seconds = row->seconds,
                            .engine = row->engine};
    struct stages sum = {0};
    struct json *timings cleanup(json_drop) = NULL, *warnings cleanup(json_drop) = NULL;
    if (row->timings && json_parse(row->timings, strlen(row->timings), &timings) == 0 &&
        stages_from_json(timings, &sum) != 0) {
        sum = (struct stages){0};
    }
    if (row->warnings && json_parse(row->warnings, strlen(row->warnings), &warnings) == 0) {
        for (const struct json *one = json_first(warnings); one; one = json_next(one)) {
            result_warn(&result, json_as_string(one) ? json_as_string(one) : "");
        }
    }
    if (stream->output->head) {
        stream->output->head(&result, &sum, to);
    }
    result.name = result.format = result.engine = NULL; /* the row's */
    result_done(&result);
}

/* The text of a page that we have written ourselves: what cannot be read of it is damage. */
static int add_page(const struct output *output, const char *text, size_t length, bool words, bool first,
                    struct buffer *to) {
    struct json *json cleanup(json_drop) = NULL;
    struct page page cleanup(page_done) = {0};
    int result = json_parse(text, length, &json);
    result = result ? result : page_from_json(json, &page);
    if (result != 0) {
        return fail(ERR_STORE_DAMAGED, "a page's result: %s", error_detail());
    }
    output_page(output, &page, words, first, to);
    return 0;
}

/* A task that is removed while its result is sent has no pages any more. */
static bool is_there(const struct result_stream *stream) {
    struct task_row row cleanup(task_row_done) = {0};
    return tasks_find(stream->api->tasks, stream->row.id, &row) == 0;
}

static enum http_next next_piece(void *context, struct buffer *to) {
    struct result_stream *stream = context;
    char *text cleanup(drop_memory) = NULL;
    size_t length = 0;
    uint32_t page = 0, before = stream->page;
    if (before == UINT32_MAX) {
        return HTTP_END;
    }
    if (!stream->headed) {
        stream->headed = true;
        add_head(stream, to);
    }
    if (tasks_read_after(stream->api->tasks, &stream->row, before, &page, &text, &length) != 0 ||
        (page > 0 && add_page(stream->output, text, length, stream->words, before == 0, to) != 0)) {
        return HTTP_CUT;
    }
    if (page == 0 && !is_there(stream)) {
        return HTTP_CUT;
    }
    stream->page = page > 0 ? page : UINT32_MAX;
    if (page == 0 && stream->output->tail) {
        stream->output->tail(to);
    }
    return to->length > 0 ? HTTP_MORE : page > 0 ? next_piece(stream, to) : HTTP_END;
}

static void end_pieces(void *context) {
    struct result_stream *stream = context;
    task_row_done(&stream->row);
    free(stream);
}

/* Why there is no result, of a task that has ended without a page; of one that goes on. */
static int refuse_result(const struct task_row *row) {
    if (!task_state_is_over(row->state)) {
        return fail(ERR_NOT_READY, "the task is %s", task_state_word(row->state));
    }
    return fail(row->error ? error_from_word(row->error) : ERR_NOT_FOUND, "%s", row->detail ? row->detail : "");
}

void api_result(void *context, struct http_request *request) {
    struct api *api = context;
    struct task_row row cleanup(task_row_done) = {0};
    const struct output *output = NULL;
    bool words = false;
    int result = api_choose_output(request, &output, &words);
    result = result ? result : api_find(api, request, http_argument(request, 0), &row);
    if (result == 0 && (!task_state_is_over(row.state) || row.result_bytes == 0)) {
        result = refuse_result(&row);
    }
    if (result != 0 || !output) {
        http_answer_problem(request, result, error_detail());
        return;
    }
    struct result_stream *pieces = alloc(1, sizeof(*pieces));
    *pieces = (struct result_stream){.api = api, .output = output, .row = row, .words = words};
    row = (struct task_row){0};
    const struct http_stream stream = {.next = next_piece, .end = end_pieces, .context = pieces};
    http_set_header(request, "Octavo-Complete", pieces->row.state == TASK_DONE ? "true" : "false");
    http_answer_stream(request, 200, output->type, &stream);
}

/* One page */

static int read_number(const char *text, uint32_t *ret) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*text < '1' || *text > '9' || *end || value > INT32_MAX || strlen(text) > 10) {
        return fail(ERR_NOT_FOUND, "page \"%.40s\"", text);
    }
    *ret = (uint32_t)value;
    return 0;
}

void api_page(void *context, struct http_request *request) {
    struct api *api = context;
    struct task_row row cleanup(task_row_done) = {0};
    struct buffer body = {0};
    const struct output *output = NULL;
    char *text cleanup(drop_memory) = NULL;
    size_t length = 0;
    uint32_t page = 0;
    bool words = false;
    int result = api_choose_output(request, &output, &words);
    result = result ? result : read_number(http_argument(request, 1), &page);
    result = result ? result : api_find(api, request, http_argument(request, 0), &row);
    result = result ? result : tasks_read_page(api->tasks, &row, page, &text, &length);
    result = result ? result : add_page(output, text, length, words, true, &body);
    if (result != 0 || !output) {
        http_answer_problem(request, result, error_detail());
    } else {
        buffer_add_string(&body, output->head ? "\n" : "");
        http_answer(request, 200, output->type, &body);
    }
}
