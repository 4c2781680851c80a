/*
 * HTTP/1.1, with TLS or without, over libmicrohttpd (daemon/), inside the owner's event loop: no threads. For each
 * request
 *
 *   begin()   its headers are in: the route may answer at once, a body is not read then (a small one is passed over)
 *   part()    some of its body has come, if the route takes one
 *   answer()  all has come: the route answers, or calls http_wait() and is called again after http_wake()
 *   end()     it is over, in whichever way; a client that went away ends it while it waits
 *
 * What is refused is answered with problem details (RFC 9457) made from table/errors.def. Requests are bounded before
 * they are read: headers, body, number of connections, and how long each may take to send. One thread.
 */
#ifndef OCTAVO_HTTP_HTTP_H
#define OCTAVO_HTTP_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct http;
struct http_request;
struct json;
struct tls;

/* Some bytes of a body: of the part of a multipart body with this name, or of a raw body, whose name is "file". */
struct http_part {
    const char *name, *file_name; /* file_name NULL: none was told */
    const char *bytes;
    size_t length;
    uint64_t offset; /* within the part */
};

struct http_route {
    const char *method, *path; /* "/v1/tasks/{id}": {...} stands for one piece of an address */
    const char *query;         /* the parameters that it knows, with commas; NULL: answer() looks after them */
    bool takes_body;
    unsigned scope; /* for admit() */
    void (*answer)(void *context, struct http_request *request);
    /* The rest may be NULL. */
    void (*begin)(void *context, struct http_request *request);
    /* A failure is answered when the body has come; no more of it is given. */
    int (*part)(void *context, struct http_request *request, const struct http_part *part);
    void (*end)(void *context, struct http_request *request);
    /* What a failure is answered with in place of problem details; the caller drops it. status may be changed. */
    struct json *(*problem)(int error, const char *detail, int *status);
};

enum { HTTP_ARGUMENTS = 2, HTTP_ID_BYTES = 65, HTTP_UPLOAD_BYTES = 64 * 1024 /* held of a body on its way */ };

/* A request that is over. Texts are borrowed. */
struct http_end {
    const char *method, *path; /* without parameters, cut if need be; what is no visible sign of ASCII is "?" */
    int status;                /* HTTP_NO_ANSWER: the client went away, or was cut, before there was one */
    int64_t bytes;             /* of the answer's body; of a stream: that were sent */
    bool complete;             /* all of the answer was sent */
    int64_t nanoseconds;       /* since its headers were in */
    const char *peer;          /* "127.0.0.1:51234" */
};
enum { HTTP_NO_ANSWER = 499 };

struct http_options {
    int socket;                      /* listening; taken over */
    const struct http_route *routes; /* the last has a NULL method */
    struct tls *tls;                 /* kept; NULL: none */
    int64_t body_limit;              /* bytes */
    unsigned connections;
    int64_t send_seconds; /* for a request's headers; a body may take so long and a second for each 4 kB of it */
    void *context;        /* of the routes' functions */
    /* Seconds for Retry-After, where an answer says that it makes sense to try again. */
    int64_t (*retry_after)(void *context);
    /* Asked before a route is, unless it is NULL: a failure is answered, nothing of the body is taken. */
    int (*admit)(void *context, struct http_request *request);
    /* Told of each request that is over, before end() of its route, unless it is NULL. */
    void (*over)(void *context, const struct http_request *request, const struct http_end *end);
};

/* Opens it; options are copied, routes borrowed. The caller drops *ret. ERR_INTERNAL. */
int http_open(const struct http_options *options, struct http **ret);

/* Connections that begin from now on have this certificate; for one that was opened with TLS. */
void http_follow_tls(struct http *http, struct tls *tls);

/* Ends all requests, the waiting ones too, and closes all connections. */
void http_drop(struct http **http);

/* Nobody can connect any more, and connections end with the request that they are in. */
void http_quiesce(struct http *http);

/* For the event loop. */
#define HTTP_POLLED(connections) (1 + (size_t)(connections))
size_t http_poll(struct http *http, struct pollfd *ret);
void http_take(struct http *http, const struct pollfd *polled, size_t count, int64_t now);
int64_t http_until(const struct http *http, int64_t now);

struct http_counts {
    uint64_t requests, answers[6]; /* by the first digit of the status */
    uint64_t cut;                  /* connections that were too slow */
    uint64_t uploads;              /* bodies on their way now */
    unsigned connections;          /* now */
    unsigned answering;            /* of them, whose answer is on its way */
};
void http_read_counts(const struct http *http, struct http_counts *ret);

/* A request. Texts are borrowed while it lives. */
const char *http_id(const struct http_request *request); /* X-Request-Id: the client's or our own */
const struct http_route *http_route(const struct http_request *request);
const char *http_argument(const struct http_request *request, int index);
const char *http_header(const struct http_request *request, const char *name); /* NULL if there is none */
const char *http_query(const struct http_request *request, const char *name);
int64_t http_body_bytes(const struct http_request *request); /* as the headers say */
int http_each_query(const struct http_request *request, int (*each)(void *context, const char *name, const char *value),
                    void *context); /* until it answers other than 0, which is the answer */

/* Whom admit() has let in: of its own; NULL at first. */
void *http_client(const struct http_request *request);
void http_set_client(struct http_request *request, void *client);

/* Of the route's own; NULL at first. */
void *http_state(const struct http_request *request);
void http_set_state(struct http_request *request, void *state);

/* Answers: one for each request. Contents of body and json are taken over. */
void http_set_header(struct http_request *request, const char *name, const char *value);
void http_answer(struct http_request *request, int status, const char *type, struct buffer *body);
void http_answer_json(struct http_request *request, int status, struct json **json);
void http_answer_problem(struct http_request *request, int error, const char *detail);
void http_set_retry_after(struct http_request *request, int64_t seconds); /* instead of what retry_after() says */

/* What is written piece by piece. */
enum http_next { HTTP_MORE, HTTP_WAIT, HTTP_END, HTTP_CUT /* the client shall see that it is not whole */ };
struct http_stream {
    /* Adds the next piece. HTTP_WAIT after http_wait(), to be called again after http_wake(). */
    enum http_next (*next)(void *context, struct buffer *to);
    void (*end)(void *context);
    void *context;
};
void http_answer_stream(struct http_request *request, int status, const char *type, const struct http_stream *stream);

/* It waits until (clock), or until it is woken. A client that closes its side meanwhile does not want the answer. */
void http_wait(struct http_request *request, int64_t until);

/* It waits to be woken soon; a client that has sent all and closes its side gets the answer. */
void http_hold(struct http_request *request);
void http_wake(struct http_request *request);

/* Whether it was woken because its time was over; true once. */
bool http_has_waited(struct http_request *request);

#endif
