#include "raster/header.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const struct signature {
    enum format format;
    uint8_t offset, length;
    const char *bytes;
} signatures[] = {
    {FORMAT_PNG, 0, 8, "\x89PNG\r\n\x1a\n"},
    {FORMAT_JPEG, 0, 3, "\xff\xd8\xff"},
    {FORMAT_TIFF, 0, 4, "II*\0"},
    {FORMAT_TIFF, 0, 4, "MM\0*"},
    {FORMAT_TIFF, 0, 4, "II+\0"},
    {FORMAT_TIFF, 0, 4, "MM\0+"},
    {FORMAT_WEBP, 8, 4, "WEBP"},
    {FORMAT_GIF, 0, 6, "GIF87a"},
    {FORMAT_GIF, 0, 6, "GIF89a"},
    {FORMAT_JPEG2000, 4, 8, "jP  \r\n\x87\n"},
    {FORMAT_JPEG2000, 0, 4, "\xff\x4f\xff\x51"},
    {FORMAT_BMP, 0, 2, "BM"},
};

static const char *const words[] = {
    [FORMAT_NONE] = "none", [FORMAT_PNG] = "png",   [FORMAT_JPEG] = "jpeg",
    [FORMAT_TIFF] = "tiff", [FORMAT_WEBP] = "webp", [FORMAT_BMP] = "bmp",
    [FORMAT_GIF] = "gif",   [FORMAT_PNM] = "pnm",   [FORMAT_JPEG2000] = "jpeg2000",
};

const char *header_word(enum format format) { return words[format]; }

static bool is_blank(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

enum format header_format(const unsigned char *bytes, size_t length) {
    for (size_t i = 0; i < array_length(signatures); i++) {
        const struct signature *s = &signatures[i];
        if (length >= (size_t)s->offset + s->length && memcmp(bytes + s->offset, s->bytes, s->length) == 0) {
            return s->format;
        }
    }
    /* "P1" to "P7" and a blank: any text may begin with the first two. */
    bool pnm = length >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' && is_blank(bytes[2]);
    return pnm ? FORMAT_PNM : FORMAT_NONE;
}

static uint32_t big(const unsigned char *bytes, size_t size) {
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static uint32_t little(const unsigned char *bytes, size_t size) {
    uint32_t value = 0;
    for (size_t i = size; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

struct size {
    uint64_t width, height;
};

static bool png_size(const unsigned char *bytes, size_t length, struct size *ret) {
    if (length < 24) {
        return false;
    }
    *ret = (struct size){big(bytes + 16, 4), big(bytes + 20, 4)};
    return true;
}

/* ITU-T T.81, annex B: markers up to the frame header, which is any SOFn but DHT, JPG and DAC. */
static bool jpeg_size(const unsigned char *bytes, size_t length, struct size *ret) {
    size_t at = 2;
    while (at + 9 <= length) {
        unsigned char marker = bytes[at + 1];
        if (bytes[at] != 0xff || marker == 0xff) {
            at++; /* fill bytes, or garbage, which decoders skip likewise */
        } else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
            *ret = (struct size){big(bytes + at + 7, 2), big(bytes + at + 5, 2)};
            return true;
        } else if (marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd9)) {
            at += 2; /* no parameters */
        } else {
            at += 2 + (size_t)big(bytes + at + 2, 2);
        }
    }
    return false;
}

/* RFC 9649 (container), RFC 6386 section 9.1 (VP8), WebP lossless specification section 3 (VP8L). */
static bool webp_size(const unsigned char *bytes, size_t length, struct size *ret) {
    if (length < 30) {
        return false;
    }
    if (memcmp(bytes + 12, "VP8X", 4) == 0) {
        *ret = (struct size){little(bytes + 24, 3) + 1, little(bytes + 27, 3) + 1};
    } else if (memcmp(bytes + 12, "VP8L", 4) == 0) {
        uint32_t packed = little(bytes + 21, 4);
        *ret = (struct size){(packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1};
    } else {
        *ret = (struct size){little(bytes + 26, 2) & 0x3fff, little(bytes + 28, 2) & 0x3fff};
    }
    return true;
}

static bool bmp_size(const unsigned char *bytes, size_t length, struct size *ret) {
    if (length < 26) {
        return false;
    }
    if (little(bytes + 14, 4) == 12) { /* BITMAPCOREHEADER: 16 bits each */
        *ret = (struct size){little(bytes + 18, 2), little(bytes + 20, 2)};
        return true;
    }
    int64_t width = (int32_t)little(bytes + 18, 4), height = (int32_t)little(bytes + 22, 4);
    /* A negative height means rows from the top; a negative width means nothing. */
    *ret = (struct size){width > 0 ? (uint64_t)width : 0, (uint64_t)(height < 0 ? -height : height)};
    return true;
}

bool header_bmp_is_cut(const unsigned char *bytes, size_t length) {
    struct size size;
    if (length < 34 || !bmp_size(bytes, length, &size)) {
        return false;
    }
    bool core = little(bytes + 14, 4) == 12;
    uint64_t bits = core ? little(bytes + 24, 2) : little(bytes + 28, 2), kind = core ? 0 : little(bytes + 30, 4);
    bool plain = kind == 0 || kind == 3; /* BI_RGB, BI_BITFIELDS */
    uint64_t row = (size.width * bits + 31) / 32 * 4, start = little(bytes + 10, 4);
    return plain && bits <= 32 && row > 0 && (length < start || (length - start) / row < size.height);
}

/* The next number of a PNM header, past blanks and comments. */
static bool pnm_number(const unsigned char *bytes, size_t length, size_t *at, uint64_t *ret) {
    while (*at < length && (is_blank(bytes[*at]) || bytes[*at] == '#')) {
        if (bytes[*at] == '#') {
            while (*at < length && bytes[*at] != '\n') {
                ++*at;
            }
        } else {
            ++*at;
        }
    }
    uint64_t value = 0;
    size_t start = *at;
    while (*at < length && bytes[*at] >= '0' && bytes[*at] <= '9' && value < UINT32_MAX) {
        value = value * 10 + (bytes[(*at)++] - '0');
    }
    *ret = value;
    return *at > start;
}

/* PAM (P7) has named fields, each at the start of a line. */
static bool pam_field(const unsigned char *bytes, size_t length, const char *name, uint64_t *ret) {
    size_t header = length < 1024 ? length : 1024;
    const unsigned char *field = memmem(bytes, header, name, strlen(name));
    size_t at = field ? (size_t)(field - bytes) + strlen(name) : length;
    return pnm_number(bytes, length, &at, ret);
}

static bool pnm_size(const unsigned char *bytes, size_t length, struct size *ret) {
    if (bytes[1] == '7') {
        return pam_field(bytes, length, "\nWIDTH", &ret->width) && pam_field(bytes, length, "\nHEIGHT", &ret->height);
    }
    size_t at = 2;
    return pnm_number(bytes, length, &at, &ret->width) && pnm_number(bytes, length, &at, &ret->height);
}

/* ITU-T T.800, annex A: the SIZ marker of the codestream, wherever the container has it. */
static bool jpeg2000_size(const unsigned char *bytes, size_t length, struct size *ret) {
    const unsigned char *siz = memmem(bytes, length, "\xff\x4f\xff\x51", 4);
    if (!siz || length - (size_t)(siz - bytes) < 24) {
        return false;
    }
    uint32_t right = big(siz + 8, 4), bottom = big(siz + 12, 4), left = big(siz + 16, 4), top = big(siz + 20, 4);
    *ret = (struct size){right > left ? right - left : 0, bottom > top ? bottom - top : 0};
    return true;
}

/* End of the chain of sub-blocks at at: each a length byte and so many bytes, 0 ends it. */
static size_t gif_skip(const unsigned char *bytes, size_t length, size_t at) {
    while (at < length && bytes[at] != 0) {
        at += 1 + (size_t)bytes[at];
    }
    return at + 1;
}

static size_t gif_palette(unsigned char flags) { return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0; }

/* Where the first image descriptor stands, past extensions, of which one names the transparent colour: GIF89a, 18
 * to 23. */
static bool gif_descriptor(const unsigned char *bytes, size_t length, size_t *ret, int *ret_transparent) {
    size_t at = length < 13 ? length : 13 + gif_palette(bytes[10]);
    int transparent = -1;
    while (at + 2 <= length && bytes[at] == 0x21) {
        if (bytes[at + 1] == 0xf9 && at + 7 <= length && (bytes[at + 3] & 1)) {
            transparent = bytes[at + 6];
        }
        at = gif_skip(bytes, length, at + 2);
    }
    if (at + 11 > length || bytes[at] != 0x2c) {
        return false;
    }
    *ret = at;
    *ret_transparent = transparent;
    return true;
}

static bool gif_size(const unsigned char *bytes, size_t length, struct size *ret) {
    size_t at;
    int transparent;
    if (!gif_descriptor(bytes, length, &at, &transparent)) {
        return false;
    }
    *ret = (struct size){little(bytes + at + 5, 2), little(bytes + at + 7, 2)};
    return true;
}

int header_first_frame(const unsigned char *bytes, size_t length, size_t *ret_length, int *ret_transparent) {
    size_t at;
    if (!gif_descriptor(bytes, length, &at, ret_transparent)) {
        return fail(ERR_CORRUPT, "a GIF without a picture");
    }
    size_t end = gif_skip(bytes, length, at + 10 + gif_palette(bytes[at + 9]) + 1);
    *ret_length = end < length ? end : length;
    return 0;
}

int header_size(enum format format, const unsigned char *bytes, size_t length, uint64_t *ret_width,
                uint64_t *ret_height) {
    static bool (*const readers[])(const unsigned char *, size_t, struct size *) = {
        [FORMAT_PNG] = png_size, [FORMAT_JPEG] = jpeg_size, [FORMAT_WEBP] = webp_size,         [FORMAT_BMP] = bmp_size,
        [FORMAT_GIF] = gif_size, [FORMAT_PNM] = pnm_size,   [FORMAT_JPEG2000] = jpeg2000_size,
    };
    struct size size = {0};
    if (!readers[format](bytes, length, &size)) {
        return fail(ERR_CORRUPT, "the header of the %s is cut", words[format]);
    }
    if (size.width == 0 || size.height == 0) {
        return fail(ERR_CORRUPT, "the header of the %s says %llu x %llu pixels", words[format],
                    (unsigned long long)size.width, (unsigned long long)size.height);
    }
    *ret_width = size.width;
    *ret_height = size.height;
    return 0;
}

/* A chunk by its name, in a file of chunks: PNG (length, name, data, checksum) or RIFF (name, length, data, padding).
 */
static bool find_chunk(const unsigned char *bytes, size_t length, bool riff, const char *name,
                       const unsigned char **ret, size_t *ret_length) {
    size_t at = riff ? 12 : 8;
    while (at < length && length - at >= 8) {
        size_t size = riff ? little(bytes + at + 4, 4) : big(bytes + at, 4);
        if (size > length - at - 8) {
            return false;
        }
        if (memcmp(bytes + at + (riff ? 0 : 4), name, 4) == 0) {
            *ret = bytes + at + 8;
            *ret_length = size;
            return true;
        }
        at += 8 + size + (riff ? size % 2 : 4);
    }
    return false;
}

bool header_exif(enum format format, const unsigned char *bytes, size_t length, const unsigned char **ret,
                 size_t *ret_length) {
    switch (format) {
    case FORMAT_JPEG:
        *ret = bytes;
        *ret_length = length;
        return true;
    case FORMAT_PNG:
        return find_chunk(bytes, length, false, "eXIf", ret, ret_length);
    case FORMAT_WEBP:
        return find_chunk(bytes, length, true, "EXIF", ret, ret_length);
    default:
        return false;
    }
}

/* The frame header at frame. */
static void read_frame(const unsigned char *frame, struct jpeg *jpeg) {
    uint32_t across = 1, down = 1;
    jpeg->frame = frame[1];
    jpeg->bits = frame[4];
    jpeg->components = frame[9];
    jpeg->progressive = (frame[1] & 3) == 2; /* SOF2, 6, 10, 14 */
    jpeg->blocks = 0;
    for (uint32_t i = 0; i < jpeg->components; i++) {
        uint32_t h = frame[11 + 3 * i] >> 4, v = frame[11 + 3 * i] & 15;
        across = h > across ? h : across;
        down = v > down ? v : down;
        jpeg->blocks += h * v;
    }
    jpeg->most = across * down;
}

struct jpeg header_jpeg(const unsigned char *bytes, size_t length) {
    struct jpeg jpeg = {.components = 3, .scanned = 3, .blocks = 3, .most = 1};
    for (size_t at = 2; at + 10 <= length;) {
        unsigned char marker = bytes[at + 1];
        size_t size = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (bytes[at] != 0xff || marker == 0xff) {
            at++;
            continue;
        }
        if (marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd9)) {
            at += 2;
            continue;
        }
        if (marker == 0xda) {
            jpeg.scanned = bytes[at + 4];
            break;
        }
        if (marker == 0xee && at + 9 <= length && memcmp(bytes + at + 4, "Adobe", 5) == 0) {
            jpeg.adobe = true;
        }
        bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame && at + 10 + 3 * (size_t)bytes[at + 9] <= length) {
            read_frame(bytes + at, &jpeg);
        }
        at += 2 + size;
    }
    return jpeg;
}
