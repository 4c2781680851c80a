/* Server-sent events: what the store keeps of a task, told as it comes. An event's id counts up within its task. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

static const int64_t SECOND = 1000000000;
enum { QUIET_SECONDS = 15, MOST_AT_ONCE = 64 };

struct event_stream {
    struct api *api;
    struct http_request *request;
    struct watcher watcher;
    int64_t number; /* of the task */
    int64_t last;   /* event that was sent */
};

struct telling {
    struct event_stream *stream;
    struct buffer *to;
    int count;
};

static bool tell(void *context, const struct task_event *event) {
    struct telling *telling = context;
    struct json *data cleanup(json_drop) = json_object_new();
    char *at cleanup(drop_memory) = clock_text(event->at);
    json_set_string(data, "task", telling->stream->watcher.id);
    json_set_string(data, "at", at);
    if (event->page > 0) {
        json_set_int(data, "page", event->page);
    }
    char *text cleanup(drop_memory) = json_text(data, false);
    buffer_add_format(telling->to, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)event->number, event->kind, text);
    telling->stream->last = event->number;
    return ++telling->count < MOST_AT_ONCE;
}

/* Or is not to be seen any more: gone, or its key is. */
static bool has_ended(struct api *api, const struct http_request *request, const char *id) {
    struct task_row row cleanup(task_row_done) = {0};
    return api_find(api, request, id, &row) != 0 || task_state_is_over(row.state);
}

/* Whether it has ended is asked first: its last event is told then. */
static enum http_next next_events(void *context, struct buffer *to) {
    struct event_stream *stream = context;
    struct api *api = stream->api;
    bool ended = has_ended(api, stream->request, stream->watcher.id);
    struct telling telling = {.stream = stream, .to = to};
    if (tasks_event_list(api->tasks, stream->number, stream->last, tell, &telling) != 0) {
        return HTTP_CUT;
    }
    if (telling.count > 0) {
        return HTTP_MORE;
    }
    if (ended || api->host.is_draining(api->host.context)) {
        return HTTP_END;
    }
    if (http_has_waited(stream->request)) { /* a proxy, and we, learn whether the other side is still there */
        buffer_add_string(to, ": nothing new\n\n");
        return HTTP_MORE;
    }
    http_wait(stream->request, clock_now() + QUIET_SECONDS * SECOND);
    return HTTP_WAIT;
}

static void end_events(void *context) {
    struct event_stream *stream = context;
    watch_end(&stream->watcher);
    free(stream);
}

/* From where on: the header of a client that comes back, or the parameter. */
static int read_last(const struct http_request *request, int64_t *ret) {
    const char *header = http_header(request, "Last-Event-ID");
    if (!header || !*header) {
        return api_number(request, "after", 0, INT64_MAX, 0, ret);
    }
    char *end;
    errno = 0;
    long long value = strtoll(header, &end, 10);
    if (*header < '0' || *header > '9' || errno != 0 || *end) {
        return fail(ERR_BAD_REQUEST, "Last-Event-ID: \"%.40s\" is no id of an event", header);
    }
    *ret = value;
    return 0;
}

static bool note_any(void *context, const struct task_event *event) {
    (void)event;
    *(bool *)context = true;
    return false;
}

void api_events(void *context, struct http_request *request) {
    struct api *api = context;
    struct task_row row cleanup(task_row_done) = {0};
    int64_t last = 0;
    bool more = false;
    int result = read_last(request, &last);
    result = result ? result : api_find(api, request, http_argument(request, 0), &row);
    result = result ? result : tasks_event_list(api->tasks, row.number, last, note_any, &more);
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
        return;
    }
    if (!more && task_state_is_over(row.state)) { /* tells a browser not to come back */
        http_answer(request, 204, "text/event-stream", &(struct buffer){0});
        return;
    }
    struct event_stream *own = alloc(1, sizeof(*own));
    *own = (struct event_stream){.api = api, .request = request, .number = row.number, .last = last};
    watch_begin(api, &own->watcher, row.id, request);
    const struct http_stream stream = {.next = next_events, .end = end_events, .context = own};
    http_answer_stream(request, 200, "text/event-stream", &stream);
}
