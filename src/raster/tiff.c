#include "raster/tiff.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum tag {
    TAG_SUBFILE_TYPE = 254,
    TAG_WIDTH = 256,
    TAG_HEIGHT = 257,
    TAG_BITS = 258,
    TAG_COMPRESSION = 259,
    TAG_PHOTOMETRIC = 262,
    TAG_SAMPLES = 277,
    TAG_STRIP_SIZES = 279,
    TAG_PLANAR = 284,
    TAG_TILE_SIZES = 325,
};

enum {
    COMPRESSION_NONE = 1,
    SUBFILE_REDUCED = 1,
    PHOTOMETRIC_PALETTE = 3,
    PLANAR_SEPARATE = 2,
    MAX_ENTRIES = 4096,
    MAX_PAGES = 65535
};

struct reader {
    const unsigned char *bytes;
    size_t length;
    bool big_endian, big_tiff;
};

/* An unsigned number of size bytes at offset; 0 beyond the end. */
static uint64_t number_at(const struct reader *reader, uint64_t offset, size_t size) {
    if (offset > reader->length || reader->length - offset < size) {
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | reader->bytes[offset + (reader->big_endian ? i : size - 1 - i)];
    }
    return value;
}

static uint64_t value_count(const struct reader *reader, uint64_t entry) {
    return number_at(reader, entry + 4, reader->big_tiff ? 8 : 4);
}

/* Value i of an entry, be it in the entry itself or, where not all of them fit, elsewhere; 0 where there is none. */
static uint64_t value_at(const struct reader *reader, uint64_t entry, uint64_t i) {
    static const size_t sizes[] = {[1] = 1, [3] = 2, [4] = 4, [13] = 4, [16] = 8};
    size_t word = reader->big_tiff ? 8 : 4;
    uint64_t type = number_at(reader, entry + 2, 2), count = value_count(reader, entry);
    size_t size = type < array_length(sizes) && i < count ? sizes[type] : 0;
    uint64_t place = entry + 4 + word;
    if (size > 0 && count > word / size) {
        place = number_at(reader, place, word);
    }
    return number_at(reader, place + i * size, size);
}

static void note_entry(const struct reader *reader, uint64_t entry, struct tiff_page *page) {
    uint64_t value = value_at(reader, entry, 0);
    switch (number_at(reader, entry, 2)) {
    case TAG_SUBFILE_TYPE:
        page->reduced = value & SUBFILE_REDUCED;
        break;
    case TAG_WIDTH:
        page->width = value;
        break;
    case TAG_HEIGHT:
        page->height = value;
        break;
    case TAG_BITS:
        page->bits = (uint32_t)value;
        break;
    case TAG_COMPRESSION:
        page->packed = value != COMPRESSION_NONE;
        break;
    case TAG_STRIP_SIZES:
    case TAG_TILE_SIZES:
        page->sizes = entry;
        break;
    case TAG_PHOTOMETRIC:
        page->palette = value == PHOTOMETRIC_PALETTE;
        break;
    case TAG_SAMPLES:
        page->samples = (uint32_t)value;
        break;
    case TAG_PLANAR:
        page->planar = value == PLANAR_SEPARATE;
        break;
    default:
        break;
    }
}

/* Reads the directory at offset; where the next one is (0: nowhere, this was the last), or fails if it is cut. */
static int read_directory(const struct reader *reader, uint64_t offset, struct tiff_page *ret_page,
                          uint64_t *ret_next) {
    size_t head = reader->big_tiff ? 8 : 2, entry = reader->big_tiff ? 20 : 12;
    uint64_t count = number_at(reader, offset, head);
    if (count == 0 || count > MAX_ENTRIES || offset + head + count * entry > reader->length) {
        return fail(ERR_CORRUPT, "a TIFF directory of %llu entries", (unsigned long long)count);
    }
    struct tiff_page page = {.offset = offset, .bits = 1, .samples = 1};
    for (uint64_t i = 0; i < count; i++) {
        note_entry(reader, offset + head + i * entry, &page);
    }
    *ret_next = number_at(reader, offset + head + count * entry, reader->big_tiff ? 8 : 4);
    *ret_page = page;
    return 0;
}

/* The offsets met so far at powers of two: a chain that meets one again runs in a circle (Brent 1980). */
struct circle {
    uint64_t mark;
    size_t steps, power;
};

static bool in_circle(struct circle *circle, uint64_t offset) {
    if (offset == circle->mark) {
        return true;
    }
    if (++circle->steps == circle->power) {
        circle->mark = offset;
        circle->power *= 2;
        circle->steps = 0;
    }
    return false;
}

/* Takes back the pages of a circle that was run through more than once before it was noticed. */
static void cut_repeated(struct tiff_chain *chain) {
    for (size_t i = 1; i < chain->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (chain->pages[i].offset == chain->pages[j].offset) {
                chain->count = i;
                return;
            }
        }
    }
}

static struct reader reader_of(const unsigned char *bytes, size_t length) {
    struct reader reader = {.bytes = bytes, .length = length, .big_endian = length > 0 && bytes[0] == 'M'};
    reader.big_tiff = number_at(&reader, 2, 2) == 43;
    return reader;
}

static int open_reader(const unsigned char *bytes, size_t length, struct reader *ret_reader, uint64_t *ret_first) {
    struct reader reader = reader_of(bytes, length);
    *ret_first = reader.big_tiff ? number_at(&reader, 8, 8) : number_at(&reader, 4, 4);
    *ret_reader = reader;
    return *ret_first == 0 ? fail(ERR_CORRUPT, "a TIFF without a page") : 0;
}

static int add_page(struct tiff_chain *chain, const struct tiff_page *page) {
    if ((chain->count & (chain->count - 1)) == 0) { /* a power of two: full */
        void *more;
        int result = try_alloc(chain->count ? 2 * chain->count : 1, sizeof(*chain->pages), &more);
        if (result != 0) {
            return result;
        }
        if (chain->count > 0) {
            memcpy(more, chain->pages, chain->count * sizeof(*chain->pages));
        }
        free(chain->pages);
        chain->pages = more;
    }
    chain->pages[chain->count++] = *page;
    return 0;
}

int tiff_walk(const unsigned char *bytes, size_t length, uint32_t limit, struct tiff_chain *ret) {
    limit = limit > 0 && limit < MAX_PAGES ? limit : MAX_PAGES;
    struct reader reader;
    uint64_t offset;
    int result = open_reader(bytes, length, &reader, &offset);
    if (result != 0) {
        return result;
    }
    struct tiff_chain chain = {0};
    struct tiff_page page = {0}, thumbnail = {0};
    struct circle circle = {.power = 1};
    while (offset != 0 && !chain.broken && !chain.more && result == 0) {
        uint64_t here = offset;
        if (in_circle(&circle, here) || read_directory(&reader, here, &page, &offset) != 0) {
            chain.broken = true;
        } else if (page.reduced) {
            thumbnail = page;
        } else if (chain.count == limit) {
            chain.more = true;
        } else {
            result = add_page(&chain, &page);
        }
    }
    if (chain.broken) {
        cut_repeated(&chain);
    }
    if (result == 0 && chain.count == 0 && thumbnail.offset != 0) {
        result = add_page(&chain, &thumbnail);
    }
    if (result == 0 && chain.count == 0) {
        result = fail(ERR_CORRUPT, "a TIFF whose first directory is cut");
    }
    if (result != 0) {
        free(chain.pages);
        return result;
    }
    *ret = chain;
    return 0;
}

bool tiff_is_short(const unsigned char *bytes, size_t length, const struct tiff_page *page) {
    if (page->packed) {
        return false;
    }
    struct reader reader = reader_of(bytes, length);
    uint64_t count = page->sizes ? value_count(&reader, page->sizes) : 0, have = 0;
    uint64_t wanted = (page->width * page->samples * page->bits + 7) / 8 * page->height;
    for (uint64_t i = 0; i < count && i < length && have < wanted; i++) {
        have += value_at(&reader, page->sizes, i);
    }
    return have < wanted;
}

int tiff_starting_at(const unsigned char *bytes, size_t length, uint64_t offset, unsigned char **ret) {
    struct reader reader;
    uint64_t first;
    int result = open_reader(bytes, length, &reader, &first);
    if (result != 0) {
        return result;
    }
    if (reader.big_tiff || offset > UINT32_MAX) {
        return fail(ERR_UNSUPPORTED, "a BigTIFF of this kind");
    }
    void *copy;
    result = try_alloc(length, 1, &copy);
    if (result != 0) {
        return result;
    }
    memcpy(copy, bytes, length);
    for (size_t i = 0; i < 4; i++) {
        ((unsigned char *)copy)[4 + i] = (unsigned char)(offset >> 8 * (reader.big_endian ? 3 - i : i));
    }
    *ret = copy;
    return 0;
}
