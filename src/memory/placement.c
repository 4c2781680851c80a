#include "memory/placement.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "memory/gpu.h"

int placement_parse(const char *text, int *ret) {
    if (strcmp(text, "auto") == 0 || strcmp(text, "cpu") == 0) {
        *ret = text[0] == 'a' ? PLACE_AUTO : PLACE_CPU;
        return 0;
    }
    const char *digits = text + 3;
    size_t length = strncmp(text, "gpu", 3) == 0 ? strspn(digits, "0123456789") : 0;
    if (length == 0 || length > 3 || digits[length] != '\0') {
        return fail(ERR_USAGE, "%s is no device: auto, cpu, gpu0, gpu1, ...", text);
    }
    *ret = (int)strtol(digits, NULL, 10);
    return 0;
}

char *placement_word(int device) {
    return device == PLACE_AUTO ? copy_string("auto") : device < 0 ? copy_string("cpu") : format("gpu%d", device);
}

/* Whether bytes fit with so many reserves beyond. */
static bool fits(const struct gpu_reading *gpu, uint64_t bytes, uint64_t reserves) {
    uint64_t reserve = gpu->total / 25 * reserves;
    return gpu->known && gpu->free >= reserve && gpu->free - reserve >= bytes;
}

/* The GPU to go to: the wished one, or that with most free, but kept while it has room; PLACE_CPU if none has. */
static int find_roomy(int wish, const struct gpu_reading *gpus, int count, uint64_t bytes, int kept) {
    int best = PLACE_CPU;
    for (int i = 0; i < count; i++) {
        bool eligible = (wish == i || wish == PLACE_AUTO) && fits(&gpus[i], bytes, 2);
        if (eligible && (best == PLACE_CPU || i == kept || (best != kept && gpus[i].free > gpus[best].free))) {
            best = i;
        }
    }
    return best;
}

struct placement placement_choose(int wish, const struct gpu_reading *gpus, int count, uint64_t bytes,
                                  struct placement before, int64_t hold, int64_t now) {
    int held = before.device;
    if (held >= 0 && held < count && (wish == held || wish == PLACE_AUTO) && fits(&gpus[held], bytes, 1)) {
        return (struct placement){.device = held, .roomy = PLACE_CPU};
    }
    int kept = held == PLACE_CPU ? before.roomy : PLACE_CPU;
    struct placement after = {.device = PLACE_CPU, .roomy_since = now};
    after.roomy = find_roomy(wish, gpus, count, bytes, kept);
    bool waited = held == PLACE_AUTO;
    if (after.roomy >= 0 && after.roomy == kept) {
        after.roomy_since = before.roomy_since;
        waited = now - before.roomy_since >= hold;
    }
    if (after.roomy >= 0 && waited) {
        after = (struct placement){.device = after.roomy, .roomy = PLACE_CPU};
    }
    return after;
}
