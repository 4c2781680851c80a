#include "output/xml.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/utf8.h"

/* What stands for a character in markup; NULL: itself. */
static const char *entity(uint32_t code) {
    switch (code) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

/* XML 1.0, production 2. */
static bool is_xml(uint32_t code) {
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code < 0xFFFE) || code > 0xFFFF;
}

void xml_add(struct buffer *to, const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        uint32_t code;
        size_t bytes = utf8_next(text + at, length - at, &code);
        const char *name = is_xml(code) && code != 0xFFFD ? entity(code) : "\xEF\xBF\xBD";
        if (name) {
            buffer_add_string(to, name);
        } else {
            buffer_add(to, text + at, bytes);
        }
        at += bytes;
    }
}
