/*
 * The server's API: what its addresses do (table/routes.def). The host, which owns the event loop and the pool, is
 * called through a table of functions. One thread.
 */
#ifndef OCTAVO_API_API_H
#define OCTAVO_API_API_H

#include <stdbool.h>
#include <stdint.h>

#include "http/http.h"
#include "output/output.h"
#include "pool/pool.h"
#include "task/tasks.h"

struct access;
struct api;
struct json;

/* A document that somebody waits for: it is read at once and leaves nothing behind. */
struct direct {
    struct api *api;
    struct http_request *request;
    int fd;
    const struct wish *wish;
    int64_t since;                     /* clock */
    const struct selection *selection; /* what is made of it; NULL: all may be */
    bool over;
    struct job *job; /* of the host: its result when it is over without error */
    int error;       /* 0, or why it was not read, with its detail */
    char *detail;
    void *owner; /* the host's, while it is in work */
};

struct api_host {
    void *context;
    struct pool *pool;     /* to look at */
    struct access *access; /* NULL: there are no keys, everybody may do all */
    const char *layout;    /* as the server is set, for those who do not say */
    /* Reads it when there is room, then calls api_direct_over(). ERR_BUSY, ERR_DRAINING. */
    int (*begin_direct)(void *context, struct direct *direct);
    /* It is not wanted any more, in work or over: what the host holds of it is freed. */
    void (*end_direct)(void *context, struct direct *direct);
    bool (*is_draining)(void *context);
    /* Adds the reasons why no document can be read now to an array: {"code", "detail"}. */
    void (*add_reasons)(void *context, struct json *reasons);
};

extern const struct http_route api_routes[]; /* their context is the struct api */

/* Borrows all. The caller drops it when no request is there any more. */
struct api *api_new(const struct api_host *host);
void api_drop(struct api **api);

/* Settings that may change: pages of a PDF that a request of PaddleX's has read. */
void api_follow(struct api *api, int64_t paddlex_pages);

/* Once, before the first request. Borrowed. */
void api_use(struct api *api, struct tasks *tasks, struct http *http);

/* Something of a task has changed: those who wait for it are woken; all who wait for anything, since the server ends.
 */
void api_changed(struct api *api, const char *id);
void api_wake_all(struct api *api);

void api_direct_over(struct direct *direct);

/* For http_options. */
int api_admit(void *context, struct http_request *request);
int64_t api_retry_after(void *context);
void api_over(void *context, const struct http_request *request, const struct http_end *end);

#endif
