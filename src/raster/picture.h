/* A picture file that is open, between picture.c, which draws its pages, and picture_write.c. One thread. */
#ifndef OCTAVO_RASTER_PICTURE_H
#define OCTAVO_RASTER_PICTURE_H

#include "raster/book.h"
#include "raster/header.h"
#include "raster/kind.h"
#include "raster/tiff.h"

struct picture {
    struct document document;
    const unsigned char *bytes;
    size_t length;
    enum format format;
    uint64_t max_pixels;
    uint64_t pixels;        /* of its only page; of a TIFF 0 */
    struct tiff_chain tiff; /* its pages; of other formats empty */
    struct book *book;      /* in which it is written; NULL: it is not */
    uint32_t written;       /* the last page of it */
};

/* How it is to be turned (EXIF, 1 to 8). */
int picture_orientation(const struct picture *picture);

/* Of the kind (raster/kind.h). */
int picture_page(struct document *document, uint32_t number, struct notes *notes, struct bitmap *ret_bitmap,
                 int *ret_fd);
int picture_write_begin(struct document *document, int fd, struct notes *notes);
int picture_write_page(struct document *document, const struct page *page, struct notes *notes);
int picture_write_end(struct document *document, struct notes *notes);
void picture_write_drop(struct picture *picture);

#endif
