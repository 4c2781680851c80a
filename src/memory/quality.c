#include "memory/quality.h"

#include <math.h>

#include "base/json.h"

void quality_count(struct quality *quality, uint64_t actual, uint64_t predicted) {
    double hundredths = ceil(100 * (double)actual / (double)predicted);
    int step = hundredths <= 1 ? 0 : hundredths > QUALITY_STEPS ? QUALITY_STEPS : (int)hundredths - 1;
    atomic_fetch_add_explicit(&quality->steps[step], 1, memory_order_relaxed);
    if (actual > predicted) {
        atomic_fetch_add_explicit(&quality->under, 1, memory_order_relaxed);
    }
}

static uint64_t count_of(const struct quality *quality, int step) {
    return atomic_load_explicit(&quality->steps[step], memory_order_relaxed);
}

/* The ratio that a part (above 0) of all samples does not exceed. */
static double quantile(const struct quality *quality, uint64_t samples, double part) {
    double wanted = ceil((double)samples * part), seen = 0;
    int step = -1;
    while (seen < wanted && step < QUALITY_STEPS) {
        seen += (double)count_of(quality, ++step);
    }
    return (step + 1) / 100.0;
}

void quality_read(const struct quality *quality, struct quality_figures *ret) {
    *ret = (struct quality_figures){.under = atomic_load_explicit(&quality->under, memory_order_relaxed)};
    for (int i = 0; i <= QUALITY_STEPS; i++) {
        ret->samples += count_of(quality, i);
    }
    ret->median = quantile(quality, ret->samples, 0.5);
    ret->p99 = quantile(quality, ret->samples, 0.99);
}

struct json *quality_to_json(const struct quality *quality) {
    enum { TENTH = 10 };
    struct quality_figures figures;
    struct json *object = json_object_new(), *histogram = json_array_new();
    quality_read(quality, &figures);
    for (int i = 0; i <= QUALITY_STEPS; i += TENTH) {
        uint64_t count = 0;
        for (int k = i; k < i + TENTH && k <= QUALITY_STEPS; k++) {
            count += count_of(quality, k);
        }
        json_append_real(histogram, (double)count, 0);
    }
    json_set_int(object, "samples", (int64_t)figures.samples);
    json_set_int(object, "under", (int64_t)figures.under);
    json_set_real(object, "median", figures.median, 2);
    json_set_real(object, "p99", figures.p99, 2);
    json_set(object, "histogram", histogram);
    return object;
}
