/*
 * libmicrohttpd, whose only home this folder is (http/http.h): the daemon in the owner's event loop (daemon.c),
 * connections, their list and their time (connection.c), requests from their headers to their end (request.c), what is
 * answered (answer.c). One thread.
 */
#ifndef OCTAVO_HTTP_DAEMON_INSIDE_H
#define OCTAVO_HTTP_DAEMON_INSIDE_H

#include <microhttpd.h>

#include "http/http.h"

struct sockaddr;

enum { METHOD_SHOWN = 16, PATH_SHOWN = 128 }; /* bytes of them that are told */

struct connection {
    struct connection *next, **link;
    struct MHD_Connection *mhd;
    struct tls *tls; /* that it has begun with; NULL: none */
    int fd;
    char *peer;    /* HOST:PORT */
    int64_t since; /* clock: it is here, or its last request ended */
    struct http_request *request;
    bool gone; /* the client has closed its side while it waits */
    bool cut;  /* it was too slow */
};

struct http {
    struct http_options options;
    struct MHD_Daemon *daemon;
    int epoll;
    struct connection *connections;
    struct connection **polled; /* those of the last http_poll() */
    size_t polled_count;
    bool closing, quiet;
    struct http_counts counts;
};

struct http_request {
    struct http *http;
    struct connection *connection;
    const struct http_route *route; /* NULL: there is none */
    char id[HTTP_ID_BYTES], method[METHOD_SHOWN + 1], path[PATH_SHOWN + 1];
    char *arguments[HTTP_ARGUMENTS];
    void *state, *client;
    int64_t retry_after; /* 0: as the options say */
    int64_t body_bytes, body_taken;
    int64_t taken_at_end; /* of the body, when the client was seen to have closed its side; -1: it has not */
    bool ended;           /* so that the rest of the body will not come */
    int64_t begun;
    bool uploading;
    struct MHD_PostProcessor *post;
    int error; /* of part(), to be answered when the body has come */
    char *error_detail;
    struct buffer headers; /* name NUL value NUL ..., of the answer */
    struct MHD_Response *response;
    int status;
    int64_t sent; /* bytes of the answer's body */
    bool waiting, held, suspended, timed_out, answered;
    int64_t wait_until;
};

/* For libmicrohttpd: MHD_AccessHandlerCallback and MHD_RequestCompletedCallback; the context is the struct http. */
enum MHD_Result request_handle(void *context, struct MHD_Connection *mhd, const char *path, const char *method,
                               const char *version, const char *bytes, size_t *length, void **state);
void request_completed(void *context, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode reason);

/* Nothing is read or sent until http_wake(). */
void request_suspend(struct http_request *request);

/* One more connection, into the list; until connection_end(). peer is copied. */
struct connection *connection_begin(struct http *http, struct MHD_Connection *mhd, int fd, const struct sockaddr *peer);
void connection_end(struct http *http, struct connection *connection);

/* Wakes the requests whose clients have gone, and ends those whose bodies will not come, as http_poll() has found them.
 */
void connections_take(struct http *http, const struct pollfd *polled, size_t count);

/* Wakes the requests whose time to wait is over, and cuts connections that are too slow. */
void connections_tick(struct http *http, int64_t now);

/* When the first of them is to be woken, but not after until. */
int64_t connections_until(const struct http *http, int64_t until);

#endif
