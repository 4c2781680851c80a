/*
 * Where engine runs go: the processor or a GPU. Pure functions: the wish, readings and the past in, a device out; any
 * thread. No engine of this version runs on a GPU, so workers always get the processor today; this and memory/gpu.h are
 * what a GPU engine is to be placed with.
 */
#ifndef OCTAVO_MEMORY_PLACEMENT_H
#define OCTAVO_MEMORY_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

struct gpu_reading;

/* A device, or a wish for one: 0 and above are GPUs. */
enum { PLACE_CPU = -1, PLACE_AUTO = -2 };

/* "auto", "cpu", "gpu0", "gpu1", ... to a wish. ERR_USAGE. */
int placement_parse(const char *text, int *ret);

/* The word of a device or wish; the caller frees it. */
char *placement_word(int device);

#define PLACEMENT_HOLD INT64_C(30000000000) /* nanoseconds that a GPU must have room before work returns to it */

/* Where work is now. Starts from (struct placement){.device = PLACE_AUTO}: nowhere yet. */
struct placement {
    int device; /* PLACE_CPU or a GPU */
    int roomy;  /* of placement_choose() alone: the GPU that has room while we are on the processor; PLACE_CPU */
    int64_t roomy_since; /* ... and since when */
};

/*
 * The device for work that needs so many bytes more than it holds. gpus are the readings of devices 0 to count - 1.
 * A GPU is left at once when it has less free than the bytes and a reserve of 4 % of its memory, or when its memory is
 * unknown. It is returned to when it had twice the reserve beyond the bytes in every reading for hold nanoseconds. The
 * first placement waits for nothing. A wish for one GPU takes that or the processor, `auto` the one with most room.
 */
struct placement placement_choose(int wish, const struct gpu_reading *gpus, int count, uint64_t bytes,
                                  struct placement before, int64_t hold, int64_t now);

#endif
