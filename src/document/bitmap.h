/*
 * How a page bitmap travels: a sealed memfd of height rows of width * channels bytes, no padding, and these fields in
 * the message that carries it. channels 1 is grey, 3 is red, green, blue. It is opaque and upright as the file says
 * (EXIF orientation, PDF /Rotate applied).
 */
#ifndef OCTAVO_DOCUMENT_BITMAP_H
#define OCTAVO_DOCUMENT_BITMAP_H

#include <stddef.h>
#include <stdint.h>

struct json;

struct bitmap {
    uint32_t width, height, channels;
    float dpi; /* 0 if unknown */
};

enum { BITMAP_SHRINK_MOST = 4 }; /* a page is drawn at most so many times smaller each way for lack of memory */

/* Bytes of the pixels. ERR_TOO_LARGE if they overflow. */
int bitmap_bytes(const struct bitmap *bitmap, size_t *ret);

/* Fields of a message: written into object, read from it. ERR_PROTOCOL if absent or absurd (a side of 0 or > 2^20). */
void bitmap_to_json(const struct bitmap *bitmap, struct json *object);
int bitmap_from_json(const struct json *object, struct bitmap *ret);

#endif
