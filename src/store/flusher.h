/*
 * Documents on their way to the disk: fsync() takes from a millisecond to seconds, so that a few threads wait for it
 * beside the event loop. All calls are the loop's.
 */
#ifndef OCTAVO_STORE_FLUSHER_H
#define OCTAVO_STORE_FLUSHER_H

struct flusher;
struct flush;

/* The caller drops *ret; what is under way then is waited for, and nobody is told. ERR_INTERNAL. */
int flusher_new(struct flusher **ret);
void flusher_drop(struct flusher **flusher);

/*
 * Begins to write a file and the folder that names it to the disk (both descriptors are copied). done() is called by
 * flusher_take() with 0 or an errno, once, the last moment in which the flush is there. Where no thread can be had, the
 * caller waits here.
 */
struct flush *flusher_begin(struct flusher *flusher, int fd, int folder,
                            void (*done)(void *context, struct flush *flush, int error), void *context);

/* done() will not be called. */
void flush_forget(struct flush *flush);

/* A descriptor that can be read when flusher_take() has something to tell. */
int flusher_descriptor(const struct flusher *flusher);
void flusher_take(struct flusher *flusher);

#endif
