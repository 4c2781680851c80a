/* The orientation in an Exif block, read by libexif, whose only home is exif.c. Any thread. */
#ifndef OCTAVO_RASTER_EXIF_H
#define OCTAVO_RASTER_EXIF_H

#include <stddef.h>

/* Of a JPEG file or a bare Exif block: 1 to 8 (Exif 2.3, tag 0x0112), 1 if it says nothing sane. */
int exif_orientation(const unsigned char *bytes, size_t length);

#endif
