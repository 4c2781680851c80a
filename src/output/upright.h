/* A page as one holds it to read: what turned it is undone. Any thread. */
#ifndef OCTAVO_OUTPUT_UPRIGHT_H
#define OCTAVO_OUTPUT_UPRIGHT_H

#include "document/page.h"

/* The page with sizes, quads and angles after the turn back, angle kept. Its texts and warnings are the page's, all
 * else is its own until upright_done(). */
void upright_of(const struct page *page, struct page *ret);
void upright_done(struct page *upright);

#endif
