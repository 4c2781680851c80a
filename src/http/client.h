/*
 * Requests to an Octavo server, over libcurl (curl/client.c): http and https, no redirects, proxies from the
 * environment as elsewhere. What answers is foreign: answers are bounded, and what no server of ours would say is an
 * error. One thread, one request at a time.
 *
 *   ERR_UNREACHABLE  nobody answers, or not to the end; trying again may help
 *   ERR_BAD_ANSWER   what answers does not speak as our server does
 *   ERR_INTERRUPTED  stop became readable
 *   a code of the server, or ERR_REFUSED where its word is unknown here: client_problem() has its texts
 */
#ifndef OCTAVO_HTTP_CLIENT_H
#define OCTAVO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct client;
struct json;

struct client_options {
    const char *server;  /* "http://HOST:PORT", perhaps with a path that stands before all others */
    const char *api_key; /* NULL: none */
    const char *ca_file; /* NULL: those of the system */
    int stop;            /* descriptor: what goes on ends when it becomes readable; -1: none */
};

/* Connects to nobody yet; options are copied. The caller drops *ret. ERR_USAGE, ERR_NO_INPUT for ca_file. */
int client_open(const struct client_options *options, struct client **ret);
void client_drop(struct client **client_address);

/* A body to send: so many bytes of a descriptor from its start. */
struct client_body {
    int fd;
    int64_t bytes;
};

struct client_request {
    const char *method;             /* "GET", "POST", "DELETE" */
    const char *path, *id;          /* "/v1/tasks/{id}": {id} stands for id, whatever that is */
    const struct json *query;       /* object of strings and numbers; NULL: none */
    const struct client_body *body; /* NULL: none */
    int64_t patience;               /* seconds in which nothing may come or go; 0: a usual time */
    bool is_text;                   /* the answer is text, or none, else JSON */
    /* Takes the answer of a success instead, as it comes, whatever it is. A failure ends the request with it. */
    int (*receive)(void *context, const char *bytes, size_t length);
    void *context;
};

struct client_answer {
    struct json *json;  /* NULL where it is text or was taken */
    struct buffer text; /* the same as it came; empty where it was taken */
    bool incomplete;    /* it is a result, and not all pages are in it */
};

/* Sends it and waits for the answer, whose contents the caller frees with client_answer_done(). Errors as above. */
int client_ask(struct client *client, const struct client_request *request, struct client_answer *ret);
void client_answer_done(struct client_answer *answer);

/* Problem details of the last answer; NULL if it was none. Borrowed until the next request. */
const struct json *client_problem(const struct client *client);

/*
 * What to do about the last failure, where it was one of the connection and the error's own advice is not to the point;
 * NULL. Borrowed for ever.
 */
const char *client_advice(const struct client *client);

/* Seconds after which the last answer asks to try again; 0 if it does not say. */
int64_t client_retry_after(const struct client *client);

#endif
