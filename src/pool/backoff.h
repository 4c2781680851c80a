/* How long to wait before something that fails is tried again. Pure; any thread. */
#ifndef OCTAVO_POOL_BACKOFF_H
#define OCTAVO_POOL_BACKOFF_H

#include <stdint.h>

struct backoff {
    unsigned failures; /* in a row */
};

/* What failed was of use all the same: the next failure is a first one. */
void backoff_forgive(struct backoff *backoff);

/* A failure at now of what had been well since (clock; 0: never): the moment of the next try. */
int64_t backoff_next(struct backoff *backoff, int64_t well_since, int64_t now);

#endif
