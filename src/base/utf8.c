#include "base/utf8.h"

#include <string.h>

#include "base/memory.h"

#define REPLACEMENT 0xFFFDu

size_t utf8_next(const char *text, size_t length, uint32_t *ret) {
    const unsigned char *byte = (const unsigned char *)text;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = byte[0] < 0x80   ? 1
                  : byte[0] < 0xC0 ? 0
                  : byte[0] < 0xE0 ? 2
                  : byte[0] < 0xF0 ? 3
                  : byte[0] < 0xF8 ? 4
                                   : 0;
    *ret = REPLACEMENT;
    if (size == 0 || size > length) {
        return 1;
    }
    uint32_t point = size == 1 ? byte[0] : byte[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xC0) != 0x80) {
            return 1;
        }
        point = point << 6 | (byte[i] & 0x3F);
    }
    if (point < smallest[size] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
        return 1;
    }
    *ret = point;
    return size;
}

char *utf8_valid_copy(const char *text, size_t length) {
    char *copy = alloc(3 * length + 1, 1); /* U+FFFD takes three bytes */
    size_t written = 0;
    for (size_t i = 0; i < length;) {
        uint32_t point;
        size_t size = utf8_next(text + i, length - i, &point);
        if (point == 0) {
            copy[written++] = ' ';
        } else if (point == REPLACEMENT && size == 1) {
            memcpy(copy + written, "\xEF\xBF\xBD", 3);
            written += 3;
        } else {
            memcpy(copy + written, text + i, size);
            written += size;
        }
        i += size;
    }
    return copy;
}
