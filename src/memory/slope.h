/*
 * Whether something climbs, told from noisy points: the memory of a worker at rest over the number of documents it has
 * read. Pure functions; any thread.
 */
#ifndef OCTAVO_MEMORY_SLOPE_H
#define OCTAVO_MEMORY_SLOPE_H

#include <stdbool.h>
#include <stddef.h>

enum { SLOPE_POINTS = 512 }; /* of more points the last so many count */

/*
 * The Theil-Sen estimator: the median of the slopes between all pairs of points. Up to 29 % of the points may be
 * anything. Pairs of the same x are left out; 0 if there is no other.
 */
double slope_robust(const double *x, const double *y, size_t count);

/*
 * Whether y climbs by more than threshold for each x, which ascends. All of these must hold, else no:
 * - there are at least 9 points;
 * - the lower 99.9 % bound of the slope (Sen's interval: a quantile of the slopes between pairs, from the variance of
 *   Kendall's statistic) is above the threshold;
 * - the climb over all points is more than twice their scatter about the line;
 * - it goes on: the median of each third of the points is above that of the third before, by at least half of what the
 *   threshold makes of their distance. A step, wherever it is, fails here.
 */
bool slope_climbs(const double *x, const double *y, size_t count, double threshold);

#endif
