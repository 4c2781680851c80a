/*
 * The chain of directories of a TIFF or BigTIFF file: one for each page. TIFF 6.0, section 2; BigTIFF as libtiff has
 * it. Nothing is decoded. Any thread.
 */
#ifndef OCTAVO_RASTER_TIFF_H
#define OCTAVO_RASTER_TIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tiff_page {
    uint64_t offset; /* of its directory */
    uint64_t width, height;
    uint32_t bits, samples; /* bits of a sample, samples of a pixel */
    bool palette;           /* samples are numbers of colours */
    bool planar;            /* a plane for each sample */
    bool packed;            /* its pixels are compressed */
    uint64_t sizes;         /* the entry that says how many bytes its strips or tiles have; 0: none */
    bool reduced;           /* a smaller copy of another page */
};

struct tiff_chain {
    struct tiff_page *pages; /* caller frees */
    size_t count;
    bool broken; /* the chain ran in a circle or out of the file; the pages before that are good */
    bool more;   /* there are more than the limit */
};

/*
 * Walks the chain, at most limit pages (0: 65535, TIFF's own numbers go no further). Reduced copies of other pages
 * (thumbnails) are left out unless there is nothing else. ERR_CORRUPT if there is no page; ERR_NO_MEMORY.
 */
int tiff_walk(const unsigned char *bytes, size_t length, uint32_t limit, struct tiff_chain *ret);

/* Whether the page's pixels are not compressed and take more bytes than it has. */
bool tiff_is_short(const unsigned char *bytes, size_t length, const struct tiff_page *page);

/*
 * A copy of the file whose first page is the one at offset; the caller frees it. Only for files below 4 GiB that are no
 * BigTIFF: ERR_UNSUPPORTED. ERR_NO_MEMORY.
 */
int tiff_starting_at(const unsigned char *bytes, size_t length, uint64_t offset, unsigned char **ret);

#endif
