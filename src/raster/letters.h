/*
 * The fonts of invisible text, which have no outlines and every letter half as wide as high. One has codes of one byte,
 * those of Windows' Western alphabet (ISO 32000-1, annex D) and a few for others that come up: Latin text takes little
 * room with it. The other has all letters: its codes of two bytes are UTF-16 where a character has one unit, those
 * beyond the first 65536 get codes from the range of surrogates, as they come. The same objects serve every PDF that is
 * written. One thread.
 */
#ifndef OCTAVO_RASTER_LETTERS_H
#define OCTAVO_RASTER_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    LETTERS_RARE = 2048, /* codes for characters beyond the first 65536; the next ones become U+FFFD */
    LETTERS_GUESTS = 31, /* codes of LETTERS_PLAIN that are free for other letters */
    LETTERS_OBJECTS = 7, /* of the fonts in a file: the first are those that pages name */
    LETTERS_NAME = 24,   /* bytes of a name on pages */
};

enum letters_font { LETTERS_PLAIN, LETTERS_WIDE, LETTERS_FONTS };

#define LETTERS_FONT "OctavoText" /* name of either in a file */
#define LETTERS_WIDTH 0.5         /* of a letter, for a size of 1 */
#define LETTERS_DESCENT 0.2       /* below the base line; the rest of the size is above it */

struct letters {
    uint32_t rare[LETTERS_RARE];
    size_t rare_count;
    uint16_t guest[LETTERS_GUESTS]; /* of codes from 1; 0: free */
    bool used[256];                 /* codes of two bytes by their first */
    bool has[LETTERS_FONTS];
    unsigned series; /* of the names on pages; another one where pages have fonts of these names from elsewhere */
};

/* A font's name on pages. */
void letters_name(const struct letters *letters, enum letters_font font, char ret[LETTERS_NAME]);

/* Whether the alphabet of LETTERS_PLAIN has a character. */
bool letters_is_plain(uint32_t character);

/* Has a code of LETTERS_PLAIN for a character; false if none is left, or it is beyond the first 65536. */
bool letters_invite(struct letters *letters, uint32_t character);

/* The code of a character, kept until the fonts are written; LETTERS_PLAIN must have one. */
uint16_t letters_code(struct letters *letters, enum letters_font font, uint32_t character);

/* Whether a file needs an object of the fonts, with the codes that were asked for so far. */
bool letters_needs(const struct letters *letters, int which);

/*
 * One of the fonts' objects, which will have these numbers: its dictionary, without << and >>, and the bytes of its
 * stream, uncompressed; none: it is no stream.
 */
void letters_object(const struct letters *letters, int which, const int numbers[LETTERS_OBJECTS],
                    struct buffer *to_dictionary, struct buffer *to_stream);

#endif
