/*
 * What was survived while a document was read: a few sentences for its warnings[], the first ones and a count of the
 * rest. One thread.
 */
#ifndef OCTAVO_RASTER_NOTES_H
#define OCTAVO_RASTER_NOTES_H

#include <stddef.h>

struct json;

enum { NOTES_MAX = 8 };

struct notes {
    char *text[NOTES_MAX];
    size_t count, dropped;
};

/* Adds a sentence unless it is there already; long ones are cut. notes may be NULL. */
void notes_add(struct notes *notes, const char *pattern, ...) __attribute__((format(printf, 2, 3)));

/* Sets object's "warnings" to an array of the sentences. */
void notes_to_json(const struct notes *notes, struct json *object);

/* Frees the contents; the notes may be used again. */
void notes_done(struct notes *notes);

/*
 * Decoders that print on standard error (libpng, libjpeg, OpenJPEG) are heard instead: between notes_listen() and
 * notes_heard(), descriptor 2 leads to a few KiB of memory, whose lines then become notes. Calls do not nest.
 * Under sanitizers nothing is diverted, so that their reports are seen.
 */
void notes_listen(void);
void notes_heard(struct notes *notes);

#endif
