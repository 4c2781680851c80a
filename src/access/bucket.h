/* So much per second on average, and that much at once: a bucket that fills by the clock. Pure; any thread. */
#ifndef OCTAVO_ACCESS_BUCKET_H
#define OCTAVO_ACCESS_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    double tokens;
    int64_t filled; /* clock; 0: never, it is full */
};

/* Takes one of rate per second, of which the bucket holds a second's worth. False: there is one after *ret_seconds, at
 * least 1. */
bool bucket_take(struct bucket *bucket, int64_t rate, int64_t now, int64_t *ret_seconds);

#endif
