#include "engine/integers.h"

#include "base/memory.h"

#define EXACT (INT64_C(1) << 24)

int integers_to_floats(const int64_t *integers, size_t count, float **ret) {
    void *block;
    int result = try_alloc(count + 1, sizeof(float), &block); /* also of none */
    if (result != 0) {
        return result;
    }
    float *floats = block;
    for (size_t i = 0; i < count; i++) {
        floats[i] = integers[i] >= 0 && integers[i] <= EXACT ? (float)integers[i] : -1;
    }
    *ret = floats;
    return 0;
}
