/* The result of a document: its pages, as far as they were read. One thread at a time. */
#ifndef OCTAVO_DOCUMENT_RESULT_H
#define OCTAVO_DOCUMENT_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "document/page.h"

struct result {
    char *name;          /* as the user named the file; "-" for standard input; valid UTF-8 */
    char *format;        /* "pdf", "png", "jpeg", "tiff", "webp", "bmp", "gif", "pnm", "jpeg2000" */
    uint64_t bytes;      /* size of the file */
    uint32_t page_total; /* pages that the document has */
    struct page *pages;  /* those read, by number */
    size_t page_count;
    char **warnings; /* about the document as a whole */
    size_t warning_count;
    bool complete;  /* false: some asked page is missing (interrupted, failed) */
    double seconds; /* from opening to the last page */
    char *engine;   /* "openvino 2026.4.1", as the worker said */
};

void result_warn(struct result *result, const char *warning);
void result_done(struct result *result);

#endif
