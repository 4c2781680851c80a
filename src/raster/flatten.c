#include "raster/flatten.h"

enum {
    GREY_SPREAD = 2, /* channels that differ by no more are grey: the rounding of JPEG's colour conversion */
};

static inline int red(uint32_t word) { return (int)(word >> 24); }
static inline int green(uint32_t word) { return (int)(word >> 16 & 255); }
static inline int blue(uint32_t word) { return (int)(word >> 8 & 255); }
static inline uint32_t alpha(uint32_t word) { return word & 255; }

static inline int apart(int a, int b) { return a > b ? a - b : b - a; }
static inline int larger(int a, int b) { return a > b ? a : b; }

/* How far any pixel is from grey. */
static int spread(const uint32_t *words, size_t width) {
    int most = 0;
    for (size_t i = 0; i < width; i++) {
        int r = red(words[i]), g = green(words[i]), b = blue(words[i]);
        most = larger(most, larger(apart(r, g), larger(apart(g, b), apart(r, b))));
    }
    return most;
}

/* As spread(), of the pixels that can be seen; sums up their luminance (ITU-R BT.601, in 1/256). */
static int spread_seen(struct survey *survey, const uint32_t *words, size_t width) {
    int most = 0;
    for (size_t i = 0; i < width; i++) {
        uint32_t a = alpha(words[i]);
        int r = red(words[i]), g = green(words[i]), b = blue(words[i]);
        if (a > 0) {
            most = larger(most, larger(apart(r, g), larger(apart(g, b), apart(r, b))));
        }
        survey->transparent |= a < 255;
        survey->luminance += a * (uint32_t)(77 * r + 150 * g + 29 * b) / 256;
        survey->weight += a;
    }
    return most;
}

bool survey_row(struct survey *survey, const uint32_t *words, size_t width) {
    int most = survey->has_alpha ? spread_seen(survey, words, width) : spread(words, width);
    survey->colour |= most > GREY_SPREAD;
    return survey->colour && !survey->has_alpha;
}

void survey_end(struct survey *survey) {
    survey->transparent &= survey->weight > 0;
    survey->ground = survey->luminance > 127 * survey->weight ? 0 : 255;
}

/* Rounded division by 255 of a value up to 255 * 255 (Blinn 1995). */
static inline uint32_t by_255(uint32_t value) {
    value += 128;
    return (value + (value >> 8)) >> 8;
}

static inline uint8_t over(int ink, uint32_t a, uint32_t ground) {
    return (uint8_t)by_255((uint32_t)ink * a + ground * (255 - a));
}

static void flatten_transparent(const struct survey *survey, const uint32_t *words, size_t width, uint8_t *out) {
    for (size_t i = 0; i < width; i++) {
        uint32_t word = words[i], a = alpha(word);
        if (survey->colour) {
            *out++ = over(red(word), a, survey->ground);
            *out++ = over(green(word), a, survey->ground);
            *out++ = over(blue(word), a, survey->ground);
        } else {
            *out++ = over(green(word), a, survey->ground);
        }
    }
}

void flatten_row(const struct survey *survey, const uint32_t *words, size_t width, uint8_t *out) {
    if (survey->transparent) {
        flatten_transparent(survey, words, width, out);
    } else if (survey->colour) {
        for (size_t i = 0; i < width; i++) {
            out[3 * i] = (uint8_t)(words[i] >> 24);
            out[3 * i + 1] = (uint8_t)(words[i] >> 16);
            out[3 * i + 2] = (uint8_t)(words[i] >> 8);
        }
    } else {
        for (size_t i = 0; i < width; i++) {
            out[i] = (uint8_t)(words[i] >> 16);
        }
    }
}
