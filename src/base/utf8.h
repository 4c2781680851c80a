/* UTF-8: checking and walking. No allocation fails here (base/memory.h). Any thread. */
#ifndef OCTAVO_BASE_UTF8_H
#define OCTAVO_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the character at text[0..length), length > 0, and returns its length in bytes; *ret is the code point.
 * Bytes that are not UTF-8 (overlong and surrogate forms included) give 1 and U+FFFD.
 */
size_t utf8_next(const char *text, size_t length, uint32_t *ret);

/* A NUL-terminated copy in which every byte that is not UTF-8 has become U+FFFD; NULs become blanks. Caller frees. */
char *utf8_valid_copy(const char *text, size_t length);

#endif
