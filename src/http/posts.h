/*
 * Posts: bodies that are sent to addresses which clients have named, and what is fetched from there, several at once,
 * inside the owner's event loop, over libcurl (curl/posts.c). Names are looked up by libcurl in threads of their own,
 * so that nothing waits for anything.
 *
 * Where they go is not trusted. http and https only, nobody's name or password in the address, no proxy, no redirects
 * of what is sent; and, unless the owner allows it, only to public addresses (http/address.h). That is judged when a
 * socket is made for an address, so that a name cannot mean one machine first and another one then. The answer to what
 * is sent is dropped as it comes; what counts is its status. One thread.
 */
#ifndef OCTAVO_HTTP_POSTS_H
#define OCTAVO_HTTP_POSTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct posts;

/* Whether url can be posted to, as far as can be seen without a look-up. ERR_BAD_REQUEST with what is expected. */
int posts_check(const char *url, bool private_too);

/* Called when one is over: trouble says why it was not taken by the other side, or has not come; NULL: it was, or has
 * (status 2xx). Borrowed. */
typedef void posts_over(void *context, void *owner, const char *trouble);

/* Nothing is sent yet. The caller drops *ret. ERR_INTERNAL. */
int posts_open(posts_over *over, void *context, struct posts **ret);

/* What goes on ends without over(). */
void posts_drop(struct posts **posts);

struct post {
    const char *url;
    const char *const *headers; /* "Name: value"; the last is NULL */
    struct buffer *body;        /* JSON; taken over */
    /* In place of headers and body: it is fetched, and this takes what comes; a failure ends it. */
    int (*receive)(void *context, void *owner, const char *bytes, size_t length);
    int64_t seconds; /* that all of it may take */
    bool private_too;
    void *owner; /* for over() */
};

/* Begins one; all is copied but the body. over() is called later, in posts_take(). */
void posts_begin(struct posts *posts, const struct post *post);

/* Ends that of an owner, which goes on, without over(). */
void posts_leave(struct posts *posts, const void *owner);

/* For the event loop: the descriptor becomes readable. */
int posts_descriptor(const struct posts *posts);
void posts_take(struct posts *posts, int64_t now);
int64_t posts_until(const struct posts *posts);

#endif
