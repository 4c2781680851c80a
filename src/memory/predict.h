/*
 * How much memory something will take: peak = a + b * elements, learned from measured peaks, for any number of keys,
 * each with a name (model, engine, device, threads, and what: "run", "loading", "weights"). Starts from a prior, is
 * charged at the upper bound of the residuals, and is corrected at once by a peak above what was predicted. Any thread.
 *
 * A key remembers its last 32 samples in each bucket of elements (a bucket for each power of two). The line is fitted
 * to these by least squares of relative residuals, all buckets weighing alike; a and b are never negative; before sizes
 * differ by a factor of four it has the shape of the prior. In each bucket the median m of actual / line, its spread s
 * (half of what the middle half spans; that of all buckets together, if that is more), and the largest are taken. What
 * is charged is the largest of
 * - line * m * (1 + 5 s + 0.25 / samples of the bucket): for what scatters;
 * - line * (largest + m s): nothing seen in the bucket is forgotten before 32 more were seen in it;
 * - line * m * (1 + t + s), t being what 98 % of all the key's samples stay below: for what is rare;
 *   these three not more than 1.25 times the largest seen in the bucket (2 times when it is full): a few that scatter
 *   widely, as when a measurement went wrong, say little;
 * - the largest actual remembered of as many elements or fewer, and
 * - while the key has fewer than 3 samples, 1.25 times the prior;
 * and 256 KiB. A bucket with fewer than 4 samples takes the ratios of its neighbours too, if they are larger. Beyond
 * the largest elements seen this is the line, at the ratio of the largest buckets.
 */
#ifndef OCTAVO_MEMORY_PREDICT_H
#define OCTAVO_MEMORY_PREDICT_H

#include <stdint.h>

struct predictor;

enum { PREDICT_ENOUGH = 8 /* samples of a key from which on no run waits in order to be measured */ };

/* A prior, from the catalog. Bytes, bytes for each element. */
struct prior {
    double a, b;
};

struct predictor *predictor_new(void);
void predictor_drop(struct predictor **predictor);

/*
 * Bytes to charge for elements. Before enough was learned the prior, with a margin, counts too: the larger of both.
 * A key remembers the first prior it was asked with. Elements and bytes above 2^49 count as that.
 */
uint64_t predict(struct predictor *predictor, const char *name, struct prior prior, uint64_t elements);

/*
 * What it took. predicted is what was charged for it; 0: nothing was. Few samples at large elements weigh as much as
 * many at small ones.
 */
void predict_learn(struct predictor *predictor, const char *name, uint64_t elements, uint64_t actual,
                   uint64_t predicted);

/* How many samples the key has (0 if unknown); saved ones included. */
uint64_t predict_samples(struct predictor *predictor, const char *name);

/*
 * What was learned, kept in a file: the file belongs to stamp (processor, versions of engines); one of another stamp,
 * or one that is damaged, is not read (0 is returned, nothing learned). Keys that are known already stay as they are,
 * so load before predicting. Saving replaces it in one step. ERR_OUTPUT.
 */
int predict_load(struct predictor *predictor, const char *path, const char *stamp);
int predict_save(struct predictor *predictor, const char *path, const char *stamp);

#endif
