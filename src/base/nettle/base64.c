#include "base/base64.h"

#include <nettle/base64.h>
#include <stdint.h>

enum { PIECE = 768 /* bytes that are added at a time: whole groups, so that padding comes at the end alone */ };

void base64_add(const void *bytes, size_t length, struct buffer *to) {
    const uint8_t *from = bytes;
    char text[BASE64_ENCODE_RAW_LENGTH(PIECE)];
    for (size_t i = 0; i < length; i += PIECE) {
        size_t some = length - i < PIECE ? length - i : PIECE;
        base64_encode_raw(text, some, from + i);
        buffer_add(to, text, BASE64_ENCODE_RAW_LENGTH(some));
    }
}
