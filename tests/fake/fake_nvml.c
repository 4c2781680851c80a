/* libnvidia-ml.so.1 as far as memory/gpu.c calls it. FAKE_NVML: init, count_error, error, count, freeN, totalN. */
#include <stddef.h>
#include <string.h>

#include "script.h"

struct memory {
    unsigned long long total, free, used;
};

int fake_users; /* nvmlInit_v2() without nvmlShutdown(): the test looks at it */
static char devices[8];

int nvmlInit_v2(void) {
    int error = (int)script("FAKE_NVML", "init", 0);
    fake_users += !error;
    return error;
}

int nvmlShutdown(void) {
    fake_users--;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *ret) {
    *ret = (unsigned)script("FAKE_NVML", "count", 1);
    return (int)script("FAKE_NVML", "count_error", 0);
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret) {
    *ret = devices + index;
    return index < (unsigned)script("FAKE_NVML", "count", 1) ? 0 : 2;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **ret) {
    if (strlen(bus_id) != strlen("0000:00:00.0")) {
        return 2;
    }
    return nvmlDeviceGetHandleByIndex_v2((unsigned)(bus_id[6] - '0'), ret);
}

int nvmlDeviceGetMemoryInfo(void *device, struct memory *ret) {
    int index = (int)((char *)device - devices);
    ret->total = (unsigned long long)script_of("FAKE_NVML", "total", index, 2000);
    ret->free = (unsigned long long)script_of("FAKE_NVML", "free", index, 1000);
    ret->used = ret->total - ret->free;
    return (int)script("FAKE_NVML", "error", 0);
}
