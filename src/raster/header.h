/*
 * What the first bytes of a picture file say, read without decoding anything: its kind, its size, where its pages and
 * its Exif block are. Only bytes inside the given length are looked at, and every loop ends. Any thread.
 */
#ifndef OCTAVO_RASTER_HEADER_H
#define OCTAVO_RASTER_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum format {
    FORMAT_NONE,
    FORMAT_PNG,
    FORMAT_JPEG,
    FORMAT_TIFF,
    FORMAT_WEBP,
    FORMAT_BMP,
    FORMAT_GIF,
    FORMAT_PNM,
    FORMAT_JPEG2000,
};

/* The kind by its signature; FORMAT_NONE if it is no picture. */
enum format header_format(const unsigned char *bytes, size_t length);

/* "png", "jpeg", ...; borrowed for ever. */
const char *header_word(enum format format);

/* Width and height in pixels, not both sane yet. ERR_CORRUPT if the header is cut or says a size of zero or less. */
int header_size(enum format format, const unsigned char *bytes, size_t length, uint64_t *ret_width,
                uint64_t *ret_height);

/* Whether a BMP without compression ends before its pixels do: what it lacks is decoded as if it was there. */
bool header_bmp_is_cut(const unsigned char *bytes, size_t length);

/* The part of a JPEG, PNG or WebP that holds its Exif block (of a JPEG: all of it). False if there is none. */
bool header_exif(enum format format, const unsigned char *bytes, size_t length, const unsigned char **ret,
                 size_t *ret_length);

/*
 * Length of a GIF up to the end of its first frame, and which of that frame's colours is transparent, -1 if none is.
 * ERR_CORRUPT if there is no frame.
 */
int header_first_frame(const unsigned char *bytes, size_t length, size_t *ret_length, int *ret_transparent);

/* ITU-T T.81, annex B; where there is no frame or scan, as if it were a usual one of three colours. */
struct jpeg {
    uint32_t components, scanned; /* in the frame; in its first scan */
    uint32_t blocks, most;        /* sum of the sampling factors, and what they would be without subsampling */
    uint32_t frame, bits;         /* the frame's marker, 0: none; bits of a sample */
    bool progressive;
    bool adobe; /* marked by Adobe's programs: four components are ink that is not there */
};
struct jpeg header_jpeg(const unsigned char *bytes, size_t length);

#endif
