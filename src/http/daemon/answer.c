#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "http/daemon/inside.h"
#include "http/problem.h"

enum { STREAM_BYTES = 32 * 1024 };

void http_set_header(struct http_request *request, const char *name, const char *value) {
    buffer_add(&request->headers, name, strlen(name) + 1);
    buffer_add(&request->headers, value, strlen(value) + 1);
}

static void set_response(struct http_request *request, int status, const char *type, struct MHD_Response *response) {
    or_end(response);
    request->response = response;
    request->status = status;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, "X-Request-Id", request->id);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    const char *end = request->headers.data + request->headers.length;
    for (const char *name = request->headers.data; name && name < end;) {
        const char *value = name + strlen(name) + 1;
        MHD_add_response_header(response, name, value);
        name = value + strlen(value) + 1;
    }
}

void http_answer(struct http_request *request, int status, const char *type, struct buffer *body) {
    size_t length = body->length;
    char *bytes = buffer_take(body);
    request->sent = (int64_t)length;
    set_response(request, status, type, MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE));
}

static void answer_json(struct http_request *request, int status, const char *type, const struct json *json) {
    struct buffer body = {0};
    char *text cleanup(drop_memory) = json_text(json, false);
    buffer_add_string(&body, text);
    buffer_add_string(&body, "\n");
    http_answer(request, status, type, &body);
}

void http_answer_json(struct http_request *request, int status, struct json **json) {
    answer_json(request, status, "application/json", *json);
    json_drop(json);
}

/* Of the route; of one with the same path where the method is wrong. */
static const struct http_route *route_of_path(const struct http_request *request) {
    const struct http_route *route = request->route ? request->route : request->http->options.routes;
    while (!request->route && route->method && strcmp(route->path, request->path) != 0) {
        route++;
    }
    return route;
}

void http_answer_problem(struct http_request *request, int error, const char *detail) {
    int status = error_http_status(error);
    const struct http_route *route = route_of_path(request);
    struct json *problem cleanup(json_drop) =
        route->problem ? route->problem(error, detail, &status) : problem_to_json(error, detail, request->id);
    if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        const struct http_options *options = &request->http->options;
        int64_t after = request->retry_after ? request->retry_after : options->retry_after(options->context);
        char *seconds cleanup(drop_memory) = format("%lld", (long long)after);
        http_set_header(request, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    answer_json(request, status, route->problem ? "application/json" : "application/problem+json", problem);
}

/* A stream that is being sent, for libmicrohttpd's reader. */
struct sending {
    struct http_request *request;
    struct http_stream stream;
    struct buffer piece;
    size_t sent; /* of the piece */
};

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t most) {
    struct sending *sending = context;
    (void)position;
    if (sending->request->http->closing || sending->request->connection->gone) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (sending->sent == sending->piece.length) {
        buffer_done(&sending->piece);
        sending->sent = 0;
        switch (sending->stream.next(sending->stream.context, &sending->piece)) {
        case HTTP_END:
            return MHD_CONTENT_READER_END_OF_STREAM;
        case HTTP_CUT:
            return MHD_CONTENT_READER_END_WITH_ERROR;
        case HTTP_WAIT:
            request_suspend(sending->request);
            return 0;
        case HTTP_MORE:
            break;
        }
    }
    size_t rest = sending->piece.length - sending->sent, length = rest < most ? rest : most;
    memcpy(to, sending->piece.data + sending->sent, length);
    sending->sent += length;
    sending->request->sent += (int64_t)length;
    return (ssize_t)length;
}

static void end_stream(void *context) {
    struct sending *sending = context;
    sending->stream.end(sending->stream.context);
    buffer_done(&sending->piece);
    free(sending);
}

void http_answer_stream(struct http_request *request, int status, const char *type, const struct http_stream *stream) {
    struct sending *sending = alloc(1, sizeof(*sending));
    *sending = (struct sending){.request = request, .stream = *stream};
    set_response(request, status, type,
                 MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BYTES, read_stream, sending, end_stream));
}
