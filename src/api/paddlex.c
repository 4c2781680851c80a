/* Documents that come as PaddleX's clients send them, and are read at once; nothing of them is kept. */
#include "api/paddlex.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/inside.h"
#include "api/sieve.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

struct paddlex {
    struct request_state state;
    struct fetch fetch;
    struct api *api;
    struct http_request *request;
    struct sieve *sieve; /* until all has come */
    struct paddlex_request wanted;
    struct charge charge;
    int fd; /* the document; -1 before its first bytes */
    bool fetching;
    int error; /* of the fetch, with its detail */
    char *detail;
    struct direct direct;
    struct albums albums;
    size_t told; /* pages of the answer */
    bool ended;
};

/* Beginning and end */

/* Also where the client went away before all had come, or while it is fetched or read. */
static void end_paddlex(struct api *api, struct request_state *state) {
    struct paddlex *paddlex = (struct paddlex *)state;
    if (paddlex->fetching) {
        fetches_leave(api->fetches, &paddlex->fetch);
    }
    if (paddlex->direct.request) {
        api->host.end_direct(api->host.context, &paddlex->direct);
        free(paddlex->direct.detail);
    }
    albums_done(&paddlex->albums);
    drop_fd(&paddlex->fd);
    sieve_drop(&paddlex->sieve);
    paddlex_request_done(&paddlex->wanted);
    charge_release(&paddlex->charge);
    free(paddlex->detail);
    free(paddlex);
}

/* The file is made when its first bytes come. */
static int write_document(void *context, const char *bytes, size_t length) {
    struct paddlex *paddlex = context;
    int result = paddlex->fd < 0 ? blobs_scratch(tasks_blobs(paddlex->api->tasks), &paddlex->fd) : 0;
    return result ? result : blobs_write(paddlex->fd, bytes, length);
}

static int check_head(const struct api *api, const struct http_request *request) {
    const char *type = http_header(request, "Content-Type");
    if (api->host.is_draining(api->host.context)) {
        return fail(ERR_DRAINING, "%s", "");
    }
    return type && strncasecmp(type, "multipart/", strlen("multipart/")) == 0
               ? fail(ERR_MEDIA_TYPE, "\"%.80s\", application/json is expected", type)
               : 0;
}

void api_paddlex_begin(void *context, struct http_request *request) {
    struct api *api = context;
    struct paddlex *paddlex = alloc(1, sizeof(*paddlex));
    *paddlex = (struct paddlex){.state.end = end_paddlex, .api = api, .request = request, .fd = -1};
    paddlex->wanted.layout = http_route(request)->answer == api_paddlex_layout;
    const struct sieve_sink sink = {.write = write_document, .context = paddlex};
    paddlex->sieve = sieve_new(&sink);
    http_set_state(request, paddlex);
    int result = check_head(api, request);
    result = result ? result : charge_take(api, &paddlex->charge, http_client(request), http_body_bytes(request));
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
    }
}

int api_paddlex_part(void *context, struct http_request *request, const struct http_part *part) {
    struct paddlex *paddlex = http_state(request);
    (void)context;
    return sieve_add(paddlex->sieve, part->bytes, part->length);
}

/* Fetching */

static int take_fetched(struct fetch *fetch, const char *bytes, size_t length) {
    struct paddlex *paddlex = (struct paddlex *)((char *)fetch - offsetof(struct paddlex, fetch));
    return write_document(paddlex, bytes, length);
}

static void fetch_over(struct fetch *fetch, int error, const char *detail) {
    struct paddlex *paddlex = (struct paddlex *)((char *)fetch - offsetof(struct paddlex, fetch));
    paddlex->fetching = false;
    paddlex->error = error;
    paddlex->detail = copy_string(detail);
    http_wake(paddlex->request);
}

/* All has come: what is wanted of it, and the document itself where its URL came. */
static int complete(struct paddlex *paddlex) {
    struct json *object cleanup(json_drop) = NULL;
    struct sieve *sieve cleanup(sieve_drop) = take(paddlex->sieve);
    struct api *api = paddlex->api;
    const char *url = sieve_url(sieve);
    if (sieve_end(sieve, &object) != 0) {
        object = NULL; /* which is told as PaddleX does */
    }
    int result = paddlex_request_read(object, url, api->paddlex_pages, &paddlex->wanted);
    if (result == 0 && url) {
        paddlex->fetch = (struct fetch){.receive = take_fetched, .over = fetch_over};
        result = fetches_begin(api->fetches, url, &paddlex->fetch);
        paddlex->fetching = result == 0;
    }
    return result;
}

static int begin_reading(struct paddlex *paddlex) {
    struct api *api = paddlex->api;
    if (paddlex->fd < 0) {
        return fail(ERR_EMPTY, "%s", "");
    }
    paddlex->direct = (struct direct){.api = api,
                                      .request = paddlex->request,
                                      .fd = paddlex->fd,
                                      .wish = &paddlex->wanted.wish,
                                      .since = clock_now()};
    int result = api->host.begin_direct(api->host.context, &paddlex->direct);
    if (result != 0) {
        paddlex->direct.request = NULL;
    }
    return result;
}

/* The answer, a page at a time */

static void add_head(const struct paddlex *paddlex, struct buffer *to) {
    struct json *id cleanup(json_drop) = json_object_new();
    char *own cleanup(drop_memory) = paddlex_log_id();
    json_set_string(id, "logId", paddlex->wanted.log_id ? paddlex->wanted.log_id : own);
    char *text cleanup(drop_memory) = json_text(id, false);
    buffer_add(to, text, strlen(text) - 1); /* the brace stays open */
    buffer_add_format(to, ",\"result\":{\"%s\":[", paddlex->wanted.layout ? "layoutParsingResults" : "ocrResults");
}

static int add_page(const struct paddlex *paddlex, const struct page *page, struct buffer *to) {
    struct json *json cleanup(json_drop) = NULL;
    int result = (paddlex->wanted.layout ? paddlex_layout_page : paddlex_ocr_page)(page, &paddlex->wanted.terms,
                                                                                   &paddlex->albums, &json);
    if (result != 0) {
        return result;
    }
    char *text cleanup(drop_memory) = json_text(json, false);
    buffer_add_string(to, paddlex->told > 0 ? ",\n" : "\n");
    buffer_add_string(to, text);
    return 0;
}

static struct json *size_of(const struct page *page) {
    struct json *size = json_object_new();
    json_set_int(size, "width", page->width);
    json_set_int(size, "height", page->height);
    return size;
}

static struct json *document_of(const struct paddlex *paddlex, const struct result *result) {
    if (paddlex->wanted.file_type == PADDLEX_IMAGE) {
        struct json *image = size_of(&result->pages[0]);
        json_set_string(image, "type", "image");
        return image;
    }
    struct json *pdf = json_object_new(), *pages = json_array_new();
    for (size_t i = 0; i < result->page_count; i++) {
        json_append(pages, size_of(&result->pages[i]));
    }
    json_set_int(pdf, "numPages", (int64_t)result->page_count);
    json_set_int(pdf, "totalPages", result->page_total);
    json_set(pdf, "pages", pages);
    json_set_string(pdf, "type", "pdf");
    return pdf;
}

static void add_tail(const struct paddlex *paddlex, struct buffer *to) {
    struct json *document cleanup(json_drop) = document_of(paddlex, &paddlex->direct.job->result);
    char *text cleanup(drop_memory) = json_text(document, false);
    buffer_add_format(to, "\n],\"dataInfo\":%s},\"errorCode\":0,\"errorMsg\":\"Success\"}\n", text);
}

static enum http_next next_piece(void *context, struct buffer *to) {
    struct paddlex *paddlex = context;
    const struct result *result = &paddlex->direct.job->result;
    if (paddlex->ended) {
        return HTTP_END;
    }
    if (paddlex->told == 0) {
        add_head(paddlex, to);
    }
    if (add_page(paddlex, &result->pages[paddlex->told], to) != 0) {
        return HTTP_CUT;
    }
    paddlex->ended = ++paddlex->told == result->page_count;
    if (paddlex->ended) {
        add_tail(paddlex, to);
    }
    return HTTP_MORE;
}

/* The request's own end lets go of all. */
static void end_pieces(void *context) { (void)context; }

/* Pictures that could not be made are left out, of pages that were all read. */
static void answer(struct paddlex *paddlex) {
    const struct direct *direct = &paddlex->direct;
    const struct http_stream stream = {.next = next_piece, .end = end_pieces, .context = paddlex};
    if (direct->error != 0 && !(direct->job && direct->job->result.complete)) {
        http_answer_problem(paddlex->request, direct->error, direct->detail);
        return;
    }
    int result = edition_albums(direct->job, &paddlex->albums);
    if (result != 0) {
        http_answer_problem(paddlex->request, result, error_detail());
    } else if (direct->job->result.page_count == 0) {
        http_answer_problem(paddlex->request, ERR_NO_PAGES, "");
    } else {
        http_answer_stream(paddlex->request, 200, "application/json", &stream);
    }
}

/* All has come, it was fetched, or it was read. */
static void go_on(struct http_request *request) {
    struct paddlex *paddlex = http_state(request);
    if (paddlex->direct.over) {
        answer(paddlex);
        return;
    }
    int result = paddlex->sieve ? complete(paddlex) : paddlex->error ? fail(paddlex->error, "%s", paddlex->detail) : 0;
    if (result == 0 && !paddlex->fetching && !paddlex->direct.request) {
        result = begin_reading(paddlex);
    }
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
    } else {
        http_wait(request, INT64_MAX);
    }
}

void api_paddlex_ocr(void *context, struct http_request *request) {
    (void)context;
    go_on(request);
}

void api_paddlex_layout(void *context, struct http_request *request) {
    (void)context;
    go_on(request);
}
