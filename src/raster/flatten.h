/*
 * Rows of decoded pixels to rows of a page bitmap: one channel where there is no colour, transparency replaced by a
 * ground against which the text stays visible. Pixels come as words: red in bits 31 to 24, green, blue, alpha in 7 to
 * 0. Pure functions. One thread per survey.
 */
#ifndef OCTAVO_RASTER_FLATTEN_H
#define OCTAVO_RASTER_FLATTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a picture before its rows are converted. Start from {.has_alpha = ...}. */
struct survey {
    bool has_alpha;             /* the words' alpha counts; otherwise it is ignored */
    bool colour;                /* some visible pixel is not grey */
    bool transparent;           /* some pixel is not opaque, and some is visible */
    uint64_t luminance, weight; /* of the visible pixels: sums of luminance * alpha and of alpha */
    uint8_t ground;             /* what shows through */
};

/* Looks at a row. True when further rows cannot change what survey_end() would say. */
bool survey_row(struct survey *survey, const uint32_t *words, size_t width);

/*
 * Chooses the ground, after the last row: what is visible is the ink, so ink that is light on the whole (mean luminance
 * above the middle) gets a black ground and dark ink a white one. Nothing visible at all: alpha is taken for void.
 */
void survey_end(struct survey *survey);

/* A row as the bitmap wants it: width bytes, or 3 * width if survey->colour. */
void flatten_row(const struct survey *survey, const uint32_t *words, size_t width, uint8_t *out);

#endif
