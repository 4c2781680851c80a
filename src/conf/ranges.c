#include "conf/ranges.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

/* Digits at *text as a page number, *text behind them; absent if there are none. 0 is no page: it reads as failed. */
static int number(const char **text, uint32_t absent, uint32_t *ret) {
    uint64_t value = 0;
    const char *start = *text;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        value = value * 10 + (uint64_t)(**text - '0');
        if (value >= UINT32_MAX) {
            return -1;
        }
    }
    *ret = *text == start ? absent : (uint32_t)value;
    return *ret == 0 ? -1 : 0;
}

static int range_parse(const char **text, struct range *ret) {
    const char *start = *text;
    struct range range;
    if (number(text, 1, &range.first) != 0) {
        return -1;
    }
    range.last = range.first;
    if (**text == '-') {
        (*text)++;
        if (number(text, UINT32_MAX, &range.last) != 0 || *text == start + 1) {
            return -1;
        }
    }
    *ret = range;
    return *text > start && range.first <= range.last ? 0 : -1;
}

int ranges_parse(const char *text, struct ranges *ret) {
    struct ranges ranges cleanup(ranges_done) = {0};
    for (const char *rest = text;; rest++) {
        ranges.parts = resize(ranges.parts, ranges.count + 1, sizeof(*ranges.parts));
        if (range_parse(&rest, &ranges.parts[ranges.count++]) != 0 || (*rest != '\0' && *rest != ',')) {
            return fail(ERR_USAGE, "page numbers from 1 are expected, as in 1-3,7 or 5- or -3");
        }
        if (*rest == '\0') {
            break;
        }
    }
    ret->count = ranges.count;
    ret->parts = take(ranges.parts);
    return 0;
}

void ranges_done(struct ranges *ranges) {
    free(ranges->parts);
    *ranges = (struct ranges){0};
}

uint32_t ranges_next(const struct ranges *ranges, uint32_t page, uint32_t total) {
    uint32_t best = ranges->count == 0 ? page + 1 : UINT32_MAX;
    for (size_t i = 0; i < ranges->count; i++) {
        const struct range *part = &ranges->parts[i];
        uint32_t candidate = part->first > page ? part->first : page + 1;
        if (candidate <= part->last && candidate < best) {
            best = candidate;
        }
    }
    return best <= total ? best : 0;
}

uint32_t ranges_count(const struct ranges *ranges, uint32_t total) {
    uint32_t count = 0;
    for (uint32_t page = 0; (page = ranges_next(ranges, page, total)) != 0;) {
        count++;
    }
    return count;
}

uint32_t ranges_highest(const struct ranges *ranges) {
    uint32_t highest = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        const struct range *part = &ranges->parts[i];
        uint32_t named = part->last == UINT32_MAX ? part->first : part->last;
        highest = named > highest ? named : highest;
    }
    return highest;
}
