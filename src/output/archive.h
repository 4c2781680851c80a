/*
 * A ZIP archive that is made piece by piece: what is complete can be taken while the rest is still to come. The time of
 * everything in it is the first that ZIP has, so that the same files give the same bytes. One thread at a time.
 * ERR_NO_MEMORY where the compressor gets none; ERR_OUTPUT where a file is larger than ZIP's 4 GB.
 */
#ifndef OCTAVO_OUTPUT_ARCHIVE_H
#define OCTAVO_OUTPUT_ARCHIVE_H

#include "base/buffer.h"

struct archive;

/* Caller drops. */
struct archive *archive_new(void);
void archive_drop(struct archive **archive);

/* Begins a file, after ending the one before it. */
int archive_begin(struct archive *archive, const char *name);

/* Adds to the file that was begun last. */
int archive_add(struct archive *archive, const struct buffer *bytes);

/* Ends the last file and the archive. */
int archive_end(struct archive *archive);

/* Moves what is complete to the end of another buffer: all but the file that was begun last. */
void archive_take(struct archive *archive, struct buffer *to);

#endif
