#include "raster/cost.h"

#include <string.h>

enum {
    GREY = 8,  /* bits of a grey pixel in the bitmap */
    RGB = 24,  /* of a coloured one there */
    WORD = 32, /* of one that leptonica holds as a word */
    FIXED_BYTES = 2 << 20,
};

/* A pixel of one sample stays as it is, any other becomes a word. */
static uint32_t decoded_bits(uint32_t samples, uint32_t bits) { return samples == 1 ? bits : WORD; }

/* PNG specification, 11.2.2: depth at 24, colour type at 25. */
static struct cost cost_of_png(const unsigned char *bytes, size_t length) {
    static const uint8_t samples[] = {[0] = 1, [2] = 3, [3] = 1, [4] = 4, [6] = 4}; /* 4: grey with alpha is expanded */
    uint32_t depth = length > 25 && bytes[24] < 8 ? bytes[24] : 8, type = length > 25 && bytes[25] <= 6 ? bytes[25] : 6;
    uint32_t decoded = decoded_bits(samples[type], depth);
    return (struct cost){samples[type] * depth, decoded, type == 0 ? GREY : RGB};
}

/* Several scans: libjpeg keeps the coefficients of the whole picture, 16 bits each. */
static struct cost cost_of_jpeg(const unsigned char *bytes, size_t length) {
    struct jpeg jpeg = header_jpeg(bytes, length);
    uint32_t decoded = decoded_bits(jpeg.components, 8);
    bool kept = jpeg.progressive || jpeg.scanned < jpeg.components;
    uint32_t coefficients = kept ? (16 * jpeg.blocks + jpeg.most - 1) / jpeg.most : 0;
    return (struct cost){coefficients, decoded, jpeg.components == 1 ? GREY : RGB};
}

/* RFC 9649: of VP8X, bit 4 of the flags is alpha, which lossy pictures have in a plane of its own. */
static struct cost cost_of_webp(const unsigned char *bytes, size_t length) {
    enum { HEADER = 4096 };
    bool lossless = memmem(bytes, length < HEADER ? length : HEADER, "VP8L", 4) != NULL;
    bool alpha = length > 20 && memcmp(bytes + 12, "VP8X", 4) == 0 && (bytes[20] & 0x10);
    return (struct cost){lossless ? WORD : alpha ? 8 : 0, WORD, RGB};
}

static struct cost cost_of_bmp(const unsigned char *bytes, size_t length) {
    bool core = length > 15 && bytes[14] == 12;
    size_t at = core ? 24 : 28;
    uint32_t bits = length > at && bytes[at] <= 8 ? bytes[at] : WORD;
    return (struct cost){0, bits, RGB};
}

/* P2 and P5 may have 16 bits. */
static struct cost cost_of_pnm(const unsigned char *bytes, size_t length) {
    switch (length > 1 ? bytes[1] : '7') {
    case '1':
    case '4':
        return (struct cost){0, 1, GREY};
    case '2':
    case '5':
        return (struct cost){0, 16, GREY};
    default:
        return (struct cost){0, WORD, RGB};
    }
}

/* ITU-T T.800, annex A: the components are counted 40 bytes behind the start of the codestream. */
static struct cost cost_of_jpeg2000(const unsigned char *bytes, size_t length) {
    const unsigned char *siz = memmem(bytes, length, "\xff\x4f\xff\x51", 4);
    uint32_t components = siz && length - (size_t)(siz - bytes) > 41 && siz[40] == 0 ? siz[41] : 3;
    uint32_t decoded = components < 3 ? 8 : WORD;
    return (struct cost){32 * components, decoded, components < 3 ? GREY : RGB};
}

struct cost cost_of(enum format format, const unsigned char *bytes, size_t length) {
    switch (format) {
    case FORMAT_PNG:
        return cost_of_png(bytes, length);
    case FORMAT_JPEG:
        return cost_of_jpeg(bytes, length);
    case FORMAT_WEBP:
        return cost_of_webp(bytes, length);
    case FORMAT_BMP:
        return cost_of_bmp(bytes, length);
    case FORMAT_PNM:
        return cost_of_pnm(bytes, length);
    case FORMAT_JPEG2000:
        return cost_of_jpeg2000(bytes, length);
    default:
        return (struct cost){8, 8, RGB}; /* GIF */
    }
}

struct cost cost_of_tiff(const struct tiff_page *page) {
    uint32_t bits = page->bits > 8 ? 16 : page->bits;
    if (page->samples == 1) {
        return (struct cost){bits, bits, page->palette ? RGB : GREY};
    }
    uint32_t stored = bits * (page->samples < 8 ? page->samples : 8);
    return (struct cost){WORD + 2 * stored, WORD, RGB};
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

size_t cost_bytes(const struct cost *cost, uint64_t pixels, uint32_t shrink, bool turned) {
    uint64_t smaller = pixels / shrink / shrink, decoding, decoded, painting;
    uint32_t painted = turned ? cost->decoded + cost->drawn : (uint32_t)larger(cost->decoded, cost->drawn);
    if (__builtin_mul_overflow(pixels, cost->working, &decoding) ||
        __builtin_mul_overflow(smaller, cost->decoded, &decoded) ||
        __builtin_add_overflow(decoding, decoded, &decoding) || __builtin_mul_overflow(smaller, painted, &painting)) {
        return SIZE_MAX;
    }
    return larger(decoding, painting) / 8 + FIXED_BYTES;
}
