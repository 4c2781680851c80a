/* Which pages: lists such as "1-3,7", "5-" or "-3" (the first three). One thread at a time. */
#ifndef OCTAVO_CONF_RANGES_H
#define OCTAVO_CONF_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct range {
    uint32_t first, last; /* from 1, both included; last is UINT32_MAX for "5-" */
};

/* No parts: all pages. */
struct ranges {
    struct range *parts;
    size_t count;
};

/* Reads text into *ret, whose contents the caller frees with ranges_done(). ERR_USAGE. */
int ranges_parse(const char *text, struct ranges *ret);
void ranges_done(struct ranges *ranges);

/* The first asked page after page (0: from the start) of a document of total pages; 0 if there is none. */
uint32_t ranges_next(const struct ranges *ranges, uint32_t page, uint32_t total);

/* How many pages of a document of total pages are asked for. */
uint32_t ranges_count(const struct ranges *ranges, uint32_t total);

/* The highest page that is asked for by number; 0 if none is. */
uint32_t ranges_highest(const struct ranges *ranges);

#endif
