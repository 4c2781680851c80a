/* libcudart.so.12 as far as memory/gpu.c calls it. FAKE_CUDART: count_error, error, count, freeN, totalN. */
#include <stddef.h>
#include <stdio.h>

#include "script.h"

static int current;

int cudaGetDeviceCount(int *ret) {
    *ret = (int)script("FAKE_CUDART", "count", 1);
    return (int)script("FAKE_CUDART", "count_error", 0);
}

int cudaSetDevice(int index) {
    current = index;
    return index < (int)script("FAKE_CUDART", "count", 1) ? 0 : 101;
}

int cudaDeviceGetPCIBusId(char *ret, int size, int index) {
    snprintf(ret, (size_t)size, "0000:0%d:00.0", index);
    return 0;
}

int cudaMemGetInfo(size_t *ret_free, size_t *ret_total) {
    *ret_free = (size_t)script_of("FAKE_CUDART", "free", current, 1000);
    *ret_total = (size_t)script_of("FAKE_CUDART", "total", current, 2000);
    return (int)script("FAKE_CUDART", "error", 0);
}
