#include "api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "api/paddlex.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

static const int64_t SECOND = 1000000000;
enum { MOST_WAIT = 300, USUAL_LIMIT = 50, MOST_LIMIT = 1000 };

const struct http_route api_routes[] = {
#define ROUTE(symbol, verb, address, needs, parameters, body, answers, summary)                                        \
    {.method = verb,                                                                                                   \
     .path = address,                                                                                                  \
     .query = body == 1 || body == 2 ? NULL : parameters,                                                              \
     .scope = SCOPE_##needs,                                                                                           \
     .takes_body = body,                                                                                               \
     .answer = api_##symbol,                                                                                           \
     .begin = body == 3 ? api_paddlex_begin                                                                            \
              : body    ? api_upload_begin                                                                             \
                        : NULL,                                                                                           \
     .part = body == 3 ? api_paddlex_part                                                                              \
             : body    ? api_upload_part                                                                               \
                       : NULL,                                                                                            \
     .problem = body == 3 ? paddlex_problem : NULL,                                                                    \
     .end = api_end},
#include "table/routes.def"
#undef ROUTE
    {0},
};

/* Watching */

void watch_begin(struct api *api, struct watcher *watcher, const char *id, struct http_request *request) {
    *watcher = (struct watcher){.next = api->watchers, .link = &api->watchers, .request = request};
    memcpy(watcher->id, id, sizeof(watcher->id));
    if (watcher->next) {
        watcher->next->link = &watcher->next;
    }
    api->watchers = watcher;
}

void watch_end(struct watcher *watcher) {
    if (!watcher->link) {
        return;
    }
    *watcher->link = watcher->next;
    if (watcher->next) {
        watcher->next->link = watcher->link;
    }
    watcher->link = NULL;
}

void api_changed(struct api *api, const char *id) {
    for (struct watcher *watcher = api->watchers; watcher; watcher = watcher->next) {
        if (strcmp(watcher->id, id) == 0) {
            http_wake(watcher->request);
        }
    }
}

void api_wake_all(struct api *api) {
    for (struct watcher *watcher = api->watchers; watcher; watcher = watcher->next) {
        http_wake(watcher->request);
    }
}

struct api *api_new(const struct api_host *host) {
    struct api *api = alloc(1, sizeof(*api));
    api->host = *host;
    return api;
}

void api_use(struct api *api, struct tasks *tasks, struct http *http) {
    api->tasks = tasks;
    api->http = http;
}

void api_follow(struct api *api, int64_t paddlex_pages) { api->paddlex_pages = paddlex_pages; }

void api_drop(struct api **api) {
    free(*api);
    *api = NULL;
}

int64_t api_retry_after(void *context) {
    const struct api *api = context;
    return tasks_retry_after(api->tasks);
}

void api_end(void *context, struct http_request *request) {
    struct request_state *state = http_state(request);
    if (state) {
        state->end(context, state);
    }
}

/* Parameters */

int api_number(const struct http_request *request, const char *name, int64_t low, int64_t high, int64_t fallback,
               int64_t *ret) {
    const char *text = http_query(request, name);
    if (!text) {
        *ret = fallback;
        return 0;
    }
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || errno != 0 || *end || value < low || value > high) {
        return fail(ERR_BAD_REQUEST, "%s: \"%.40s\" is no whole number from %lld to %lld", name, text, (long long)low,
                    (long long)high);
    }
    *ret = value;
    return 0;
}

/* Tasks as JSON */

void api_set_time(struct json *object, const char *key, int64_t wall) {
    char *text cleanup(drop_memory) = wall > 0 ? clock_text(wall) : NULL;
    json_set_string(object, key, text);
}

/* Below the lowest number that says something there is none. */
static void set_from(struct json *object, const char *key, int64_t lowest, int64_t number) {
    if (number >= lowest) {
        json_set_int(object, key, number);
    } else {
        json_set(object, key, NULL);
    }
}

/* What the store keeps as JSON text. */
static void set_parsed(struct json *object, const char *key, const char *text) {
    struct json *value = NULL;
    bool sound = text && json_parse(text, strlen(text), &value) == 0;
    json_set(object, key, sound ? value : NULL);
}

static struct json *error_to_json(const struct task_row *row) {
    int error = error_from_word(row->error);
    struct json *object = json_object_new();
    json_set_string(object, "code", row->error);
    json_set_string(object, "title", error_sentence(error));
    json_set_string(object, "detail", row->detail ? row->detail : "");
    json_set_string(object, "advice", error_advice(error));
    set_from(object, "page", 1, row->error_page);
    return object;
}

static struct json *callback_to_json(const struct task_row *row) {
    struct json *object = json_object_new();
    json_set_string(object, "state", tasks_callback_state(row));
    json_set_int(object, "attempts", row->callback_attempts);
    api_set_time(object, "due", row->callback_due);
    api_set_time(object, "delivered", row->callback_delivered);
    json_set_string(object, "error", row->callback_trouble);
    return object;
}

struct json *api_task_to_json(struct api *api, const struct task_row *row) {
    struct json *task = json_object_new();
    json_set_string(task, "id", row->id);
    json_set_string(task, "state", task_state_word(row->state));
    json_set_string(task, "name", row->name);
    json_set_int(task, "priority", row->priority);
    set_from(task, "position", 0, tasks_position(api->tasks, row->id));
    set_from(task, "pages", 1, row->pages);
    json_set_int(task, "pages_done", row->pages_done);
    set_from(task, "document_pages", 1, row->document_pages);
    json_set_int(task, "bytes", row->bytes);
    json_set_string(task, "format", row->format);
    json_set_string(task, "engine", row->engine);
    json_set_real(task, "seconds", row->seconds, 3);
    set_from(task, "peak_bytes", 1, row->peak_bytes);
    set_parsed(task, "plan", row->plan);
    set_parsed(task, "timings", row->timings);
    set_parsed(task, "warnings", row->warnings);
    set_parsed(task, "options", row->options);
    api_set_time(task, "created", row->created);
    api_set_time(task, "started", row->started);
    api_set_time(task, "ended", row->ended);
    api_set_time(task, "deadline", row->deadline);
    json_set(task, "error", row->error ? error_to_json(row) : NULL);
    json_set(task, "callback", row->callback ? callback_to_json(row) : NULL);
    return task;
}

void api_answer_task(struct api *api, struct http_request *request, const char *id, int status) {
    struct task_row row cleanup(task_row_done) = {0};
    int result = api_find(api, request, id, &row);
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
        return;
    }
    struct json *task = api_task_to_json(api, &row);
    http_answer_json(request, status, &task);
}

void api_answer_tasks(struct api *api, struct http_request *request, const char (*ids)[ID_BYTES], size_t count,
                      int status) {
    struct json *answer = json_object_new(), *list = json_array_new();
    json_set(answer, "tasks", list);
    for (size_t i = 0; i < count; i++) {
        struct task_row row cleanup(task_row_done) = {0};
        int result = api_find(api, request, ids[i], &row);
        if (result != 0) {
            http_answer_problem(request, result, error_detail());
            json_drop(&answer);
            return;
        }
        json_append(list, api_task_to_json(api, &row));
    }
    http_answer_json(request, status, &answer);
}

/* One task */

/* Somebody who waits for the end of a task. */
struct waiting {
    struct request_state state;
    struct watcher watcher;
    int64_t until;
};

static void end_waiting(struct api *api, struct request_state *state) {
    struct waiting *waiting = (struct waiting *)state;
    (void)api;
    watch_end(&waiting->watcher);
    free(waiting);
}

static bool goes_on(struct api *api, const struct http_request *request, const char *id) {
    struct task_row row cleanup(task_row_done) = {0};
    return api_find(api, request, id, &row) == 0 && !task_state_is_over(row.state);
}

void api_task(void *context, struct http_request *request) {
    struct api *api = context;
    struct waiting *waiting = http_state(request);
    const char *id = http_argument(request, 0);
    int64_t seconds = 0;
    if (api_number(request, "wait", 0, MOST_WAIT, 0, &seconds) != 0) {
        http_answer_problem(request, ERR_BAD_REQUEST, error_detail());
        return;
    }
    if (seconds > 0 && !waiting && id_is_sound(id)) {
        waiting = alloc(1, sizeof(*waiting));
        waiting->state.end = end_waiting;
        waiting->until = clock_now() + seconds * SECOND;
        watch_begin(api, &waiting->watcher, id, request);
        http_set_state(request, waiting);
    }
    if (waiting && clock_now() < waiting->until && !api->host.is_draining(api->host.context) &&
        goes_on(api, request, id)) {
        http_wait(request, waiting->until);
        return;
    }
    api_answer_task(api, request, id, 200);
}

void api_cancel(void *context, struct http_request *request) {
    struct api *api = context;
    const char *id = http_argument(request, 0);
    struct task_row row cleanup(task_row_done) = {0};
    int result = api_find(api, request, id, &row);
    result = result ? result : tasks_cancel(api->tasks, id);
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
    } else {
        api_answer_task(api, request, id, 200);
    }
}

void api_remove(void *context, struct http_request *request) {
    struct api *api = context;
    struct task_row row cleanup(task_row_done) = {0};
    int result = api_find(api, request, http_argument(request, 0), &row);
    result = result ? result : tasks_remove(api->tasks, row.id);
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
    } else {
        http_answer(request, 204, "application/json", &(struct buffer){0});
    }
}

/* Lists */

struct listing {
    struct api *api;
    struct task_row *rows;
    size_t count, room;
};

static bool add_row(void *context, const struct task_row *row) {
    struct listing *listing = context;
    listing->rows[listing->count++] = task_row_copy(row);
    return listing->count < listing->room;
}

static int read_states(const char *text, unsigned *ret) {
    unsigned states = 0;
    if (!text) {
        *ret = (1U << TASK_STATE_COUNT) - 1;
        return 0;
    }
    char *words cleanup(drop_memory) = copy_string(text), *rest = words;
    for (const char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
        enum task_state state = task_state_from_word(word);
        if (state == TASK_STATE_COUNT) {
            return fail(ERR_BAD_REQUEST, "state: there is no state \"%.40s\"", word);
        }
        states |= 1U << state;
    }
    *ret = states;
    return 0;
}

static void answer_list(struct listing *listing, struct http_request *request, size_t limit) {
    struct json *answer = json_object_new(), *tasks = json_array_new();
    for (size_t i = 0; i < listing->count && i < limit; i++) {
        json_append(tasks, api_task_to_json(listing->api, &listing->rows[i]));
    }
    json_set(answer, "tasks", tasks);
    char *next cleanup(drop_memory) =
        listing->count > limit ? format("%lld", (long long)listing->rows[limit - 1].number) : NULL;
    json_set_string(answer, "next", next);
    http_answer_json(request, 200, &answer);
}

void api_list(void *context, struct http_request *request) {
    struct api *api = context;
    int64_t limit = 0, cursor = 0;
    struct task_query query = {0};
    int result = api_number(request, "limit", 1, MOST_LIMIT, USUAL_LIMIT, &limit);
    result = result ? result : api_number(request, "cursor", 1, INT64_MAX, 0, &cursor);
    result = result ? result : read_states(http_query(request, "state"), &query.states);
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
        return;
    }
    query.owner = api_sees_all(request) ? NULL : api_owner(request);
    query.beyond = cursor;
    query.limit = limit + 1; /* one more tells whether there are more */
    struct listing listing = {.api = api, .room = (size_t)query.limit};
    listing.rows = alloc(listing.room, sizeof(*listing.rows));
    result = tasks_list(api->tasks, &query, add_row, &listing);
    if (result == 0) {
        answer_list(&listing, request, (size_t)limit);
    } else {
        http_answer_problem(request, result, error_detail());
    }
    for (size_t i = 0; i < listing.count; i++) {
        task_row_done(&listing.rows[i]);
    }
    free(listing.rows);
}
