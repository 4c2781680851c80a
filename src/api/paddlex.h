/*
 * Requests as PaddleX takes them (docs/paddlex.md): what is wanted of a document, read from table/paddlex.def. One
 * thread.
 */
#ifndef OCTAVO_API_PADDLEX_H
#define OCTAVO_API_PADDLEX_H

#include <stdbool.h>
#include <stdint.h>

#include "output/paddlex.h"
#include "task/wish.h"

struct json;

enum { PADDLEX_PDF, PADDLEX_IMAGE }; /* as "fileType" has them */

struct paddlex_request {
    bool layout; /* /layout-parsing, else /ocr */
    int file_type;
    char *log_id; /* NULL: none was told */
    struct paddlex_terms terms;
    struct wish wish;
};

/*
 * Reads the members of a request's object into *ret, where layout is set and the rest is 0; the caller frees its
 * contents with paddlex_request_done(), also after a failure. url: that "file" is, NULL if it is a document; pages: of
 * a PDF that are read at the most. ERR_UNPROCESSABLE with what PaddleX says, ERR_NO_MODEL for a stage that there is
 * not.
 */
int paddlex_request_read(const struct json *object, const char *url, int64_t pages, struct paddlex_request *ret);
void paddlex_request_done(struct paddlex_request *request);

/* The answer to a request that fails; status is that of its error and may be changed. The caller drops it. */
struct json *paddlex_problem(int error, const char *detail, int *status);

/* A random UUID (version 4); the caller frees it. */
char *paddlex_log_id(void);

#endif
