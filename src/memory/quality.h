/*
 * How good predictions were: a histogram of actual / predicted peaks in steps of a hundredth. It lies in shared memory
 * (memory/recorder.h): workers count, the front reads, and it outlives a worker. Any thread.
 */
#ifndef OCTAVO_MEMORY_QUALITY_H
#define OCTAVO_MEMORY_QUALITY_H

#include <stdatomic.h>
#include <stdint.h>

struct json;

enum { QUALITY_STEPS = 150 /* hundredths that are told apart; what is above counts as more */ };

struct quality {
    atomic_uint_fast64_t under;                    /* actual above predicted */
    atomic_uint_fast64_t steps[QUALITY_STEPS + 1]; /* ratio up to (i + 1) / 100; the last: more */
};

struct quality_figures {
    uint64_t samples, under;
    double median, p99; /* of actual / predicted, rounded up to a hundredth; 0 if there are no samples */
};

/* A peak of actual bytes for which predicted ones (more than 0) were charged. */
void quality_count(struct quality *quality, uint64_t actual, uint64_t predicted);

void quality_read(const struct quality *quality, struct quality_figures *ret);

/* {"samples", "under", "median", "p99", "histogram": [samples up to 0.1, 0.2, ... 1.5, above]}; caller drops. */
struct json *quality_to_json(const struct quality *quality);

#endif
