/* The bytes of a document, from its open descriptor. One thread. */
#ifndef OCTAVO_RASTER_SOURCE_H
#define OCTAVO_RASTER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source {
    const unsigned char *bytes;
    size_t length;
    bool mapped; /* a regular file; otherwise a copy of what a pipe gave */
};

/*
 * A regular file is mapped from its start, anything else read to its end. The caller drops *ret. ERR_EMPTY;
 * ERR_TOO_LARGE for a pipe that gives more than 1 GiB; ERR_NO_MEMORY for one that gives more than half of the bytes
 * granted (0: any number), since reading it takes up to twice its length; ERR_NO_INPUT.
 */
int source_open(int fd, uint64_t granted, struct source *ret);

/* Lets go of the pages of a mapped file that were touched; they stay in the system's cache. */
void source_rest(const struct source *source);

/* For cleanup(): {0} is left alone. */
void source_drop(struct source *source);

#endif
