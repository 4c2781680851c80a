/* A set of page numbers, from 1. One thread. */
#ifndef OCTAVO_POOL_PAGE_SET_H
#define OCTAVO_POOL_PAGE_SET_H

#include <stdbool.h>
#include <stdint.h>

/* Start from {0}: empty. */
struct page_set {
    uint8_t *bits;
    uint32_t end; /* pages from here on are not in it; a multiple of 8 */
};

void page_set_add(struct page_set *set, uint32_t page);
bool page_set_has(const struct page_set *set, uint32_t page);

/* The first page of the set after page; 0: there is none. */
uint32_t page_set_next(const struct page_set *set, uint32_t page);

void page_set_done(struct page_set *set);

#endif
