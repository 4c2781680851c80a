#include "memory/slope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { FEWEST_POINTS = 9 };
#define NORMAL_999 3.09         /* 99.9 % of a normal distribution lie below so many deviations */
#define DEVIATION_OF_MAD 1.4826 /* of a normal distribution: deviation / median of absolute deviations */

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double middle(const double *sorted, size_t count) {
    return count == 0 ? 0 : (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

/* Sorts them. */
static double median(double *values, size_t count) {
    qsort(values, count, sizeof(*values), compare);
    return middle(values, count);
}

static void keep_last(const double **x, const double **y, size_t *count) {
    size_t left_out = *count > SLOPE_POINTS ? *count - SLOPE_POINTS : 0;
    *x += left_out;
    *y += left_out;
    *count -= left_out;
}

/* The slopes between all pairs, ascending; caller frees. */
static double *pair_slopes(const double *x, const double *y, size_t count, size_t *ret_count) {
    double *slopes = alloc(count * count / 2 + 1, sizeof(*slopes));
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (x[i] != x[j]) {
                slopes[length++] = (y[j] - y[i]) / (x[j] - x[i]);
            }
        }
    }
    qsort(slopes, length, sizeof(*slopes), compare);
    *ret_count = length;
    return slopes;
}

double slope_robust(const double *x, const double *y, size_t count) {
    keep_last(&x, &y, &count);
    size_t length;
    double *slopes cleanup(drop_memory) = pair_slopes(x, y, count, &length);
    return middle(slopes, length);
}

static double median_of(const double *values, size_t count) {
    double copy[SLOPE_POINTS];
    memcpy(copy, values, count * sizeof(*values));
    return median(copy, count);
}

/* The scatter of the points about a line of that slope, as a deviation. */
static double scatter(const double *x, const double *y, size_t count, double slope) {
    double residual[SLOPE_POINTS] = {0};
    for (size_t i = 0; i < count; i++) {
        residual[i] = y[i] - slope * x[i];
    }
    double offset = median_of(residual, count);
    for (size_t i = 0; i < count; i++) {
        residual[i] = fabs(residual[i] - offset);
    }
    return DEVIATION_OF_MAD * median(residual, count);
}

static bool goes_on(const double *x, const double *y, size_t count, double threshold) {
    size_t third = count / 3;
    const size_t start[3] = {0, (count - third) / 2, count - third};
    for (int i = 1; i < 3; i++) {
        double distance = median_of(x + start[i], third) - median_of(x + start[i - 1], third);
        double rise = median_of(y + start[i], third) - median_of(y + start[i - 1], third);
        if (!(rise > 0 && rise >= threshold * distance / 2)) {
            return false;
        }
    }
    return true;
}

bool slope_climbs(const double *x, const double *y, size_t count, double threshold) {
    keep_last(&x, &y, &count);
    if (count < FEWEST_POINTS) {
        return false;
    }
    size_t length;
    double *slopes cleanup(drop_memory) = pair_slopes(x, y, count, &length);
    double points = (double)count;
    double spread = NORMAL_999 * sqrt(points * (points - 1) * (2 * points + 5) / 18);
    double bound = ((double)length - spread) / 2;
    if (bound < 1 || slopes[(size_t)bound - 1] <= threshold) {
        return false;
    }
    double slope = middle(slopes, length);
    return slope * (x[count - 1] - x[0]) > 2 * scatter(x, y, count, slope) && goes_on(x, y, count, threshold);
}
