/*
 * Pictures in one file, as a raster writes it: for each a head (numbers of its page and region, length, little-endian,
 * of 4, 4 and 8 bytes) and its bytes, in the order of the pages, on each in that of the regions. The raster is not
 * trusted: what it wrote is looked through before it is used, and its pictures are copied, never decoded. One thread at
 * a time.
 */
#ifndef OCTAVO_DOCUMENT_ALBUM_H
#define OCTAVO_DOCUMENT_ALBUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { ALBUM_HEAD = 16 /* bytes */ };

/* A picture: its page, its region (from 1; 0: the whole page), and where its bytes lie in the file. */
struct album_entry {
    uint32_t page, region;
    uint64_t start, length;
};

struct album {
    int fd;
    struct album_entry *entries;
    size_t count;
};

/* Those of a document; NULL: were not wanted, or could not be made. */
struct albums {
    struct album *pictures; /* of the pages */
    struct album *figures;  /* cut out of them */
};

/* The head of a picture. */
void album_head(uint32_t page, uint32_t region, uint64_t length, unsigned char ret[ALBUM_HEAD]);

/* Looks through a file of pictures of a document of so many pages. The descriptor is copied, and stays where it stands.
 * The caller drops *ret. ERR_OUTPUT: it cannot be read, or is none. */
int album_open(int fd, uint32_t pages, struct album **ret);
void album_drop(struct album **album);
void albums_done(struct albums *albums);

/* The picture of a region, 0 for the page; NULL if there is none. Borrowed. */
const struct album_entry *album_find(const struct album *album, uint32_t page, uint32_t region);

/* Adds a picture's bytes. ERR_OUTPUT. */
int album_read(const struct album *album, const struct album_entry *entry, struct buffer *to);

#endif
