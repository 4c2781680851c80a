#include "base/histogram.h"

const double histogram_bounds[HISTOGRAM_BOUNDS] = {0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800};

void histogram_add(struct histogram *histogram, double seconds) {
    int bucket = 0;
    seconds = seconds > 0 ? seconds : 0;
    while (bucket < HISTOGRAM_BOUNDS && seconds > histogram_bounds[bucket]) {
        bucket++;
    }
    histogram->counts[bucket]++;
    histogram->count++;
    histogram->sum += seconds;
}
