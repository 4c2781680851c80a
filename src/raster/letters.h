/*
 * The font of invisible text: no outlines, every letter half as wide as high, its codes of two bytes are UTF-16 where a
 * character has one unit. Those beyond the first 65536 get codes from the range of surrogates, as they come. The same
 * objects serve every PDF that is written. One thread.
 */
#ifndef OCTAVO_RASTER_LETTERS_H
#define OCTAVO_RASTER_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    LETTERS_RARE = 2048, /* codes for characters beyond the first 65536; the next ones become U+FFFD */
    LETTERS_OBJECTS = 6, /* of the font in a file: the first is the one that pages name */
};

#define LETTERS_WIDTH 0.5   /* of a letter, for a size of 1 */
#define LETTERS_DESCENT 0.2 /* below the base line; the rest of the size is above it */

struct letters {
    uint32_t rare[LETTERS_RARE];
    size_t rare_count;
    bool used[256]; /* codes by their first byte */
};

/* The code of a character, kept until the font is written. */
uint16_t letters_code(struct letters *letters, uint32_t character);

/*
 * One of the font's objects, which will have these numbers: its dictionary, without << and >>, and the bytes of its
 * stream, uncompressed; none: it is no stream.
 */
void letters_object(const struct letters *letters, int which, const int numbers[LETTERS_OBJECTS],
                    struct buffer *to_dictionary, struct buffer *to_stream);

#endif
