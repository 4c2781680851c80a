/*
 * Picture files as PDF: JPEG, JPEG 2000 and most PNG as they came, which PDF readers can decode; all others as their
 * bitmap, without loss (raster/pack.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "raster/confine.h"
#include "raster/layer.h"
#include "raster/pack.h"
#include "raster/picture.h"

/* Longest side of a page, in points, where nobody knows the resolution: A4's. */
static const double LONGEST_SIDE = 842;

/* A picture in the book: its object, and how it lies. */
struct plate {
    int number, orientation;
    uint32_t width, height; /* pixels, upright */
    float dpi;              /* 0: unknown */
};

static uint32_t big(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void begin_dictionary(const struct plate *plate, struct buffer *to) {
    buffer_add_format(to, "/Type/XObject/Subtype/Image/Width %u/Height %u", plate->width, plate->height);
}

static void write_whole(struct book *book, const struct plate *plate, const struct picture *picture,
                        const char *dictionary) {
    book_stream(book, plate->number, dictionary, picture->length);
    book_bytes(book, picture->bytes, picture->length);
    book_stream_end(book);
}

/* ISO 32000-1, 7.4.8: baseline and progressive JPEG of 8 bits. Adobe's programs store ink the other way round. */
static bool keep_jpeg(const struct picture *picture, struct book *book, struct plate *plate) {
    struct jpeg jpeg = header_jpeg(picture->bytes, picture->length);
    struct buffer dictionary cleanup(buffer_done) = {0};
    const char *space = jpeg.components == 1 ? "Gray" : jpeg.components == 3 ? "RGB" : "CMYK";
    bool known = jpeg.components == 1 || jpeg.components == 3 || jpeg.components == 4;
    if (!known || jpeg.bits != 8 || jpeg.frame < 0xc0 || jpeg.frame > 0xc2) {
        return false;
    }
    begin_dictionary(plate, &dictionary);
    buffer_add_format(&dictionary, "/ColorSpace/Device%s/BitsPerComponent 8/Filter/DCTDecode", space);
    if (jpeg.components == 4 && jpeg.adobe) {
        buffer_add_string(&dictionary, "/Decode[1 0 1 0 1 0 1 0]");
    }
    write_whole(book, plate, picture, dictionary.data);
    return true;
}

/* 7.4.9: the JP2 container, which says what its colours are; not the bare codestream. */
static bool keep_jpeg2000(const struct picture *picture, struct book *book, struct plate *plate) {
    struct buffer dictionary cleanup(buffer_done) = {0};
    if (picture->bytes[0] == 0xff) {
        return false;
    }
    begin_dictionary(plate, &dictionary);
    buffer_add_string(&dictionary, "/Filter/JPXDecode");
    write_whole(book, plate, picture, dictionary.data);
    return true;
}

/* What a PNG has: PNG specification, 11.2. */
struct png {
    const unsigned char *palette;
    size_t colours, data; /* in the palette; bytes of all IDAT chunks */
    bool transparent, whole;
};

/* The next chunk: its name, its data; false at the end, or where it is cut. */
static bool next_chunk(const struct picture *picture, size_t *at, const unsigned char **ret, size_t *ret_length) {
    if (*at > picture->length || picture->length - *at < 12) {
        return false;
    }
    const unsigned char *chunk = picture->bytes + *at;
    size_t length = big(chunk);
    if (length > picture->length - *at - 12) {
        return false;
    }
    *ret = chunk + 4;
    *ret_length = length;
    *at += 12 + length;
    return true;
}

enum { PNG_SIGNATURE = 8, PNG_NAME = 4 };

static struct png survey_png(const struct picture *picture) {
    struct png png = {0};
    const unsigned char *chunk;
    size_t length;
    for (size_t at = PNG_SIGNATURE; next_chunk(picture, &at, &chunk, &length);) {
        if (memcmp(chunk, "PLTE", PNG_NAME) == 0) {
            png.palette = chunk + PNG_NAME;
            png.colours = length / 3 < 256 ? length / 3 : 256;
        }
        png.transparent = png.transparent || memcmp(chunk, "tRNS", PNG_NAME) == 0;
        png.data += memcmp(chunk, "IDAT", PNG_NAME) == 0 ? length : 0;
        png.whole = png.whole || memcmp(chunk, "IEND", PNG_NAME) == 0;
    }
    return png;
}

static void add_png_space(const struct png *png, int type, struct buffer *to) {
    if (type != 3) {
        buffer_add_string(to, type == 2 ? "/ColorSpace/DeviceRGB" : "/ColorSpace/DeviceGray");
        return;
    }
    buffer_add_format(to, "/ColorSpace[/Indexed/DeviceRGB %zu<", png->colours - 1);
    for (size_t i = 0; i < 3 * png->colours; i++) {
        buffer_add_format(to, "%02x", png->palette[i]);
    }
    buffer_add_string(to, ">]");
}

/* The data are what PDF calls Flate with predictors, but for interlaced pictures and transparent ones. */
static bool keep_png(const struct picture *picture, struct book *book, struct plate *plate) {
    const struct png png = survey_png(picture);
    const int bits = picture->bytes[24], type = picture->bytes[25], interlaced = picture->bytes[28];
    bool palette = type == 3 && png.colours > 0;
    if (!png.whole || png.transparent || interlaced || png.data == 0 || !(type == 0 || type == 2 || palette)) {
        return false;
    }
    struct buffer dictionary cleanup(buffer_done) = {0};
    const unsigned char *chunk;
    size_t length;
    begin_dictionary(plate, &dictionary);
    add_png_space(&png, type, &dictionary);
    buffer_add_format(&dictionary,
                      "/BitsPerComponent %d/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors %d"
                      "/BitsPerComponent %d/Columns %u>>",
                      bits, type == 2 ? 3 : 1, bits, plate->width);
    book_stream(book, plate->number, dictionary.data, png.data);
    for (size_t at = PNG_SIGNATURE; next_chunk(picture, &at, &chunk, &length);) {
        if (memcmp(chunk, "IDAT", PNG_NAME) == 0) {
            book_bytes(book, chunk + PNG_NAME, length);
        }
    }
    book_stream_end(book);
    return true;
}

/* Puts the file itself into the book, where PDF has its format. */
static bool keep(const struct picture *picture, struct book *book, struct plate *plate) {
    uint64_t width, height;
    bool known = picture->format == FORMAT_JPEG || picture->format == FORMAT_JPEG2000 || picture->format == FORMAT_PNG;
    if (!known || header_size(picture->format, picture->bytes, picture->length, &width, &height) != 0) {
        return false;
    }
    plate->width = (uint32_t)width;
    plate->height = (uint32_t)height;
    switch (picture->format) {
    case FORMAT_JPEG:
        known = keep_jpeg(picture, book, plate);
        break;
    case FORMAT_JPEG2000:
        known = keep_jpeg2000(picture, book, plate);
        break;
    default:
        known = keep_png(picture, book, plate);
    }
    plate->orientation = picture_orientation(picture);
    if (plate->orientation >= 5) {
        plate->width = (uint32_t)height;
        plate->height = (uint32_t)width;
    }
    return known;
}

/* Puts the page's bitmap into the book. */
static int repack(struct picture *picture, uint32_t number, struct notes *notes, struct plate *plate) {
    struct bitmap bitmap;
    int fd cleanup(drop_fd) = -1;
    const void *pixels;
    size_t length;
    int result = picture_page(&picture->document, number, notes, &bitmap, &fd);
    result = result ? result : file_memory_map(fd, SIZE_MAX, &pixels, &length);
    if (result != 0) {
        return result;
    }
    plate->width = bitmap.width;
    plate->height = bitmap.height;
    plate->dpi = plate->dpi > 0 ? plate->dpi : bitmap.dpi;
    plate->orientation = 1;
    result = pack_bitmap(picture->book, plate->number, &bitmap, pixels);
    munmap((void *)(uintptr_t)pixels, length);
    return result;
}

/* The matrix from the unit square, in which PDF has a picture, to the page on which it is upright. */
static char *placing_of(int orientation, double width, double height) {
    const double w = width, h = height;
    const double matrix[8][6] = {{w, 0, 0, h, 0, 0},   {-w, 0, 0, h, w, 0}, {-w, 0, 0, -h, w, h}, {w, 0, 0, -h, 0, h},
                                 {0, -h, -w, 0, w, h}, {0, -h, w, 0, 0, h}, {0, h, w, 0, 0, 0},   {0, h, -w, 0, w, 0}};
    const double *m = matrix[orientation - 1];
    return format("%.2f %.2f %.2f %.2f %.2f %.2f", m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* Writes page number, with the text of page unless it is NULL. */
static int write_page(struct picture *picture, uint32_t number, const struct page *page, struct notes *notes) {
    struct book *book = picture->book;
    struct plate plate = {.number = book_number(book), .dpi = page ? page->dpi : 0};
    int result = number == 1 && keep(picture, book, &plate) ? 0 : repack(picture, number, notes, &plate);
    if (result != 0) {
        return result;
    }
    if (page) { /* which may have been read at a half or a quarter of its size */
        plate.dpi *= fmaxf(roundf((float)plate.width / (float)page->width), 1);
    }
    double side = (double)(plate.width > plate.height ? plate.width : plate.height);
    double scale = plate.dpi > 0 ? 72 / (double)plate.dpi : LONGEST_SIDE / side;
    double width = plate.width * scale, height = plate.height * scale;
    struct buffer text cleanup(buffer_done) = {0};
    unsigned fonts = 0;
    if (page) {
        const struct layer layer = {
            .letters = &book->letters,
            .placing = {.a = width / page->width, .d = -height / page->height, .f = height},
        };
        confine_lend(true);
        fonts = layer_add(&layer, page, &text);
        confine_lend(false);
    }
    if (heap_use().missing > 0) {
        return fail(ERR_NO_MEMORY, "writing page %u takes more than was granted", number);
    }
    char *placing cleanup(drop_memory) = placing_of(plate.orientation, width, height);
    int turn = page ? (360 - page->angle) % 360 : 0;
    return book_page(book, &(struct leaf){width, height, plate.number, placing, turn, &text, fonts});
}

/* Writes pages without text up to number: one that cannot be drawn is left out. */
static int write_until(struct picture *picture, uint32_t number, struct notes *notes) {
    int result = 0;
    while (picture->written < number && result == 0) {
        uint32_t next = ++picture->written;
        result = write_page(picture, next, NULL, notes);
        if (result == ERR_CORRUPT || result == ERR_UNSUPPORTED || result == ERR_TOO_LARGE) {
            notes_add(notes, "page %u is missing: %s", next, error_detail());
            result = 0;
        }
    }
    return result;
}

int picture_write_begin(struct document *document, int fd, struct notes *notes) {
    struct picture *picture = (struct picture *)document;
    (void)notes;
    document->shrink = 1; /* whatever it was read at */
    picture->book = alloc(1, sizeof(*picture->book));
    book_begin(picture->book, fd);
    return 0;
}

int picture_write_page(struct document *document, const struct page *page, struct notes *notes) {
    struct picture *picture = (struct picture *)document;
    int result = write_until(picture, page->number - 1, notes);
    picture->written = page->number;
    return result ? result : write_page(picture, page->number, page, notes);
}

int picture_write_end(struct document *document, struct notes *notes) {
    struct picture *picture = (struct picture *)document;
    int result = write_until(picture, document->pages, notes);
    return result ? result : book_end(picture->book);
}

void picture_write_drop(struct picture *picture) {
    if (picture->book) {
        book_done(picture->book);
        free(picture->book);
    }
}
