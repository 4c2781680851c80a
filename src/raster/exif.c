#include "raster/exif.h"

#include <libexif/exif-data.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

#define PREFIX "Exif\0"

enum { PREFIX_BYTES = 6, BLOCK_BYTES = 65533 }; /* a JPEG segment holds no longer one */

static int orientation_in(const unsigned char *bytes, size_t length) {
    ExifData *data = exif_data_new();
    int orientation = 1;
    if (data && length <= UINT_MAX) {
        exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
        exif_data_load_data(data, bytes, (unsigned int)length);
        ExifEntry *entry = exif_data_get_entry(data, EXIF_TAG_ORIENTATION);
        if (entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2) {
            orientation = exif_get_short(entry->data, exif_data_get_byte_order(data));
        }
    }
    exif_data_unref(data);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

int exif_orientation(const unsigned char *bytes, size_t length) {
    bool jpeg = length >= 2 && bytes[0] == 0xff && bytes[1] == 0xd8;
    bool prefixed = length >= PREFIX_BYTES && memcmp(bytes, PREFIX, PREFIX_BYTES) == 0;
    if (jpeg || prefixed) {
        return orientation_in(bytes, length);
    }
    /* PNG and WebP have the block bare; libexif knows it by its prefix. */
    if (length > BLOCK_BYTES - PREFIX_BYTES) {
        return 1;
    }
    void *block cleanup(drop_memory) = NULL;
    if (try_alloc(PREFIX_BYTES + length, 1, &block) != 0) {
        return 1;
    }
    memcpy(block, PREFIX, PREFIX_BYTES);
    memcpy((unsigned char *)block + PREFIX_BYTES, bytes, length);
    return orientation_in(block, PREFIX_BYTES + length);
}
