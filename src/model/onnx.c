#include "model/onnx.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

/* Protocol Buffers wire format: a field is a varint of (number << 3 | type), then its value. */
enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };
enum { MODEL_METADATA = 14, ENTRY_KEY = 1, ENTRY_VALUE = 2 };

struct field {
    uint64_t number;
    const uint8_t *bytes; /* of a WIRE_BYTES field, else NULL */
    size_t length;
};

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret) {
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* Reads the field at *at and moves on; false if the bytes are malformed. */
static bool read_field(const uint8_t **at, const uint8_t *end, struct field *ret) {
    uint64_t tag, length = 0;
    if (!read_varint(at, end, &tag)) {
        return false;
    }
    *ret = (struct field){.number = tag >> 3};
    switch (tag & 7) {
    case WIRE_VARINT:
        return read_varint(at, end, &length);
    case WIRE_64:
        length = 8;
        break;
    case WIRE_32:
        length = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(at, end, &length)) {
            return false;
        }
        ret->bytes = *at;
        break;
    default:
        return false;
    }
    if (length > (size_t)(end - *at)) {
        return false;
    }
    ret->length = (size_t)length;
    *at += length;
    return true;
}

/* If the entry's key is the wanted one, its value. */
static bool read_entry(const struct field *entry, const char *key, struct field *ret) {
    const uint8_t *at = entry->bytes, *end = entry->bytes + entry->length;
    struct field field, value = {0};
    bool wanted = false;
    while (at < end && read_field(&at, end, &field)) {
        if (field.number == ENTRY_KEY && field.bytes) {
            wanted = field.length == strlen(key) && memcmp(field.bytes, key, field.length) == 0;
        } else if (field.number == ENTRY_VALUE && field.bytes) {
            value = field;
        }
    }
    *ret = value;
    return wanted && value.bytes;
}

int onnx_metadata(const uint8_t *bytes, size_t length, const char *key, const char **ret, size_t *ret_length) {
    const uint8_t *at = bytes, *end = bytes + length;
    struct field field, found = {0};
    while (at < end) {
        if (!read_field(&at, end, &field)) {
            return fail(ERR_BAD_MODEL, "not an ONNX model: damaged at byte %td", at - bytes);
        }
        struct field value;
        if (field.number == MODEL_METADATA && field.bytes && read_entry(&field, key, &value)) {
            found = value;
        }
    }
    *ret = (const char *)found.bytes;
    *ret_length = found.length;
    return 0;
}
