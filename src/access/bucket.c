#include "access/bucket.h"

#include "base/clock.h"

bool bucket_take(struct bucket *bucket, int64_t rate, int64_t now, int64_t *ret_seconds) {
    double most = (double)rate;
    double came = bucket->filled == 0 ? most : clock_seconds(now - bucket->filled) * most;
    bucket->tokens = bucket->tokens + came < most ? bucket->tokens + came : most;
    bucket->filled = now;
    if (bucket->tokens >= 1) {
        bucket->tokens--;
        return true;
    }
    *ret_seconds = 1; /* a rate is one per second at least */
    return false;
}
