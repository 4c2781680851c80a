#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/daemon/inside.h"
#include "http/request_id.h"
#include "http/route.h"

enum {
    POST_BYTES = 8 * 1024,       /* of a multipart body: names of parts, and what is passed on at a time */
    PASSED_OVER_BYTES = 8 << 20, /* of a refused body: read so that the client finds the answer, not a broken pipe */
};

/* Looking at a request */

const char *http_id(const struct http_request *request) { return request->id; }
const struct http_route *http_route(const struct http_request *request) { return request->route; }
const char *http_argument(const struct http_request *request, int index) { return request->arguments[index]; }
int64_t http_body_bytes(const struct http_request *request) { return request->body_bytes; }
void *http_state(const struct http_request *request) { return request->state; }
void *http_client(const struct http_request *request) { return request->client; }
void http_set_client(struct http_request *request, void *client) { request->client = client; }
void http_set_retry_after(struct http_request *request, int64_t seconds) { request->retry_after = seconds; }
void http_set_state(struct http_request *request, void *state) { request->state = state; }

const char *http_header(const struct http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection->mhd, MHD_HEADER_KIND, name);
}

const char *http_query(const struct http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection->mhd, MHD_GET_ARGUMENT_KIND, name);
}

struct query_walk {
    int (*each)(void *context, const char *name, const char *value);
    void *context;
    int result;
};

static enum MHD_Result walk_query(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct query_walk *walk = context;
    (void)kind;
    walk->result = walk->each(walk->context, name, value ? value : "");
    return walk->result == 0 ? MHD_YES : MHD_NO;
}

int http_each_query(const struct http_request *request, int (*each)(void *context, const char *name, const char *value),
                    void *context) {
    struct query_walk walk = {.each = each, .context = context};
    MHD_get_connection_values(request->connection->mhd, MHD_GET_ARGUMENT_KIND, walk_query, &walk);
    return walk.result;
}

/* Waiting */

void http_wait(struct http_request *request, int64_t until) {
    request->waiting = true;
    request->wait_until = until;
}

void http_hold(struct http_request *request) {
    http_wait(request, INT64_MAX);
    request->held = true;
}

void http_wake(struct http_request *request) {
    request->waiting = false;
    if (request->suspended) {
        request->suspended = false;
        MHD_resume_connection(request->connection->mhd);
    }
}

bool http_has_waited(struct http_request *request) {
    bool timed_out = request->timed_out;
    request->timed_out = false;
    return timed_out;
}

void request_suspend(struct http_request *request) {
    request->suspended = true;
    MHD_suspend_connection(request->connection->mhd);
}

/* The life of a request */

static enum MHD_Result count_length(void *count, enum MHD_ValueKind kind, const char *name, const char *value) {
    (void)kind, (void)value;
    *(int *)count += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    return MHD_YES;
}

/* The size of the body, bounded before any of it is read. Of two, a proxy in front may have taken the other one. */
static int measure_body(struct http_request *request) {
    const char *length = http_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH),
               *unmeasured = http_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    int count = 0;
    MHD_get_connection_values(request->connection->mhd, MHD_HEADER_KIND, count_length, &count);
    if (unmeasured || count > 1) {
        request->body_bytes = INT64_MAX;
        return unmeasured ? fail(ERR_LENGTH_REQUIRED, "it comes with Transfer-Encoding")
                          : fail(ERR_BAD_REQUEST, "there is more than one Content-Length");
    }
    request->body_bytes = length ? strtoll(length, NULL, 10) : 0; /* libmicrohttpd has refused what is no number */
    bool taken = request->route && request->route->takes_body;
    int64_t limit = taken ? request->http->options.body_limit : PASSED_OVER_BYTES;
    long long bytes = (long long)request->body_bytes;
    return bytes > limit ? fail(ERR_BODY_TOO_LARGE, "%lld bytes, the limit is %lld", bytes, (long long)limit) : 0;
}

static enum MHD_Result take_post(void *context, enum MHD_ValueKind kind, const char *name, const char *file_name,
                                 const char *type, const char *encoding, const char *bytes, uint64_t offset,
                                 size_t length) {
    struct http_request *request = context;
    (void)kind, (void)type, (void)encoding;
    const struct http_part part = {
        .name = name ? name : "", .file_name = file_name, .bytes = bytes, .length = length, .offset = offset};
    if (request->error == 0) {
        request->error = request->route->part(request->http->options.context, request, &part);
        request->error_detail = request->error ? copy_string(error_detail()) : NULL;
    }
    return MHD_YES;
}

/* Only multipart/form-data is taken apart; whatever else is said of a body, it is the document itself. */
static int begin_body(struct http_request *request) {
    const char *type = http_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    if (!type || strncasecmp(type, "multipart/", strlen("multipart/")) != 0) {
        return 0;
    }
    const char form[] = "multipart/form-data";
    if (strncasecmp(type, form, strlen(form)) == 0) {
        request->post = MHD_create_post_processor(request->connection->mhd, POST_BYTES, take_post, request);
    }
    return request->post ? 0 : fail(ERR_MEDIA_TYPE, "\"%.80s\", multipart/form-data with a boundary is expected", type);
}

static void begin(struct http_request *request, const char *method, const char *path) {
    struct http *http = request->http;
    struct buffer allowed cleanup(buffer_done) = {0};
    int error = 0;
    method = strcmp(method, "HEAD") == 0 ? "GET" : method; /* libmicrohttpd leaves the body out */
    request->route = route_find(http->options.routes, method, path, request->arguments, &allowed, &error);
    if (error == ERR_METHOD) {
        http_set_header(request, MHD_HTTP_HEADER_ALLOW, allowed.data);
    }
    const struct http_route *route = request->route;
    int measured = measure_body(request);
    error = error == 0 && http->options.admit ? http->options.admit(http->options.context, request) : error;
    error = error ? error : measured;
    if (error == 0 && route->query) {
        error = http_each_query(request, route_check_parameter, (void *)(uintptr_t)route);
    }
    error = error == 0 && route->takes_body ? begin_body(request) : error;
    if (error != 0) {
        http_answer_problem(request, error, error_detail());
    } else if (route->begin) {
        route->begin(http->options.context, request);
    }
    request->uploading = request->body_bytes > 0 && route && route->takes_body && !request->response;
    http->counts.uploads += request->uploading;
}

static enum MHD_Result send_answer(struct http_request *request) {
    struct http *http = request->http;
    http->counts.answers[request->status / 100 % 6]++;
    request->answered = true;
    http->counts.answering++;
    if (http->quiet) {
        MHD_add_response_header(request->response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    return MHD_queue_response(request->connection->mhd, (unsigned)request->status, request->response);
}

static void take_body(struct http_request *request, const char *bytes, size_t length) {
    uint64_t offset = (uint64_t)request->body_taken;
    request->body_taken += (int64_t)length;
    if (request->response || request->error || !request->route->takes_body) {
        return; /* passed over */
    }
    if (!request->post) {
        take_post(request, MHD_POSTDATA_KIND, "file", NULL, NULL, NULL, bytes, offset, length);
    } else if (MHD_post_process(request->post, bytes, length) != MHD_YES) {
        request->error = fail(ERR_BAD_REQUEST, "the multipart body is malformed");
        request->error_detail = copy_string(error_detail());
    }
}

static void end_upload(struct http_request *request) {
    request->http->counts.uploads -= request->uploading;
    request->uploading = false;
    if (request->post) {
        bool whole = MHD_destroy_post_processor(request->post) == MHD_YES;
        request->post = NULL;
        if (!whole && !request->error) {
            request->error = fail(ERR_BAD_REQUEST, "the multipart body has no end");
            request->error_detail = copy_string(error_detail());
        }
    }
}

/* All has come, or it was woken. */
static enum MHD_Result finish(struct http_request *request) {
    struct http *http = request->http;
    if (http->closing || request->connection->gone) {
        return MHD_NO;
    }
    end_upload(request);
    request->waiting = request->held = false;
    if (!request->response && request->error) {
        http_answer_problem(request, request->error, request->error_detail);
    } else if (!request->response) {
        request->route->answer(http->options.context, request);
    }
    if (request->response) {
        return send_answer(request);
    }
    if (!request->waiting) {
        http_answer_problem(request, ERR_INTERNAL, "a request was not answered");
        return send_answer(request);
    }
    request_suspend(request);
    return MHD_YES;
}

/* For people: without what could steer a terminal or look like another field of a line. */
static void show(const char *text, size_t most, char *ret) {
    size_t length = 0;
    for (; text[length] && length < most; length++) {
        ret[length] = text[length] > 0x20 && text[length] < 0x7F ? text[length] : '?';
    }
    ret[length] = '\0';
}

static void tell_end(const struct http_request *request, bool complete) {
    const struct http_options *options = &request->http->options;
    request->http->counts.answering -= request->answered;
    bool has_body = request->answered && strcmp(request->method, "HEAD") != 0;
    const struct http_end end = {.method = request->method,
                                 .path = request->path,
                                 .status = request->answered ? request->status : HTTP_NO_ANSWER,
                                 .bytes = has_body ? request->sent : 0,
                                 .complete = request->answered && complete,
                                 .nanoseconds = clock_now() - request->begun,
                                 .peer = request->connection->peer};
    if (options->over) {
        options->over(options->context, request, &end);
    }
}

static struct connection *connection_of(struct MHD_Connection *mhd) {
    return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

enum MHD_Result request_handle(void *context, struct MHD_Connection *mhd, const char *path, const char *method,
                               const char *version, const char *bytes, size_t *length, void **state) {
    struct http_request *request = *state;
    (void)version;
    if (request && *length > 0) {
        take_body(request, bytes, *length);
        *length = 0;
        return MHD_YES;
    }
    if (request) {
        return request->answered ? MHD_YES : finish(request);
    }
    request = alloc(1, sizeof(*request));
    *request = (struct http_request){
        .http = context, .connection = connection_of(mhd), .begun = clock_now(), .taken_at_end = -1};
    *state = request;
    request->connection->request = request;
    request->http->counts.requests++;
    show(method, METHOD_SHOWN, request->method);
    show(path, PATH_SHOWN, request->path);
    request_id_choose(http_header(request, "X-Request-Id"), request->id);
    begin(request, method, path);
    /* Who asks first is answered at once; who sends a small body anyhow finds the answer behind it. */
    bool at_once = request->body_bytes > PASSED_OVER_BYTES || http_header(request, MHD_HTTP_HEADER_EXPECT);
    return request->response && at_once ? send_answer(request) : MHD_YES;
}

void request_completed(void *context, struct MHD_Connection *mhd, void **state,
                       enum MHD_RequestTerminationCode reason) {
    struct http_request *request = *state;
    (void)context, (void)mhd;
    if (!request) {
        return;
    }
    end_upload(request);
    tell_end(request, reason == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    if (request->route && request->route->end) {
        request->route->end(request->http->options.context, request);
    }
    request->connection->request = NULL;
    request->connection->since = clock_now();
    if (request->response) {
        MHD_destroy_response(request->response);
    }
    for (int i = 0; i < HTTP_ARGUMENTS; i++) {
        free(request->arguments[i]);
    }
    buffer_done(&request->headers);
    free(request->error_detail);
    free(request);
    *state = NULL;
}
