#include "memory/predict.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

enum {
    WINDOW = 32,      /* samples that a bucket remembers */
    BUCKETS = 49,     /* one for each power of two of elements */
    ENOUGH = 8,       /* samples of a bucket to judge its spread */
    PRIOR_COUNTS = 3, /* samples of a key from which on its prior no longer counts */
    REFIT = 8,        /* samples after which a key that has many is fitted again */
    FULL_WEIGHT = 4,  /* samples with which a bucket weighs as much as one can in the fit */
    MOST_KEYS = 1024, /* in a file */
    FORMAT = 1,       /* of the file */
    FILE_LIMIT = 32 << 20,
};

#define LARGEST ((UINT64_C(1) << BUCKETS) - 1) /* elements or bytes; what is above counts as this */
#define MARGIN (UINT64_C(256) << 10)           /* bytes on top of every prediction: pages and heap blocks are whole */
#define PRIOR_MARGIN 1.25

/* Of peak / fit, relative to the median of a bucket. */
#define SPREADS 5.0 /* spreads charged above the median */
#define LEAST_SPREAD 0.01
#define UNKNOWN_SPREAD 0.05
#define TAIL 0.02       /* the part of a key's samples (and one more) that may lie above what each bucket is charged */
#define FEW 0.25        /* divided by the samples of a bucket: for what it has not shown yet */
#define FEW_BEYOND 1.25 /* times the largest seen: what is charged at most, of a few samples, and of more */
#define BEYOND 2.0
#define WIDE 4 /* elements must span this factor before a slope is believed */

struct sample {
    uint64_t elements, actual;
};

struct bucket {
    struct sample samples[WINDOW]; /* a ring */
    int count, next;
    /* Of actual / fit, made by refit(): median, largest, spread relative to the median, and what is charged. */
    double middle, highest, spread, upper;
};

struct key {
    struct key *next;
    char *name;
    uint64_t samples; /* since ever */
    bool has_prior;
    struct prior prior;
    struct bucket *buckets[BUCKETS]; /* NULL until used */
    /* made by refit() */
    struct prior fit;
    bool sloped;          /* fit was learned; otherwise it has the shape of the prior */
    uint64_t least, most; /* elements seen; least above most: none */
};

struct predictor {
    pthread_mutex_t lock; /* all below */
    struct key *keys;
};

/* Keys */

static void drop_keys(struct key **keys) {
    while (*keys) {
        struct key *key = *keys;
        *keys = key->next;
        for (int i = 0; i < BUCKETS; i++) {
            free(key->buckets[i]);
        }
        free(key->name);
        free(key);
    }
}

static struct key *find_key(struct key *keys, const char *name) {
    while (keys && strcmp(keys->name, name) != 0) {
        keys = keys->next;
    }
    return keys;
}

static struct key *find_or_add_key(struct key **keys, const char *name) {
    struct key *key = find_key(*keys, name);
    if (!key) {
        key = alloc(1, sizeof(*key));
        *key = (struct key){.next = *keys, .name = copy_string(name), .least = UINT64_MAX};
        *keys = key;
    }
    return key;
}

/* Samples */

static uint64_t clamp(uint64_t number) { return number < LARGEST ? number : LARGEST; }

static int bucket_of(uint64_t elements) { return elements > 1 ? 63 - __builtin_clzll(elements) : 0; }

static const struct bucket *add_sample(struct key *key, uint64_t elements, uint64_t actual) {
    struct bucket **bucket = &key->buckets[bucket_of(elements)];
    *bucket = *bucket ? *bucket : alloc(1, sizeof(**bucket));
    (*bucket)->samples[(*bucket)->next] = (struct sample){elements, actual};
    (*bucket)->next = ((*bucket)->next + 1) % WINDOW;
    (*bucket)->count += (*bucket)->count < WINDOW;
    key->least = elements < key->least ? elements : key->least;
    key->most = elements > key->most ? elements : key->most;
    return *bucket;
}

static double at(struct prior line, uint64_t elements) {
    double bytes = line.a + line.b * (double)elements;
    return bytes > 1 ? bytes : 1;
}

/* The fit */

/*
 * Weighs the samples of a bucket such that squares of relative deviations add up and that buckets count alike, however
 * many samples they have; a bucket with few counts less, for one of them may be an odd one.
 */
static double weight_of(const struct bucket *bucket) {
    double sum = 0;
    for (int i = 0; i < bucket->count; i++) {
        sum += (double)bucket->samples[i].actual;
    }
    double mean = sum / bucket->count > 1 ? sum / bucket->count : 1;
    double share = bucket->count < FULL_WEIGHT ? (double)bucket->count / FULL_WEIGHT : 1;
    return share / (bucket->count * mean * mean);
}

/* Weighted sums over a bucket's samples of 1, x and y, and of squares around the means x0 and y0. */
struct sums {
    double n, x, y, xx, xy;
};

static struct sums sums_of(const struct key *key, double x0, double y0) {
    struct sums sums = {0};
    for (int i = 0; i < BUCKETS; i++) {
        const struct bucket *bucket = key->buckets[i];
        double weight = bucket ? weight_of(bucket) : 0;
        for (int k = 0; bucket && k < bucket->count; k++) {
            double x = (double)bucket->samples[k].elements - x0, y = (double)bucket->samples[k].actual - y0;
            sums.n += weight;
            sums.x += weight * x;
            sums.y += weight * y;
            sums.xx += weight * x * x;
            sums.xy += weight * x * y;
        }
    }
    return sums;
}

/* The line of least squares, neither part of it negative. */
static struct prior line_of(const struct key *key) {
    struct sums raw = sums_of(key, 0, 0);
    double x = raw.x / raw.n, y = raw.y / raw.n;
    struct sums central = sums_of(key, x, y);
    double b = central.xx > 0 ? central.xy / central.xx : 0;
    if (b < 0) {
        return (struct prior){.a = y};
    }
    return b * x <= y ? (struct prior){y - b * x, b} : (struct prior){.b = raw.xy / raw.xx};
}

/* While sizes are too much alike to show a slope: the prior's, or in proportion where there is no prior. */
static struct prior guess_of(const struct key *key) {
    if (key->prior.a > 0 || key->prior.b > 0) {
        return key->prior;
    }
    struct sums sums = sums_of(key, 0, 0);
    return sums.x > 0 ? (struct prior){.b = sums.y / sums.x} : (struct prior){.a = sums.y / sums.n};
}

static int compare(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void sort(double *numbers, size_t count) { qsort(numbers, count, sizeof(*numbers), compare); }

/* Of sorted numbers: half of what the middle half spans. */
static double spread_of(const double *sorted, size_t count) {
    return (sorted[count - 1 - count / 4] - sorted[count / 4]) / 2;
}

/* Sets middle, highest and spread; adds the deviations from the middle, relative to it, to deviations. */
static size_t judge_bucket(struct bucket *bucket, struct prior fit, double *deviations) {
    size_t count = (size_t)bucket->count;
    for (size_t i = 0; i < count; i++) {
        deviations[i] = (double)bucket->samples[i].actual / at(fit, bucket->samples[i].elements);
    }
    sort(deviations, count);
    bucket->middle = deviations[count / 2];
    bucket->highest = deviations[count - 1];
    for (size_t i = 0; i < count; i++) {
        deviations[i] = bucket->middle > 0 ? deviations[i] / bucket->middle - 1 : 0;
    }
    bucket->spread = count >= ENOUGH ? spread_of(deviations, count) : 0;
    return count > 2 ? count : 0; /* one or two do not show how far they scatter */
}

static void refit(struct key *key) {
    double deviations[BUCKETS * WINDOW];
    size_t count = 0;
    key->sloped = key->most >= WIDE * (key->least + 1);
    key->fit = key->sloped ? line_of(key) : guess_of(key);
    for (int i = 0; i < BUCKETS; i++) {
        count += key->buckets[i] ? judge_bucket(key->buckets[i], key->fit, deviations + count) : 0;
    }
    sort(deviations, count);
    double spread = fmax(LEAST_SPREAD, count ? spread_of(deviations, count) : UNKNOWN_SPREAD);
    double tail = count > 1 ? deviations[count - 2 - (size_t)((double)count * TAIL)] : 0;
    for (int i = 0; i < BUCKETS; i++) {
        struct bucket *bucket = key->buckets[i];
        if (bucket) {
            double own = fmax(spread, bucket->spread);
            double usual = bucket->middle * (1 + fmax(tail + own, SPREADS * own) + FEW / bucket->count);
            double most = bucket->highest * (bucket->count < WINDOW ? FEW_BEYOND : BEYOND);
            bucket->upper =
                fmax(bucket->highest + LEAST_SPREAD, fmin(fmax(bucket->highest + bucket->middle * own, usual), most));
        }
    }
}

/* The bound */

/* The next bucket with samples from place on in steps of step; -1 if there is none. */
static int seek(const struct key *key, int place, int step) {
    while (place >= 0 && place < BUCKETS && !key->buckets[place]) {
        place += step;
    }
    return place < BUCKETS ? place : -1;
}

/*
 * What is charged of the fit at a place: as its bucket has shown; while that has few samples or none, the larger of it
 * and the two nearest, one on each side where there are.
 */
static double upper_at(const struct key *key, int place) {
    const struct bucket *own = key->buckets[place];
    if (own && own->count >= FULL_WEIGHT) {
        return own->upper;
    }
    int below = seek(key, place - 1, -1), above = seek(key, place + 1, 1);
    if (below < 0 && above >= 0) {
        below = seek(key, above + 1, 1);
    } else if (above < 0 && below >= 0) {
        above = seek(key, below - 1, -1);
    }
    double upper = own ? own->upper : 0;
    upper = below >= 0 ? fmax(upper, key->buckets[below]->upper) : upper;
    return above >= 0 ? fmax(upper, key->buckets[above]->upper) : upper;
}

/* The largest peak remembered of at most so many elements. */
static uint64_t largest_until(const struct key *key, uint64_t elements) {
    uint64_t largest = 0;
    for (int i = 0; i <= bucket_of(elements); i++) {
        const struct bucket *bucket = key->buckets[i];
        for (int k = 0; bucket && k < bucket->count; k++) {
            const struct sample *sample = &bucket->samples[k];
            largest = sample->elements <= elements && sample->actual > largest ? sample->actual : largest;
        }
    }
    return largest;
}

static uint64_t whole(double bytes) { return bytes < (double)LARGEST ? (uint64_t)ceil(bytes) : LARGEST; }

static uint64_t bound(const struct key *key, uint64_t elements) {
    uint64_t bytes = 0;
    if (key->samples < PRIOR_COUNTS) {
        bytes = whole(at(key->prior, elements) * PRIOR_MARGIN);
    }
    if (key->least <= key->most) {
        /* A line in proportion says nothing of what is smaller than all it was made from. */
        bool blind = !key->sloped && elements < key->least;
        uint64_t learned = whole(at(key->fit, blind ? key->least : elements) * upper_at(key, bucket_of(elements)));
        uint64_t largest = largest_until(key, elements);
        bytes = learned > bytes ? learned : bytes;
        bytes = largest > bytes ? largest : bytes;
    }
    return bytes + MARGIN;
}

/* Prediction and learning */

struct predictor *predictor_new(void) {
    struct predictor *predictor = alloc(1, sizeof(*predictor));
    pthread_mutex_init(&predictor->lock, NULL);
    return predictor;
}

void predictor_drop(struct predictor **predictor) {
    if (*predictor) {
        drop_keys(&(*predictor)->keys);
        pthread_mutex_destroy(&(*predictor)->lock);
        free(*predictor);
    }
    *predictor = NULL;
}

static double sane(double number) { return number > 0 && number < (double)LARGEST ? number : 0; }

uint64_t predict(struct predictor *predictor, const char *name, struct prior prior, uint64_t elements) {
    pthread_mutex_lock(&predictor->lock);
    struct key *key = find_or_add_key(&predictor->keys, name);
    if (!key->has_prior) {
        key->has_prior = true;
        key->prior = (struct prior){sane(prior.a), sane(prior.b)};
        if (key->least <= key->most) {
            refit(key);
        }
    }
    uint64_t bytes = bound(key, clamp(elements));
    pthread_mutex_unlock(&predictor->lock);
    return bytes;
}

void predict_learn(struct predictor *predictor, const char *name, uint64_t elements, uint64_t actual,
                   uint64_t predicted) {
    pthread_mutex_lock(&predictor->lock);
    struct key *key = find_or_add_key(&predictor->keys, name);
    const struct bucket *bucket = add_sample(key, clamp(elements), clamp(actual));
    key->samples++;
    if (key->samples % REFIT == 0 || bucket->count < WINDOW || predicted < actual) {
        refit(key);
    }
    pthread_mutex_unlock(&predictor->lock);
}

uint64_t predict_samples(struct predictor *predictor, const char *name) {
    pthread_mutex_lock(&predictor->lock);
    const struct key *key = find_key(predictor->keys, name);
    uint64_t samples = key ? key->samples : 0;
    pthread_mutex_unlock(&predictor->lock);
    return samples;
}

/* The file: {"format", "stamp", "keys": [{"key", "samples", "seen": [elements, actual, elements, actual, ...]}]} */

static struct json *seen_to_json(const struct key *key) {
    struct json *seen = json_array_new();
    for (int i = 0; i < BUCKETS; i++) {
        const struct bucket *bucket = key->buckets[i];
        for (int k = 0; bucket && k < bucket->count; k++) {
            /* The oldest first: they leave first again. */
            const struct sample *sample = &bucket->samples[(bucket->next + WINDOW - bucket->count + k) % WINDOW];
            json_append_real(seen, (double)sample->elements, 0);
            json_append_real(seen, (double)sample->actual, 0);
        }
    }
    return seen;
}

int predict_save(struct predictor *predictor, const char *path, const char *stamp) {
    struct json *file cleanup(json_drop) = json_object_new();
    struct json *keys = json_array_new();
    json_set_int(file, "format", FORMAT);
    json_set_string(file, "stamp", stamp);
    json_set(file, "keys", keys);
    pthread_mutex_lock(&predictor->lock);
    for (const struct key *key = predictor->keys; key; key = key->next) {
        if (key->least <= key->most) {
            struct json *object = json_object_new();
            json_set_string(object, "key", key->name);
            json_set_int(object, "samples", (int64_t)key->samples);
            json_set(object, "seen", seen_to_json(key));
            json_append(keys, object);
        }
    }
    pthread_mutex_unlock(&predictor->lock);
    char *text cleanup(drop_memory) = json_text(file, false);
    return file_replace(path, text, strlen(text));
}

/* A whole number from 0 to LARGEST; -1 for all else. */
static int64_t as_number(const struct json *value) {
    double number = json_as_real(value, -1);
    return number >= 0 && number <= (double)LARGEST && number == floor(number) ? (int64_t)number : -1;
}

/* ERR_PROTOCOL for what predict_save() would not have written. */
static int read_key(const struct json *object, struct key **keys) {
    const char *name = json_string(object, "key");
    int64_t samples = as_number(json_at(object, "samples"));
    if (!name || find_key(*keys, name)) {
        return ERR_PROTOCOL;
    }
    struct key *key = find_or_add_key(keys, name);
    for (const struct json *one = json_first(json_at(object, "seen")); one; one = json_next(one)) {
        int64_t elements = as_number(one);
        one = json_next(one);
        int64_t actual = one ? as_number(one) : -1;
        if (elements < 0 || actual < 0) {
            return ERR_PROTOCOL;
        }
        add_sample(key, (uint64_t)elements, (uint64_t)actual);
        key->samples++;
    }
    if (key->samples == 0 || samples < (int64_t)key->samples) {
        return ERR_PROTOCOL;
    }
    key->samples = (uint64_t)samples;
    refit(key);
    return 0;
}

static int read_keys(const struct json *file, const char *stamp, struct key **ret_keys) {
    const char *written = json_string(file, "stamp");
    if (json_int(file, "format", 0) != FORMAT || !written || strcmp(written, stamp) != 0) {
        return ERR_PROTOCOL;
    }
    int result = 0, count = 0;
    for (const struct json *one = json_first(json_at(file, "keys")); one && result == 0; one = json_next(one)) {
        result = ++count <= MOST_KEYS ? read_key(one, ret_keys) : ERR_PROTOCOL;
    }
    return result;
}

int predict_load(struct predictor *predictor, const char *path, const char *stamp) {
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    struct json *file cleanup(json_drop) = NULL;
    struct key *keys cleanup(drop_keys) = NULL;
    if (file_read_path(path, FILE_LIMIT, &text, &length) != 0 || json_parse(text, length, &file) != 0 ||
        read_keys(file, stamp, &keys) != 0) {
        return 0;
    }
    pthread_mutex_lock(&predictor->lock);
    for (struct key **place = &keys; *place;) {
        struct key *key = *place;
        const struct key *known = find_key(predictor->keys, key->name);
        if (known) {
            place = &key->next; /* what this process has learned is newer */
        } else {
            *place = key->next;
            key->next = predictor->keys;
            predictor->keys = key;
        }
    }
    pthread_mutex_unlock(&predictor->lock);
    return 0;
}
