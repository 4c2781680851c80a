/* Outputs that are whole numbers (token ids), as floats: the one kind of numbers that outputs have. Any thread. */
#ifndef OCTAVO_ENGINE_INTEGERS_H
#define OCTAVO_ENGINE_INTEGERS_H

#include <stddef.h>
#include <stdint.h>

/*
 * *ret has count floats from try_alloc(); the caller frees it. What is exact as a float, up to 2^24 (no vocabulary is
 * larger), stays what it is; what is not becomes -1, which is no id. ERR_NO_MEMORY.
 */
int integers_to_floats(const int64_t *integers, size_t count, float **ret);

#endif
