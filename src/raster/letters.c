#include "raster/letters.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* Objects: the fonts, what both share, the parts of LETTERS_WIDE. */
enum { DESCRIPTOR = LETTERS_FONTS, PROGRAM, DESCENDANT, GLYPHS, UNICODE };

static const uint32_t SURROGATES = 0xD800, BEYOND = 0x10000, UNKNOWN = 0xFFFD;

static bool is_surrogate(uint32_t code) { return code >= SURROGATES && code < SURROGATES + LETTERS_RARE; }

/* Codes from 0x80; 0: none. Those of other letters are Latin-1. */
static const uint16_t windows[] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                   0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

void letters_name(const struct letters *letters, enum letters_font font, char ret[LETTERS_NAME]) {
    static const char *const names[] = {[LETTERS_PLAIN] = "OctavoLatin", [LETTERS_WIDE] = LETTERS_FONT};
    if (letters->series == 0) {
        snprintf(ret, LETTERS_NAME, "%s", names[font]);
    } else {
        snprintf(ret, LETTERS_NAME, "%s%u", names[font], letters->series);
    }
}

/* 0: it has none. In this alphabet the blank that does not break and the hyphen that does are others' twins. */
static uint16_t plain_code(uint32_t character) {
    const uint32_t FIXED_BLANK = 0xA0, SOFT_HYPHEN = 0xAD;
    if ((character >= ' ' && character <= '~') ||
        (character > FIXED_BLANK && character <= 0xFF && character != SOFT_HYPHEN)) {
        return (uint16_t)character;
    }
    for (uint16_t i = 0; i < array_length(windows) && character > 0xFF; i++) {
        if (windows[i] == character) {
            return (uint16_t)(0x80 + i);
        }
    }
    return 0;
}

bool letters_is_plain(uint32_t character) { return plain_code(character) != 0; }

/* A guest's place, or a free one; LETTERS_GUESTS: none. */
static int place_of(const struct letters *letters, uint32_t character) {
    int place = 0;
    while (place < LETTERS_GUESTS && letters->guest[place] != 0 && letters->guest[place] != character) {
        place++;
    }
    return place;
}

bool letters_invite(struct letters *letters, uint32_t character) {
    int place = place_of(letters, character);
    if (letters_is_plain(character)) {
        return true;
    }
    if (place == LETTERS_GUESTS || character >= BEYOND || is_surrogate(character)) {
        return false;
    }
    letters->guest[place] = (uint16_t)character;
    return true;
}

static uint16_t code_of(struct letters *letters, uint32_t character) {
    if (character < BEYOND) {
        return (uint16_t)(is_surrogate(character) ? UNKNOWN : character);
    }
    for (size_t i = 0; i < letters->rare_count; i++) {
        if (letters->rare[i] == character) {
            return (uint16_t)(SURROGATES + i);
        }
    }
    if (letters->rare_count == LETTERS_RARE) {
        return (uint16_t)UNKNOWN;
    }
    letters->rare[letters->rare_count] = character;
    return (uint16_t)(SURROGATES + letters->rare_count++);
}

uint16_t letters_code(struct letters *letters, enum letters_font font, uint32_t character) {
    letters->has[font] = true;
    if (font == LETTERS_PLAIN) {
        return letters_is_plain(character) ? plain_code(character) : (uint16_t)(1 + place_of(letters, character));
    }
    uint16_t code = code_of(letters, character);
    letters->used[code >> 8] = true;
    return code;
}

bool letters_needs(const struct letters *letters, int which) {
    switch (which) {
    case LETTERS_PLAIN:
        return letters->has[LETTERS_PLAIN];
    case DESCRIPTOR:
    case PROGRAM:
        return letters->has[LETTERS_PLAIN] || letters->has[LETTERS_WIDE];
    default:
        return letters->has[LETTERS_WIDE];
    }
}

/* The TrueType program: glyph 0 and 1, both empty */

static void add_number(struct buffer *to, uint32_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) {
        unsigned char byte = (unsigned char)(value >> (8 * i));
        buffer_add(to, &byte, 1);
    }
}

/* Numbers of two bytes each. */
static void add_shorts(struct buffer *to, const uint16_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        add_number(to, values[i], 2);
    }
}

struct table {
    const char *tag;
    const uint16_t *values;
    size_t count;
};

/*
 * OpenType specification, "Required Tables", as far as ISO 32000-1, 9.9 wants them; 1000 units to the em. The table
 * cmap has two segments of format 4, the first of which gives glyph 1 to the letters from ' ' to 0xFF.
 */
enum { CMAP_HEAD = 6, CMAP = 16 + 0xFF - ' ' + 1 };
static const uint16_t cmap[CMAP_HEAD + CMAP] = {0,
                                                1,
                                                3,
                                                1,
                                                0,
                                                12,
                                                4,
                                                CMAP * 2,
                                                0,
                                                4,
                                                4,
                                                1,
                                                0,
                                                0xFF,
                                                0xFFFF,
                                                0,
                                                ' ',
                                                0xFFFF,
                                                0,
                                                1,
                                                4,
                                                0,
                                                [CMAP_HEAD + 16 ... CMAP_HEAD + CMAP - 1] = 1},
                                       glyf[] = {0, 0}, head[] = {1, 0, 1, 0, 0, 0, 0x5F0F, 0x3CF5, 3, 1000, 0, 0, 0, 0,
                                                                  0, 0, 0, 0, 0, 0, 500,    800,    0, 8,    2, 0, 0},
                                       hhea[] = {1, 0, 800, 0xFF38, 0, 500, 0, 0, 500, 1, 0, 0, 0, 0, 0, 0, 0, 2},
                                       hmtx[] = {500, 0, 500, 0}, loca[] = {0, 0, 0, 0},
                                       maxp[] = {1, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};

static const struct table tables[] = {
    {"cmap", cmap, array_length(cmap)}, {"glyf", glyf, array_length(glyf)}, {"head", head, array_length(head)},
    {"hhea", hhea, array_length(hhea)}, {"hmtx", hmtx, array_length(hmtx)}, {"loca", loca, array_length(loca)},
    {"maxp", maxp, array_length(maxp)},
};

static uint32_t padded(uint32_t bytes) { return (bytes + 3) / 4 * 4; }

/* Sum of the table as numbers of four bytes. */
static uint32_t sum_of(const struct table *table) {
    uint32_t sum = 0;
    for (size_t i = 0; i < table->count; i++) {
        sum += i % 2 ? table->values[i] : (uint32_t)table->values[i] << 16;
    }
    return sum;
}

static void add_program(struct buffer *to) {
    const uint16_t count = array_length(tables);
    const uint16_t start[] = {1, 0, count, 4 * 16, 2, (uint16_t)(count * 16 - 4 * 16)};
    uint32_t offset = (uint32_t)sizeof(start) + count * 16U;
    add_shorts(to, start, array_length(start));
    for (size_t i = 0; i < count; i++) {
        uint32_t bytes = (uint32_t)tables[i].count * 2;
        buffer_add(to, tables[i].tag, 4);
        add_number(to, sum_of(&tables[i]), 4);
        add_number(to, offset, 4);
        add_number(to, bytes, 4);
        offset += padded(bytes);
    }
    for (size_t i = 0; i < count; i++) {
        add_shorts(to, tables[i].values, tables[i].count);
        add_number(to, 0, tables[i].count % 2 ? 2 : 0);
    }
}

/* What the codes mean */

/* Rows of one kind, in sections of a hundred at the most: ISO 32000-1, 9.10.3. */
struct rows {
    const char *kind; /* "bfchar" */
    struct buffer section, *to;
    int count;
};

static void end_section(struct rows *rows) {
    if (rows->count > 0) {
        buffer_add_format(rows->to, "%d begin%s\n%send%s\n", rows->count, rows->kind, rows->section.data, rows->kind);
    }
    buffer_done(&rows->section);
    rows->count = 0;
}

static void add_row(struct rows *rows, const char *row) {
    enum { SECTION = 100 };
    buffer_add_string(&rows->section, row);
    if (++rows->count == SECTION) {
        end_section(rows);
    }
}

/* Codes that are UTF-16; of a range only the last byte may run. */
static void add_plain(const struct letters *letters, struct buffer *to) {
    struct rows rows = {.kind = "bfrange", .to = to};
    for (unsigned high = 0; high < array_length(letters->used); high++) {
        char row[32];
        snprintf(row, sizeof(row), "<%02X00><%02XFF><%02X00>\n", high, high, high);
        if (letters->used[high] && !is_surrogate(high << 8)) {
            add_row(&rows, row);
        }
    }
    end_section(&rows);
}

static void add_rare(const struct letters *letters, struct buffer *to) {
    struct rows rows = {.kind = "bfchar", .to = to};
    for (size_t i = 0; i < letters->rare_count; i++) {
        char row[32];
        uint32_t beyond = letters->rare[i] - BEYOND;
        snprintf(row, sizeof(row), "<%04X><%04X%04X>\n", (unsigned)(SURROGATES + i), 0xD800 + (beyond >> 10),
                 0xDC00 + (beyond & 0x3FF));
        add_row(&rows, row);
    }
    end_section(&rows);
}

static void add_unicode(const struct letters *letters, struct buffer *to) {
    buffer_add_string(to, "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
                          "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
                          "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
                          "1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n");
    add_plain(letters, to);
    add_rare(letters, to);
    buffer_add_string(to, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
}

/* Every code is glyph 1: readers take glyph 0 for a letter that is missing. */
static void add_glyphs(struct buffer *to) {
    for (uint32_t code = 0; code < BEYOND; code++) {
        buffer_add(to, "\0\1", 2);
    }
}

/* Guests by the names that the Adobe Glyph List gives to letters by their number. */
static void add_encoding(const struct letters *letters, struct buffer *to) {
    if (letters->guest[0] == 0) {
        buffer_add_string(to, "/WinAnsiEncoding");
        return;
    }
    buffer_add_string(to, "<</BaseEncoding/WinAnsiEncoding/Differences[1");
    for (int i = 0; i < LETTERS_GUESTS && letters->guest[i] != 0; i++) {
        buffer_add_format(to, "/uni%04X", letters->guest[i]);
    }
    buffer_add_string(to, "]>>");
}

void letters_object(const struct letters *letters, int which, const int numbers[LETTERS_OBJECTS],
                    struct buffer *to_dictionary, struct buffer *to_stream) {
    switch (which) {
    case LETTERS_PLAIN:
        buffer_add_format(to_dictionary,
                          "/Type/Font/Subtype/TrueType/BaseFont/" LETTERS_FONT
                          "/FirstChar 32/LastChar 32/Widths[500]/FontDescriptor %d 0 R/Encoding",
                          numbers[DESCRIPTOR]);
        add_encoding(letters, to_dictionary);
        break;
    case LETTERS_WIDE:
        buffer_add_format(to_dictionary,
                          "/Type/Font/Subtype/Type0/BaseFont/" LETTERS_FONT "/Encoding/Identity-H"
                          "/DescendantFonts[%d 0 R]/ToUnicode %d 0 R",
                          numbers[DESCENDANT], numbers[UNICODE]);
        break;
    case DESCENDANT:
        buffer_add_format(to_dictionary,
                          "/Type/Font/Subtype/CIDFontType2/BaseFont/" LETTERS_FONT "/DW 500"
                          "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
                          "/FontDescriptor %d 0 R/CIDToGIDMap %d 0 R",
                          numbers[DESCRIPTOR], numbers[GLYPHS]);
        break;
    case DESCRIPTOR: /* the widths that a font does not list are MissingWidth */
        buffer_add_format(to_dictionary,
                          "/Type/FontDescriptor/FontName/" LETTERS_FONT
                          "/Flags 33/FontBBox[0 -200 500 800]/ItalicAngle 0"
                          "/Ascent 800/Descent -200/CapHeight 800/StemV 80/MissingWidth 500/FontFile2 %d 0 R",
                          numbers[PROGRAM]);
        break;
    case PROGRAM:
        add_program(to_stream);
        buffer_add_format(to_dictionary, "/Length1 %zu", to_stream->length);
        break;
    case GLYPHS:
        add_glyphs(to_stream);
        break;
    default:
        add_unicode(letters, to_stream);
    }
}
