/* Results of tasks and pages, in the format that is asked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
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

static int choose_type(const char *accept, struct selection *selection) {
    const char *types[OUTPUT_MOST + 1] = {NULL};
    for (size_t i = 0; outputs[i].word; i++) {
        types[i] = outputs[i].type;
    }
    int place = api_choose_type(accept, types);
    if (place < 0) {
        return fail(ERR_NOT_ACCEPTABLE, "\"%.80s\"", accept);
    }
    selection->outputs[0] = &outputs[place];
    return 0;
}

int api_choose_output(const struct http_request *request, struct selection *ret) {
    const char *formats = http_query(request, "format"), *accept = http_header(request, "Accept"),
               *words = http_query(request, "words");
    if (words && strcmp(words, "true") != 0 && strcmp(words, "false") != 0) {
        return fail(ERR_BAD_REQUEST, "words: \"%.40s\" is neither true nor false", words);
    }
    struct selection selection;
    int result = selection_read(formats ? formats : "json", words && strcmp(words, "true") == 0, &selection);
    result = result ? result : selection_expect_file(&selection, 1);
    result = result == 0 && !formats && accept && *accept ? choose_type(accept, &selection) : result;
    if (result == 0) {
        *ret = selection;
    }
    return result;
}

/* Files */

struct file_stream {
    int fd;
    off_t at;
};

static enum http_next next_chunk(void *context, struct buffer *to) {
    struct file_stream *stream = context;
    char chunk[65536];
    ssize_t got;
    do {
        got = pread(stream->fd, chunk, sizeof(chunk), stream->at);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got == 0 ? HTTP_END : HTTP_CUT;
    }
    buffer_add(to, chunk, (size_t)got);
    stream->at += got;
    return HTTP_MORE;
}

static void end_chunks(void *context) {
    struct file_stream *stream = context;
    drop_fd(&stream->fd);
    free(stream);
}

void api_answer_file(struct http_request *request, const char *type, int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        fail(ERR_STORE, "%s", strerror(errno));
        http_answer_problem(request, ERR_STORE, error_detail());
        return;
    }
    struct file_stream *file = alloc(1, sizeof(*file));
    *file = (struct file_stream){.fd = copy};
    const struct http_stream stream = {.next = next_chunk, .end = end_chunks, .context = file};
    http_answer_stream(request, 200, type, &stream);
}

/* The result of a task, page by page from the store */

struct result_stream {
    struct api *api;
    struct http_request *request;
    struct task_row row;
    struct result head; /* all but the pages, some of it the row's */
    struct stages sum;
    struct page page; /* that was read last */
    struct albums albums;
    struct writer *writer;
};

/* What the row tells of the document. */
static void read_head(struct result_stream *stream) {
    static char unnamed[] = "document";
    const struct task_row *row = &stream->row;
    stream->head = (struct result){.name = row->name ? row->name : unnamed,
                                   .format = row->format,
                                   .bytes = (uint64_t)row->bytes,
                                   .page_total = (uint32_t)row->document_pages,
                                   .complete = row->state == TASK_DONE,
                                   .seconds = row->seconds,
                                   .engine = row->engine};
    struct json *timings cleanup(json_drop) = NULL, *warnings cleanup(json_drop) = NULL;
    if (row->timings && json_parse(row->timings, strlen(row->timings), &timings) == 0 &&
        stages_from_json(timings, &stream->sum) != 0) {
        stream->sum = (struct stages){0};
    }
    if (row->warnings && json_parse(row->warnings, strlen(row->warnings), &warnings) == 0) {
        for (const struct json *one = json_first(warnings); one; one = json_next(one)) {
            result_warn(&stream->head, json_as_string(one) ? json_as_string(one) : "");
        }
    }
}

static void end_pieces(void *context) {
    struct result_stream *stream = context;
    writer_drop(&stream->writer);
    page_done(&stream->page);
    albums_done(&stream->albums);
    stream->head.name = stream->head.format = stream->head.engine = NULL; /* the row's */
    result_done(&stream->head);
    task_row_done(&stream->row);
    free(stream);
}

/* Takes a page that we have written ourselves: what cannot be read of it is damage. */
static int take_page(struct result_stream *stream, const char *text, size_t length) {
    struct json *json cleanup(json_drop) = NULL;
    page_done(&stream->page);
    stream->page = (struct page){0};
    int result = json_parse(text, length, &json);
    result = result ? result : page_from_json(json, &stream->page);
    return result ? fail(ERR_STORE_DAMAGED, "a page's result: %s", error_detail()) : 0;
}

/* A task that is removed while its result is sent has no pages any more. */
static bool is_there(const struct result_stream *stream) {
    struct task_row row cleanup(task_row_done) = {0};
    return tasks_find(stream->api->tasks, stream->row.id, &row) == 0;
}

static int next_stored(void *context, uint32_t number, const struct page **ret) {
    struct result_stream *stream = context;
    char *text cleanup(drop_memory) = NULL;
    size_t length = 0;
    uint32_t page = 0;
    int result = tasks_read_after(stream->api->tasks, &stream->row, number, &page, &text, &length);
    if (result == 0 && page == 0 && !is_there(stream)) {
        result = fail(ERR_NOT_FOUND, "the task was removed");
    }
    result = result == 0 && page > 0 ? take_page(stream, text, length) : result;
    if (result == 0) {
        *ret = page > 0 ? &stream->page : NULL;
    }
    return result;
}

enum http_next api_next_piece(struct http_request *request, struct writer **writer, struct buffer *to) {
    bool more = *writer != NULL;
    if (more && writer_step(*writer, to, &more) != 0) {
        return HTTP_CUT;
    }
    if (!more) {
        writer_drop(writer);
    } else if (to->length == 0) {
        http_wait(request, clock_now());
        return HTTP_WAIT;
    }
    return to->length > 0 ? HTTP_MORE : HTTP_END;
}

static enum http_next next_piece(void *context, struct buffer *to) {
    struct result_stream *stream = context;
    return api_next_piece(stream->request, &stream->writer, to);
}

/* Why there is no result, of a task that has ended without a page; of one that goes on. */
static int refuse_result(const struct task_row *row) {
    if (!task_state_is_over(row->state)) {
        return fail(ERR_NOT_READY, "the task is %s", task_state_word(row->state));
    }
    return fail(row->error ? error_from_word(row->error) : ERR_NOT_FOUND, "%s", row->detail ? row->detail : "");
}

/* The row becomes the stream's; the albums too. */
static struct result_stream *stream_new(struct api *api, struct http_request *request, struct task_row *row,
                                        struct albums *albums) {
    struct result_stream *stream = alloc(1, sizeof(*stream));
    *stream = (struct result_stream){.api = api, .request = request, .row = *row, .albums = *albums};
    *row = (struct task_row){0};
    *albums = (struct albums){0};
    read_head(stream);
    return stream;
}

/* The file of what was made of a task's document. */
static int open_made(const struct api *api, const struct task_row *row, enum made made, int *ret_fd) {
    const char *option = made == MADE_PDF ? "pdf" : "png";
    int result = blobs_read_made(tasks_blobs(api->tasks), made, row->id, ret_fd);
    return result == ERR_NOT_FOUND
               ? fail(result, "%s: not made of this document; send it with the option %s=1", made_about(made), option)
               : result;
}

/* The pictures, where the selection has them; the figures, where they are shown and there are some. */
static int open_albums(const struct api *api, const struct task_row *row, const struct selection *selection,
                       bool with_figures, struct albums *ret) {
    const uint32_t pages = (uint32_t)row->document_pages;
    int pictures cleanup(drop_fd) = -1, figures cleanup(drop_fd) = -1;
    int result = 0;
    if (selection_has_made(selection, MADE_PICTURE)) {
        result = open_made(api, row, MADE_PICTURE, &pictures);
        result = result ? result : album_open(pictures, pages, &ret->pictures);
    }
    if (result == 0 && with_figures) {
        result = blobs_read_made(tasks_blobs(api->tasks), MADE_FIGURE, row->id, &figures);
        result = result == ERR_NOT_FOUND ? 0 : result ? result : album_open(figures, pages, &ret->figures);
    }
    return result;
}

static void answer_pdf(struct api *api, struct http_request *request, const struct task_row *row,
                       const struct selection *selection) {
    int fd cleanup(drop_fd) = -1;
    int result = open_made(api, row, MADE_PDF, &fd);
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
        return;
    }
    api_answer_file(request, selection_type(selection), fd);
}

void api_result(void *context, struct http_request *request) {
    struct api *api = context;
    struct task_row row cleanup(task_row_done) = {0};
    struct selection selection = {.count = 0};
    struct albums albums cleanup(albums_done) = {0};
    int result = api_choose_output(request, &selection);
    result = result ? result : api_find(api, request, http_argument(request, 0), &row);
    if (result == 0 && (!task_state_is_over(row.state) || row.result_bytes == 0)) {
        result = refuse_result(&row);
    }
    result = result ? result : selection_expect_file(&selection, (uint32_t)row.pages_done);
    bool with_figures = selection_has_figures(&selection, selection.zip);
    result = result ? result : open_albums(api, &row, &selection, with_figures, &albums);
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
        return;
    }
    http_set_header(request, "Octavo-Complete", row.state == TASK_DONE ? "true" : "false");
    if (selection_has_made(&selection, MADE_PDF)) {
        answer_pdf(api, request, &row, &selection);
        return;
    }
    struct result_stream *pieces = stream_new(api, request, &row, &albums);
    const struct page_source source = {.next = next_stored, .context = pieces, .albums = pieces->albums};
    pieces->writer = writer_new(&selection, &pieces->head, &pieces->sum, &source);
    const struct http_stream stream = {.next = next_piece, .end = end_pieces, .context = pieces};
    http_answer_stream(request, 200, selection_type(&selection), &stream);
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

/* A format whose pages can stand in a page of something else is given without its head and tail. */
static int write_page(struct result_stream *stream, const struct selection *selection, struct buffer *to) {
    const struct output *output = selection->outputs[0];
    if (output && !selection->zip && !output->page_files && !output->state) {
        output_page(output, &stream->page, selection->words, true, to);
        buffer_add_string(to, output->head ? "\n" : "");
        return 0;
    }
    struct result result = stream->head;
    result.pages = &stream->page;
    result.page_count = 1;
    return output_write(selection, &result, &stream->albums, NULL, to);
}

void api_page(void *context, struct http_request *request) {
    struct api *api = context;
    struct task_row row cleanup(task_row_done) = {0};
    struct selection selection = {.count = 0};
    struct albums albums cleanup(albums_done) = {0};
    struct buffer body = {0};
    char *text cleanup(drop_memory) = NULL;
    size_t length = 0;
    uint32_t page = 0;
    int result = api_choose_output(request, &selection);
    if (result == 0 && selection_has_made(&selection, MADE_PDF)) {
        result = fail(ERR_BAD_REQUEST, "format: a PDF is made of whole documents only");
    }
    result = result ? result : read_number(http_argument(request, 1), &page);
    result = result ? result : api_find(api, request, http_argument(request, 0), &row);
    result = result ? result : tasks_read_page(api->tasks, &row, page, &text, &length);
    bool with_figures = selection.zip && selection_has_figures(&selection, true);
    result = result ? result : open_albums(api, &row, &selection, with_figures, &albums);
    if (result == 0) {
        struct result_stream *stream = stream_new(api, request, &row, &albums);
        result = take_page(stream, text, length);
        result = result ? result : write_page(stream, &selection, &body);
        end_pieces(stream);
    }
    if (result != 0) {
        buffer_done(&body);
        http_answer_problem(request, result, error_detail());
    } else {
        http_answer(request, 200, selection_type(&selection), &body);
    }
}
