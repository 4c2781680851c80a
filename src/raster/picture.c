/*
 * Picture files, decoded by leptonica, whose only home this is. Pictures on which it gives up are tried with MuPDF's
 * own decoders (raster/pdf.h), which read some TIFFs of 16 bits and forgive a missing end.
 */
#include <leptonica/allheaders.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "raster/canvas.h"
#include "raster/cost.h"
#include "raster/exif.h"
#include "raster/flatten.h"
#include "raster/heap.h"
#include "raster/pdf.h"
#include "raster/picture.h"

enum {
    MAX_SIDE = 1 << 20,      /* of a bitmap (document/bitmap.h) */
    MAX_SCANS = 256,         /* of a JPEG: a progressive one has about ten; each costs a pass over all pixels */
    RELEASE_BYTES = 1 << 20, /* of decoded rows, given back as soon as they are converted */
};

static void drop_pix(PIX **pix) { pixDestroy(pix); }

static int check_size(const struct picture *picture, uint64_t width, uint64_t height) {
    if (width > MAX_SIDE || height > MAX_SIDE || width * height > picture->max_pixels) {
        return fail(ERR_TOO_LARGE, "%llu x %llu pixels, the limit is %llu", (unsigned long long)width,
                    (unsigned long long)height, (unsigned long long)picture->max_pixels);
    }
    return 0;
}

/* Entropy-coded bytes never hold a start-of-scan marker (T.81, B.1.1.5); a thumbnail adds a few. */
static int check_scans(const struct picture *picture) {
    const unsigned char *rest = picture->bytes, *end = rest + picture->length;
    int scans = 0;
    while ((rest = memmem(rest, (size_t)(end - rest), "\xff\xda", 2)) && scans <= MAX_SCANS) {
        rest += 2;
        scans++;
    }
    return scans > MAX_SCANS ? fail(ERR_UNSUPPORTED, "a JPEG of more than %d scans", MAX_SCANS) : 0;
}

static int open_tiff(struct picture *picture, uint32_t max_pages, struct notes *notes) {
    int result = tiff_walk(picture->bytes, picture->length, max_pages, &picture->tiff);
    if (result != 0) {
        return result;
    }
    if (picture->tiff.more) {
        return fail(ERR_TOO_MANY_PAGES, "more than %zu pages", picture->tiff.count);
    }
    if (picture->tiff.broken) {
        notes_add(notes, "the list of pages is damaged after page %zu", picture->tiff.count);
    }
    picture->document.pages = (uint32_t)picture->tiff.count;
    return 0;
}

static int open_single(struct picture *picture) {
    uint64_t width, height;
    int result = header_size(picture->format, picture->bytes, picture->length, &width, &height);
    if (result == 0) {
        result = check_size(picture, width, height);
    }
    if (result == 0 && picture->format == FORMAT_JPEG) {
        result = check_scans(picture);
    }
    if (result == 0) {
        picture->pixels = width * height;
        picture->document.pages = 1;
    }
    return result;
}

static bool knows_picture(const unsigned char *bytes, size_t length) {
    return header_format(bytes, length) != FORMAT_NONE;
}

static void close_picture(struct document **document) {
    struct picture *picture = (struct picture *)*document;
    if (picture) {
        picture_write_drop(picture);
        free(picture->tiff.pages);
        free(picture);
    }
    *document = NULL;
}

static int open_picture(const unsigned char *bytes, size_t length, const struct limits *limits, struct notes *notes,
                        struct document **ret) {
    setMsgSeverity(L_SEVERITY_NONE);
    struct picture *picture = alloc(1, sizeof(*picture));
    struct document *document cleanup(close_picture) = &picture->document;
    *picture = (struct picture){
        .bytes = bytes, .length = length, .format = header_format(bytes, length), .max_pixels = limits->max_pixels};
    document->format = header_word(picture->format);
    int result = picture->format == FORMAT_TIFF ? open_tiff(picture, limits->max_pages, notes) : open_single(picture);
    if (result == 0) {
        *ret = take(document);
    }
    return result;
}

/* How many times smaller it is drawn: libjpeg can leave out frequencies (libjpeg.txt, "scale_num"). */
static uint32_t shrink_of(const struct picture *picture) {
    return picture->format == FORMAT_JPEG && picture->document.shrink > 1 ? picture->document.shrink : 1;
}

static void note_damage(struct notes *notes) { notes_add(notes, "the picture is damaged: parts of it may be missing"); }

static PIX *decode_jpeg(const struct picture *picture, struct notes *notes) {
    l_int32 remarks = 0, shrink = (l_int32)shrink_of(picture);
    PIX *pix = pixReadMemJpeg(picture->bytes, picture->length, 0, shrink, &remarks, L_JPEG_CONTINUE_WITH_BAD_DATA);
    if (pix && shrink > 1) {
        notes_add(notes, "drawn at 1/%d of its size, to fit the memory: small text may be lost", shrink);
    }
    if (pix && remarks > 0) {
        note_damage(notes);
    }
    return pix;
}

/* leptonica decodes every frame of a GIF, so it gets no more than the first; the transparent colour it forgets. */
static PIX *decode_gif(const struct picture *picture) {
    size_t length;
    int transparent;
    void *frame cleanup(drop_memory) = NULL;
    if (header_first_frame(picture->bytes, picture->length, &length, &transparent) != 0 ||
        try_alloc(length + 1, 1, &frame) != 0) {
        return NULL;
    }
    memcpy(frame, picture->bytes, length);
    ((unsigned char *)frame)[length] = ';'; /* the trailer */
    PIX *pix = pixReadMemGif(frame, length + 1);
    PIXCMAP *map = pix ? pixGetColormap(pix) : NULL;
    if (map && transparent >= 0 && transparent < pixcmapGetCount(map)) {
        pixcmapSetAlpha(map, transparent, 0);
    }
    return pix;
}

/* By the offset of its directory, so that page 500 costs no more than page 1. */
static PIX *decode_tiff(const struct picture *picture, uint32_t number) {
    size_t offset = picture->tiff.pages[number - 1].offset;
    return pixReadMemFromMultipageTiff(picture->bytes, picture->length, &offset);
}

/* NULL if leptonica cannot. */
static PIX *decode(const struct picture *picture, uint32_t number, struct notes *notes) {
    switch (picture->format) {
    case FORMAT_JPEG:
        return decode_jpeg(picture, notes);
    case FORMAT_GIF:
        return decode_gif(picture);
    case FORMAT_TIFF:
        return decode_tiff(picture, number);
    default:
        return pixReadMem(picture->bytes, picture->length);
    }
}

/* The colour of each value of a picture of 8 bits and less, as words (raster/flatten.h). */
static void fill_table(PIX *pix, uint32_t table[256]) {
    PIXCMAP *map = pixGetColormap(pix);
    l_int32 depth = pixGetDepth(pix), count = map ? pixcmapGetCount(map) : 0;
    uint32_t most = (1u << depth) - 1;
    for (l_int32 i = 0; i < 256; i++) {
        l_int32 r = 0, g = 0, b = 0, a = 255;
        if (i < count) {
            pixcmapGetRGBA(map, i, &r, &g, &b, &a);
        } else if (!map) {
            r = g = b = (l_int32)((uint32_t)i * 255 / most) & 255;
            r = g = b = depth == 1 ? 255 - r : r; /* in one bit, 1 is black */
        }
        table[i] = (uint32_t)r << 24 | (uint32_t)g << 16 | (uint32_t)b << 8 | (uint32_t)a;
    }
}

/* Row y as words: in place if it is stored so, else in buffer. */
static const uint32_t *row_words(PIX *pix, const uint32_t table[256], uint32_t y, uint32_t *buffer) {
    const l_uint32 *line = pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix);
    l_int32 width = pixGetWidth(pix);
    switch (pixGetDepth(pix)) {
    case 1:
        for (l_int32 x = 0; x < width; x++) {
            buffer[x] = table[GET_DATA_BIT(line, x)];
        }
        return buffer;
    case 2:
        for (l_int32 x = 0; x < width; x++) {
            buffer[x] = table[GET_DATA_DIBIT(line, x)];
        }
        return buffer;
    case 4:
        for (l_int32 x = 0; x < width; x++) {
            buffer[x] = table[GET_DATA_QBIT(line, x)];
        }
        return buffer;
    case 8:
        for (l_int32 x = 0; x < width; x++) {
            buffer[x] = table[GET_DATA_BYTE(line, x)];
        }
        return buffer;
    case 16:
        for (l_int32 x = 0; x < width; x++) {
            buffer[x] = (GET_DATA_TWO_BYTES(line, x) >> 8) * 0x01010100u | 255;
        }
        return buffer;
    default:
        return line;
    }
}

static struct survey survey_pix(PIX *pix, const uint32_t table[256], uint32_t *buffer) {
    PIXCMAP *map = pixGetColormap(pix);
    l_int32 opaque = 1;
    if (map) {
        pixcmapIsOpaque(map, &opaque);
    }
    struct survey survey = {.has_alpha = pixGetSpp(pix) == 4 || !opaque};
    uint32_t height = (uint32_t)pixGetHeight(pix);
    bool known = !map && pixGetDepth(pix) < 32; /* grey, opaque */
    for (uint32_t y = 0; y < height && !known; y++) {
        known = survey_row(&survey, row_words(pix, table, y, buffer), (size_t)pixGetWidth(pix));
    }
    survey_end(&survey);
    return survey;
}

/* Gives the pages of rows [*first, end) back to the system: their pixels are in the bitmap now. */
static void release_rows(PIX *pix, uint32_t *first, uint32_t end) {
    size_t stride = (size_t)pixGetWpl(pix) * sizeof(l_uint32), page = (size_t)sysconf(_SC_PAGESIZE);
    if ((end - *first) * stride < RELEASE_BYTES) {
        return;
    }
    uintptr_t data = (uintptr_t)pixGetData(pix);
    uintptr_t from = (data + *first * stride + page - 1) / page * page, to = (data + end * stride) / page * page;
    madvise((void *)from, to - from, MADV_DONTNEED);
    *first = end;
}

/* How often to show each row: those of a fax may lie two or four times as far apart as its columns. */
static uint32_t repeats(PIX *pix) {
    uint32_t across = (uint32_t)pixGetXRes(pix), down = (uint32_t)pixGetYRes(pix);
    bool fax = pixGetDepth(pix) == 1 && down >= 40 && across < 1000;
    uint32_t times = fax ? (across + down / 2) / down : 1;
    return times >= 1 && times <= 4 ? times : 1;
}

static int paint(PIX *pix, int orientation, struct canvas *ret) {
    uint32_t width = (uint32_t)pixGetWidth(pix), height = (uint32_t)pixGetHeight(pix), times = repeats(pix);
    uint32_t table[256];
    void *buffer cleanup(drop_memory) = NULL, *row cleanup(drop_memory) = NULL;
    int result = try_alloc(width, sizeof(uint32_t), &buffer);
    if (result == 0) {
        result = try_alloc(width, 3, &row);
    }
    if (result != 0) {
        return result;
    }
    if (pixGetDepth(pix) <= 8) {
        fill_table(pix, table);
    }
    struct survey survey = survey_pix(pix, table, buffer);
    result = canvas_new(width, height * times, survey.colour ? 3 : 1, orientation, ret);
    uint32_t released = 0;
    for (uint32_t y = 0; y < height && result == 0; y++) {
        flatten_row(&survey, row_words(pix, table, y, buffer), width, row);
        for (uint32_t i = 0; i < times; i++) {
            canvas_row(ret, y * times + i, row);
        }
        release_rows(pix, &released, y);
    }
    return result;
}

/* Dots per inch as the file says; 0 if it says nothing sane. */
static float resolution(PIX *pix) {
    l_int32 dpi = pixGetXRes(pix);
    return dpi >= 20 && dpi <= 4800 ? (float)dpi : 0;
}

/* leptonica turns a TIFF by itself. */
int picture_orientation(const struct picture *picture) {
    const unsigned char *block;
    size_t length;
    return header_exif(picture->format, picture->bytes, picture->length, &block, &length)
               ? exif_orientation(block, length)
               : 1;
}

/* Why a picture could not be decoded: damaged, or sound and unusual. */
static int refuse(const struct picture *picture, uint32_t number) {
    if (picture->format == FORMAT_TIFF) {
        const struct tiff_page *page = &picture->tiff.pages[number - 1];
        if (page->planar || page->bits > 16 || (page->bits & (page->bits - 1)) != 0) {
            return fail(ERR_UNSUPPORTED, "a TIFF of %u bits a sample%s", page->bits, page->planar ? " in planes" : "");
        }
    }
    return fail(ERR_CORRUPT, "the pixels of the %s cannot be decoded", picture->document.format);
}

/* Whether the picture ends before all of its pixels, where MuPDF reads what there is and says nothing. */
static bool is_cut(const struct picture *picture, uint32_t number) {
    return picture->format == FORMAT_TIFF
               ? tiff_is_short(picture->bytes, picture->length, &picture->tiff.pages[number - 1])
               : picture->format == FORMAT_BMP && header_bmp_is_cut(picture->bytes, picture->length);
}

/* Whether MuPDF has a decoder of its own for the format, not the library that leptonica has just failed with. */
static bool second_opinion(enum format format) {
    return format == FORMAT_PNG || format == FORMAT_TIFF || format == FORMAT_JPEG2000 || format == FORMAT_BMP ||
           format == FORMAT_PNM;
}

static int decode_again(const struct picture *picture, uint32_t number, struct bitmap *ret_bitmap, int *ret_fd) {
    unsigned char *copy cleanup(drop_memory) = NULL;
    const unsigned char *bytes = picture->bytes;
    if (!second_opinion(picture->format)) {
        return refuse(picture, number);
    }
    if (number > 1) {
        uint64_t offset = picture->tiff.pages[number - 1].offset;
        int result = tiff_starting_at(picture->bytes, picture->length, offset, &copy);
        if (result != 0) {
            return result;
        }
        bytes = copy;
    }
    int result = pdf_decode_picture(bytes, picture->length, picture->max_pixels, ret_bitmap, ret_fd);
    return result == ERR_CORRUPT ? refuse(picture, number) : result;
}

static int need_of_picture(struct document *document, uint32_t number, struct notes *notes, size_t *ret) {
    const struct picture *picture = (const struct picture *)document;
    (void)notes;
    if (picture->format != FORMAT_TIFF) {
        struct cost cost = cost_of(picture->format, picture->bytes, picture->length);
        *ret = cost_bytes(&cost, picture->pixels, shrink_of(picture), picture_orientation(picture) != 1);
        return 0;
    }
    const struct tiff_page *page = &picture->tiff.pages[number - 1];
    int result = check_size(picture, page->width, page->height);
    if (result == 0) {
        struct cost cost = cost_of_tiff(page);
        *ret = cost_bytes(&cost, page->width * page->height, 1, false);
    }
    return result;
}

static void rest_of_picture(struct document *document) { (void)document; }

int picture_page(struct document *document, uint32_t number, struct notes *notes, struct bitmap *ret_bitmap,
                 int *ret_fd) {
    const struct picture *picture = (const struct picture *)document;
    int result = 0;
    if (picture->format == FORMAT_TIFF) {
        const struct tiff_page *page = &picture->tiff.pages[number - 1];
        result = check_size(picture, page->width, page->height);
    }
    if (result != 0) {
        return result;
    }
    PIX *pix cleanup(drop_pix) = decode(picture, number, notes);
    if (!pix && heap_use().missing > 0) {
        return fail(ERR_NO_MEMORY, "decoding the %s takes more than was granted", picture->document.format);
    }
    if (!pix && is_cut(picture, number)) {
        note_damage(notes);
    }
    if (!pix) {
        return decode_again(picture, number, ret_bitmap, ret_fd);
    }
    struct canvas canvas cleanup(canvas_drop) = {.fd = -1};
    result = check_size(picture, (uint64_t)pixGetWidth(pix), (uint64_t)pixGetHeight(pix) * repeats(pix));
    if (result == 0) {
        result = paint(pix, picture_orientation(picture), &canvas);
    }
    if (result == 0) {
        canvas.bitmap.dpi = resolution(pix) / (float)shrink_of(picture);
        result = canvas_finish(&canvas, ret_bitmap, ret_fd);
    }
    return result;
}

const struct document_kind picture_kind = {
    .bytes_per_pixel = 16, /* OpenJPEG 12, leptonica 4; the bitmap 3 comes when OpenJPEG has gone */
    .knows = knows_picture,
    .open = open_picture,
    .need = need_of_picture,
    .page = picture_page,
    .rest = rest_of_picture,
    .write_begin = picture_write_begin,
    .write_page = picture_write_page,
    .write_end = picture_write_end,
    .close = close_picture,
};
