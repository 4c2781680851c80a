#include "raster/pack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "raster/flate.h"
#include "raster/pdf.h"

enum {
    MOST_COLOURS = 256,
    SLOTS = 1024, /* of the table of colours; a power of two */
    FILTERS = 5,  /* PNG specification, 9.2: none, sub, up, average, Paeth */
};

/* The colours of a bitmap, as numbers of 24 bits in the order in which they were met. */
struct colours {
    uint32_t colour[MOST_COLOURS];
    uint32_t count;
    uint16_t slot[SLOTS]; /* number of a colour + 1 */
};

/* A bitmap being packed. */
struct packing {
    const struct bitmap *bitmap;
    const uint8_t *pixels;
    size_t stride; /* bytes of a row */
};

static const uint8_t *row_of(const struct packing *packing, uint32_t y) {
    return packing->pixels + y * packing->stride;
}

static uint32_t colour_at(const struct packing *packing, const uint8_t *row, uint32_t x) {
    if (packing->bitmap->channels == 1) {
        return row[x];
    }
    const uint8_t *pixel = row + (size_t)3 * x;
    return (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2];
}

/* The number of a colour, which is added if it is new; MOST_COLOURS if there is no room for it. */
static uint32_t number_of(struct colours *colours, uint32_t colour) {
    uint32_t slot = (colour * 2654435761U >> 16) % SLOTS;
    while (colours->slot[slot] > 0) {
        if (colours->colour[colours->slot[slot] - 1U] == colour) {
            return colours->slot[slot] - 1U;
        }
        slot = (slot + 1) % SLOTS;
    }
    if (colours->count == MOST_COLOURS) {
        return MOST_COLOURS;
    }
    colours->colour[colours->count] = colour;
    colours->slot[slot] = (uint16_t)(colours->count + 1);
    return colours->count++;
}

/* Whether all colours fit. */
static bool count_colours(const struct packing *packing, struct colours *ret) {
    for (uint32_t y = 0; y < packing->bitmap->height; y++) {
        const uint8_t *row = row_of(packing, y);
        for (uint32_t x = 0; x < packing->bitmap->width; x++) {
            if (number_of(ret, colour_at(packing, row, x)) == MOST_COLOURS) {
                return false;
            }
        }
    }
    return true;
}

static uint32_t bits_for(uint32_t count) { return count <= 2 ? 1 : count <= 4 ? 2 : count <= 16 ? 4 : 8; }

/* Numbers of colours instead of pixels, each row from a byte of its own on. The caller frees *ret. */
static int number_pixels(const struct packing *packing, struct colours *colours, uint32_t bits, uint8_t **ret,
                         size_t *ret_length) {
    uint32_t width = packing->bitmap->width, height = packing->bitmap->height;
    size_t stride = ((size_t)width * bits + 7) / 8;
    void *memory;
    int result = try_alloc(height, stride, &memory);
    if (result != 0) {
        return result;
    }
    uint8_t *to = memory;
    memset(to, 0, stride * height);
    for (uint32_t y = 0; y < height; y++, to += stride) {
        const uint8_t *row = row_of(packing, y);
        for (uint32_t x = 0; x < width; x++) {
            size_t bit = (size_t)x * bits;
            to[bit / 8] |= (uint8_t)(number_of(colours, colour_at(packing, row, x)) << (8 - bits - bit % 8));
        }
    }
    *ret = memory;
    *ret_length = stride * height;
    return 0;
}

static void begin_dictionary(const struct packing *packing, uint32_t bits, struct buffer *to) {
    buffer_add_format(to, "/Type/XObject/Subtype/Image/Width %u/Height %u/BitsPerComponent %u", packing->bitmap->width,
                      packing->bitmap->height, bits);
}

/* The colours by their numbers. */
static void add_space(const struct packing *packing, const struct colours *colours, struct buffer *to) {
    bool grey = packing->bitmap->channels == 1;
    buffer_add_format(to, "/ColorSpace[/Indexed/Device%s %u<", grey ? "Gray" : "RGB", colours->count - 1);
    for (uint32_t i = 0; i < colours->count; i++) {
        buffer_add_format(to, grey ? "%02x" : "%06x", colours->colour[i]);
    }
    buffer_add_string(to, ">]");
}

static void write_stream(struct book *book, int number, const struct buffer *dictionary, const struct buffer *bytes) {
    book_stream(book, number, dictionary->data, bytes->length);
    book_bytes(book, bytes->data, bytes->length);
    book_stream_end(book);
}

static int pack_numbers(struct book *book, int number, const struct packing *packing, struct colours *colours) {
    uint32_t bits = bits_for(colours->count);
    struct buffer dictionary cleanup(buffer_done) = {0}, flat cleanup(buffer_done) = {0},
                             fax cleanup(buffer_done) = {0};
    uint8_t *numbers cleanup(drop_memory) = NULL;
    size_t length = 0;
    int result = number_pixels(packing, colours, bits, &numbers, &length);
    result = result ? result : flate_all(numbers, length, &flat);
    if (result == 0 && bits == 1) {
        result = pdf_compress_fax(numbers, packing->bitmap->width, packing->bitmap->height, &fax);
    }
    if (result != 0) {
        return result;
    }
    bool faxed = fax.length > 0 && fax.length < flat.length;
    begin_dictionary(packing, bits, &dictionary);
    add_space(packing, colours, &dictionary);
    if (faxed) {
        buffer_add_format(&dictionary, "/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns %u/Rows %u>>",
                          packing->bitmap->width, packing->bitmap->height);
    } else {
        buffer_add_string(&dictionary, "/Filter/FlateDecode");
    }
    write_stream(book, number, &dictionary, faxed ? &fax : &flat);
    return 0;
}

static int nearest(int left, int up, int corner) {
    int a = abs(up - corner), b = abs(left - corner), c = abs(left + up - 2 * corner);
    return a <= b && a <= c ? left : b <= c ? up : corner;
}

/* The row as one of the filters makes it, with its number before it; the sum of its bytes, as far from 0 as they are.
 */
static uint64_t filter_row(int filter, const uint8_t *row, const uint8_t *before, size_t stride, size_t channels,
                           uint8_t *to) {
    uint64_t sum = 0;
    *to++ = (uint8_t)filter;
    for (size_t i = 0; i < stride; i++) {
        int left = i < channels ? 0 : row[i - channels], up = before[i];
        int corner = i < channels ? 0 : before[i - channels];
        const int guess[FILTERS] = {0, left, up, (left + up) / 2, filter == 4 ? nearest(left, up, corner) : 0};
        int8_t difference = (int8_t)(row[i] - guess[filter]);
        to[i] = (uint8_t)difference;
        sum += (uint64_t)abs(difference);
    }
    return sum;
}

/* Each row by the filter that leaves least. rows: FILTERS of stride + 1 bytes; blank: a row of zeros. */
static int filter_rows(struct flate *flate, const struct packing *packing, uint8_t *rows, const uint8_t *blank) {
    size_t stride = packing->stride;
    int result = 0;
    for (uint32_t y = 0; y < packing->bitmap->height && result == 0; y++) {
        const uint8_t *row = row_of(packing, y), *before = y > 0 ? row - stride : blank;
        uint64_t least = UINT64_MAX;
        int best = 0;
        for (int filter = 0; filter < FILTERS; filter++) {
            uint64_t sum =
                filter_row(filter, row, before, stride, packing->bitmap->channels, rows + filter * (stride + 1));
            best = sum < least ? filter : best;
            least = sum < least ? sum : least;
        }
        result = flate_add(flate, rows + (size_t)best * (stride + 1), stride + 1);
    }
    return result ? result : flate_end(flate);
}

static int add_to_book(void *context, const void *bytes, size_t length) {
    struct book *book = context;
    book_bytes(book, bytes, length);
    return book->error;
}

static int pack_pixels(struct book *book, int number, const struct packing *packing) {
    struct buffer dictionary cleanup(buffer_done) = {0};
    struct flate *flate cleanup(flate_drop) = NULL;
    void *rows cleanup(drop_memory) = NULL;
    uint32_t channels = packing->bitmap->channels;
    int length_number = book_number(book);
    size_t row = packing->stride + 1;
    int result = try_alloc(row, FILTERS + 1, &rows);
    result = result ? result : flate_new(FLATE_BEST, add_to_book, book, &flate);
    if (result != 0 || !rows) {
        return result;
    }
    uint8_t *blank = (uint8_t *)rows + FILTERS * row;
    memset(blank, 0, row);
    begin_dictionary(packing, 8, &dictionary);
    buffer_add_format(&dictionary,
                      "/ColorSpace/Device%s/Filter/FlateDecode"
                      "/DecodeParms<</Predictor 15/Colors %u/Columns %u>>",
                      channels == 1 ? "Gray" : "RGB", channels, packing->bitmap->width);
    book_stream_open(book, number, dictionary.data, length_number);
    uint64_t start = book->length;
    result = filter_rows(flate, packing, rows, blank);
    uint64_t length = book->length - start;
    book_stream_end(book);
    book_integer(book, length_number, length);
    return result;
}

int pack_bitmap(struct book *book, int number, const struct bitmap *bitmap, const uint8_t *pixels) {
    const struct packing packing = {bitmap, pixels, (size_t)bitmap->width * bitmap->channels};
    struct colours colours = {0};
    return count_colours(&packing, &colours) ? pack_numbers(book, number, &packing, &colours)
                                             : pack_pixels(book, number, &packing);
}
