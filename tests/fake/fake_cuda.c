/*
 * libcuda.so.1 as far as memory/gpu.c calls it. FAKE_CUDA: init, count_error, retain, error (codes to return), count,
 * freeN and totalN of device N, reversed=1: devices in the reverse order of the bus.
 */
#include <stddef.h>
#include <stdio.h>

#include "script.h"

int fake_contexts; /* retained and not released: the test looks at it */
static int current = -1;
static char contexts[8]; /* the address of the n-th is the context of device n */

static int count_devices(void) { return (int)script("FAKE_CUDA", "count", 1); }

int cuInit(unsigned flags) { return flags ? 1 : (int)script("FAKE_CUDA", "init", 0); }

int cuDeviceGetCount(int *ret) {
    *ret = count_devices();
    return (int)script("FAKE_CUDA", "count_error", 0);
}

int cuDeviceGet(int *ret, int index) {
    *ret = index;
    return index < count_devices() ? 0 : 101;
}

int cuDeviceGetPCIBusId(char *ret, int size, int device) {
    int place = script("FAKE_CUDA", "reversed", 0) ? count_devices() - 1 - device : device;
    snprintf(ret, (size_t)size, "0000:0%d:00.0", place);
    return 0;
}

int cuDevicePrimaryCtxRetain(void **ret, int device) {
    int error = (int)script("FAKE_CUDA", "retain", 0);
    *ret = error ? (void *)contexts : contexts + device; /* on failure: rubbish that must not be kept */
    fake_contexts += !error;
    return error;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    fake_contexts--;
    return device < count_devices() ? 0 : 101;
}

int cuCtxSetCurrent(void *context) {
    current = (int)((char *)context - contexts);
    return 0;
}

#ifndef WITHOUT_MEMORY
int cuMemGetInfo_v2(size_t *ret_free, size_t *ret_total) {
    *ret_free = (size_t)script_of("FAKE_CUDA", "free", current, 1000);
    *ret_total = (size_t)script_of("FAKE_CUDA", "total", current, 2000);
    return fake_contexts > 0 && current >= 0 ? (int)script("FAKE_CUDA", "error", 0) : 201;
}
#endif
