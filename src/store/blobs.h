/*
 * Documents and page results as files of a folder:
 *
 *   documents/ID   what was sent, whole and on the disk before its task is accepted
 *   pdfs/ID        its searchable PDF, where one was wanted; so pictures/ID, and whatever else is made of a document
 *   pages/ID       the results of a task's pages one after the other, as they came; the store knows where each begins
 *
 * Names are our own ids; nothing of a client becomes part of a path. A full disk is ERR_DISK_FULL, all else that goes
 * wrong with the folder ERR_STORE. One thread.
 */
#ifndef OCTAVO_STORE_BLOBS_H
#define OCTAVO_STORE_BLOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "document/made.h"
#include "store/flusher.h"

struct blobs;

/* Opens the folder, which is made if it is missing, with what is to be in it. The caller drops *ret. */
int blobs_open(const char *folder, struct blobs **ret);
void blobs_drop(struct blobs **blobs);

/* A new document to be written; the caller closes *ret_fd. */
int blobs_new(struct blobs *blobs, const char *id, int *ret_fd);

/* Begins to make a new document survive a power failure (store/flusher.h); what the error that done() gets means. */
struct flush *blobs_keep(struct blobs *blobs, int fd, void (*done)(void *context, struct flush *flush, int error),
                         void *context);
int blobs_kept(int error);

/* For the event loop: a descriptor that can be read when blobs_take() has to tell of kept documents. */
int blobs_descriptor(const struct blobs *blobs);
void blobs_take(struct blobs *blobs);

/* A document without a name: it is gone when *ret_fd and its copies are closed, however this process ends. */
int blobs_scratch(struct blobs *blobs, int *ret_fd);

/* Whether a document could be written now. */
int blobs_check(struct blobs *blobs);

/* Writes more of a document. */
int blobs_write(int fd, const void *bytes, size_t length);

/* A document to be read; the caller closes *ret_fd. */
int blobs_read(struct blobs *blobs, const char *id, int *ret_fd);

/* Adds a page's result, on the disk when this returns; *ret_offset is where it begins. */
int blobs_add_page(struct blobs *blobs, const char *id, const char *text, size_t length, uint64_t *ret_offset);

/* A page's result as it was added; the caller frees *ret. ERR_STORE_DAMAGED if it is not all there. */
int blobs_read_page(struct blobs *blobs, const char *id, uint64_t offset, size_t length, char **ret);

/*
 * What is made of a task's document, to be written from its beginning; made sure that it survives a power failure; to
 * be read; removed. The caller closes *ret_fd. ERR_NOT_FOUND if none was made.
 */
int blobs_new_made(struct blobs *blobs, enum made made, const char *id, int *ret_fd);
int blobs_keep_made(struct blobs *blobs, enum made made, int fd);
int blobs_read_made(struct blobs *blobs, enum made made, const char *id, int *ret_fd);
void blobs_remove_made(struct blobs *blobs, enum made made, const char *id);
void blobs_remove_all_made(struct blobs *blobs, const char *id);

/* Removes a document that is not wanted any more; all that there is of a task. */
void blobs_remove_document(struct blobs *blobs, const char *id);
void blobs_remove(struct blobs *blobs, const char *id);

/* Removes documents and results of pages that nobody wants, as are left where the process ended between file and row;
 * returns how many files. */
size_t blobs_sweep(struct blobs *blobs, bool (*wants_document)(void *context, const char *id),
                   bool (*wants_pages)(void *context, const char *id), void *context);

#endif
