/*
 * Callbacks: when a task has ended, it is sent to the URL that came with it, until it is taken there or given up
 * (task/tasks.h has when). A few at a time, over http/posts.h; nothing here waits.
 *
 *   POST URL
 *   Octavo-Event: done                        as the event stream has it
 *   Octavo-Delivery: TASK.done                the same at each attempt
 *   Octavo-Attempt: 1
 *   Octavo-Signature: t=SECONDS,v1=HMAC       HMAC-SHA-256 of "SECONDS.BODY" under the secret, as hex digits
 *   {"event": "done", "delivery": "TASK.done", "task": {...}}
 *
 * One thread.
 */
#ifndef OCTAVO_API_CALLBACKS_H
#define OCTAVO_API_CALLBACKS_H

#include <stdbool.h>
#include <stdint.h>

struct api;
struct callbacks;

struct callbacks_conf {
    const char *secret; /* NULL: nothing is sent, nor taken to be sent */
    bool private_too;   /* addresses that are not public may be sent to */
    int64_t seconds;    /* that an attempt may take */
};

/* Reads the secret from its file, which nobody else may be able to read: 16 to 1024 bytes of text, the end of the line
 * left out. The caller frees it. ERR_CONFIG. */
int callbacks_read_secret(const char *path, char **ret);

/* For an api that has its tasks; conf is copied. The caller drops *ret before the api. ERR_INTERNAL. */
int callbacks_open(struct api *api, const struct callbacks_conf *conf, struct callbacks **ret);
void callbacks_drop(struct callbacks **callbacks);

/* Goes on with other settings. */
void callbacks_follow(struct callbacks *callbacks, const struct callbacks_conf *conf);

/* Whether a task with this URL is taken. ERR_BAD_REQUEST with what is expected. */
int callbacks_check(const struct callbacks *callbacks, const char *url);

/* For the event loop: begins what is due; the descriptor becomes readable. */
void callbacks_step(struct callbacks *callbacks, int64_t now);
int callbacks_descriptor(const struct callbacks *callbacks);
void callbacks_take(struct callbacks *callbacks, int64_t now);
int64_t callbacks_until(const struct callbacks *callbacks);

#endif
