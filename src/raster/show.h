/*
 * Pictures of pages for people, as PNG: what was drawn of the page, with marks of how it was read (raster/marks.h); its
 * figures (raster/cut.h). A row is made and compressed after the other: beside the page's bitmap this takes next to
 * nothing. One thread.
 */
#ifndef OCTAVO_RASTER_SHOW_H
#define OCTAVO_RASTER_SHOW_H

#include <stdint.h>

#include "document/made.h"
#include "document/page.h"
#include "raster/kind.h"

/*
 * Adds the picture of a page (MADE_PICTURE) or its figures (MADE_FIGURE) to a file (document/album.h); a page without
 * figures is not drawn for them. *ret_needs: 0; or the bytes that drawing it takes, which are more than the granted (0:
 * no bound), and nothing was drawn. ERR_OUTPUT, ERR_NO_MEMORY, and errors of the kind's page().
 */
int show_page(const struct document_kind *kind, struct document *document, const struct page *page, enum made made,
              int fd, uint64_t granted, uint64_t *ret_needs);

#endif
