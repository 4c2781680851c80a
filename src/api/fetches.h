/*
 * Documents that are fetched from URLs which clients have named, over http/posts.h: a few at a time, only if the
 * settings allow it, bounded in size and time; nothing here waits. One thread.
 */
#ifndef OCTAVO_API_FETCHES_H
#define OCTAVO_API_FETCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api;
struct fetches;

struct fetches_conf {
    bool allowed;
    bool private_too; /* from addresses that are not public as well */
    int64_t seconds;  /* that one may take */
    int64_t bytes;    /* that a document may have */
};

/* What a fetch is for, owned by whoever begins it. */
struct fetch {
    int (*receive)(struct fetch *fetch, const char *bytes, size_t length); /* a piece; a failure ends it */
    void (*over)(struct fetch *fetch, int error, const char *detail);      /* 0: all of it has come. Borrowed */
    int64_t bytes;                                                         /* that came, for fetches.c */
    int error;                                                             /* likewise, of receive() */
    char *detail;
};

/* For an api; conf is copied. The caller drops *ret before the api. ERR_INTERNAL. */
int fetches_open(struct api *api, const struct fetches_conf *conf, struct fetches **ret);
void fetches_drop(struct fetches **fetches);

/* Goes on with other settings. */
void fetches_follow(struct fetches *fetches, const struct fetches_conf *conf);

/* Begins one, whose over() is called later, unless it is left. ERR_UNPROCESSABLE with what is expected, ERR_BUSY. */
int fetches_begin(struct fetches *fetches, const char *url, struct fetch *fetch);

/* Ends one without over(). */
void fetches_leave(struct fetches *fetches, struct fetch *fetch);

/* For the event loop: the descriptor becomes readable. */
int fetches_descriptor(const struct fetches *fetches);
void fetches_take(struct fetches *fetches, int64_t now);
int64_t fetches_until(const struct fetches *fetches);

#endif
