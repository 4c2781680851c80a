#include "pool/backoff.h"

static const int64_t SECOND = 1000000000;

void backoff_forgive(struct backoff *backoff) { backoff->failures = 0; }

/* The first time at once, then a quarter of a second, doubled up to half a minute; a healthy minute forgives all. */
int64_t backoff_next(struct backoff *backoff, int64_t well_since, int64_t now) {
    enum { DOUBLINGS = 7 };
    if (well_since > 0 && now - well_since >= 60 * SECOND) {
        backoff_forgive(backoff);
    }
    unsigned failures = backoff->failures++;
    if (failures == 0) {
        return now;
    }
    int64_t wait = failures - 1 < DOUBLINGS ? (SECOND / 4) << (failures - 1) : 30 * SECOND;
    return now + (wait < 30 * SECOND ? wait : 30 * SECOND);
}
