#include "pool/page_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void page_set_add(struct page_set *set, uint32_t page) {
    uint32_t end = (page / 8 + 1) * 8;
    if (end > set->end) {
        set->bits = resize(set->bits, end / 8, 1);
        memset(set->bits + set->end / 8, 0, (end - set->end) / 8);
        set->end = end;
    }
    set->bits[page / 8] |= (uint8_t)(1U << page % 8);
}

bool page_set_has(const struct page_set *set, uint32_t page) {
    return page < set->end && set->bits[page / 8] & (1U << page % 8);
}

uint32_t page_set_next(const struct page_set *set, uint32_t page) {
    for (page++; page < set->end; page++) {
        if (page_set_has(set, page)) {
            return page;
        }
    }
    return 0;
}

void page_set_done(struct page_set *set) {
    free(set->bits);
    *set = (struct page_set){0};
}
