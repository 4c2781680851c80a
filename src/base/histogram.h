/* How long things took, sorted into buckets, as Prometheus counts them. One thread at a time. */
#ifndef OCTAVO_BASE_HISTOGRAM_H
#define OCTAVO_BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 10 };

/* Seconds: up to and with each of them. */
extern const double histogram_bounds[HISTOGRAM_BOUNDS];

/* Starts as {0}. */
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last: beyond all bounds */
    uint64_t count;
    double sum; /* seconds */
};

/* Less than nothing counts as nothing. */
void histogram_add(struct histogram *histogram, double seconds);

#endif
