/* Inside of src/api. One thread. */
#ifndef OCTAVO_API_INSIDE_H
#define OCTAVO_API_INSIDE_H

#include "access/access.h"
#include "api/api.h"
#include "api/callbacks.h"
#include "api/fetches.h"
#include "output/writer.h"

/* Who waits for what happens to a task. */
struct watcher {
    struct watcher *next, **link; /* link NULL: it is not in the list */
    char id[ID_BYTES];
    struct http_request *request;
};

struct api {
    struct api_host host;
    struct tasks *tasks;
    struct http *http;
    struct watcher *watchers;
    struct callbacks *callbacks;
    struct fetches *fetches;
    int64_t paddlex_pages; /* of a PDF, that a request of PaddleX's has read */
};

void watch_begin(struct api *api, struct watcher *watcher, const char *id, struct http_request *request);
void watch_end(struct watcher *watcher);

/* Whether the client of a request sees the tasks of all; the id of its key, NULL: there are no keys. */
bool api_sees_all(const struct http_request *request);
const char *api_owner(const struct http_request *request);

/* tasks_find() for a client: what is another's is not there, nor is anything once its key is removed. */
int api_find(struct api *api, const struct http_request *request, const char *id, struct task_row *ret);

/* A task as the API shows it; the caller drops it. */
struct json *api_task_to_json(struct api *api, const struct task_row *row);

/* Answers with a task as it is now, or with why it cannot be found. */
void api_answer_task(struct api *api, struct http_request *request, const char *id, int status);
void api_answer_tasks(struct api *api, struct http_request *request, const char (*ids)[ID_BYTES], size_t count,
                      int status);

/* What a request wants to have written. ERR_BAD_REQUEST, ERR_SEVERAL_FILES, ERR_NOT_ACCEPTABLE. */
int api_choose_output(const struct http_request *request, struct selection *ret);

/* The one of these types that an Accept header likes best, the last one of equals; -1: none. types ends with NULL. */
int api_choose_type(const char *accept, const char *const types[]);

/* The next piece of what a writer writes, for struct http_stream: a page a call. Until a file in an archive is complete
 * nothing comes of them, and others have their turn. */
enum http_next api_next_piece(struct http_request *request, struct writer **writer, struct buffer *to);

/* Answers with all of a file (copied); its length is not told. */
void api_answer_file(struct http_request *request, const char *type, int fd);

/* A whole number within bounds from a parameter; fallback if it is not there. ERR_BAD_REQUEST. */
int api_number(const struct http_request *request, const char *name, int64_t low, int64_t high, int64_t fallback,
               int64_t *ret);

/* Sets a member to a moment as text, milliseconds since 1970; null for 0. */
void api_set_time(struct json *object, const char *key, int64_t wall);

/* Schemas of the answers, as JSON text; made from src/api/schemas.json when the program is built. */
extern const char api_schemas[];

#define ROUTE(symbol, method, path, scope, query, body, answers, summary)                                              \
    void api_##symbol(void *context, struct http_request *request);
#include "table/routes.def"
#undef ROUTE

/* Documents on their way in (upload.c). */
void api_upload_begin(void *context, struct http_request *request);
int api_upload_part(void *context, struct http_request *request, const struct http_part *part);

/* A document on its way in, or read at once, counts in the account of its key (NULL: there are no keys). */
struct charge {
    struct account *account; /* NULL: nothing is charged */
    size_t places;           /* taken there: documents */
    int64_t taken;           /* bytes, with the first of them */
};
int charge_take(struct api *api, struct charge *charge, struct account *account, int64_t bytes);
void charge_release(struct charge *charge);

/* JSON with a document in it (paddlex.c). */
void api_paddlex_begin(void *context, struct http_request *request);
int api_paddlex_part(void *context, struct http_request *request, const struct http_part *part);

/* What a request holds begins with how to let go of it; api_end() does so, however the request ends. */
struct request_state {
    void (*end)(struct api *api, struct request_state *state);
};
void api_end(void *context, struct http_request *request);

#endif
