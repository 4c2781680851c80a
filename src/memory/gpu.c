#include "memory/gpu.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* From the public documentation of the CUDA driver API, the CUDA runtime API and NVML: every call returns 0 or a code.
 */
struct cuda {
    int (*init)(unsigned flags);
    int (*count)(int *ret);
    int (*device)(int *ret, int index);
    int (*bus_id)(char *ret, int size, int device);
    int (*retain)(void **ret_context, int device);
    int (*release)(int device);
    int (*use)(void *context);
    int (*memory)(size_t *ret_free, size_t *ret_total);
};

struct cudart {
    int (*count)(int *ret);
    int (*use)(int index);
    int (*bus_id)(char *ret, int size, int index);
    int (*memory)(size_t *ret_free, size_t *ret_total);
};

struct nvml_memory {
    unsigned long long total, free, used;
};

struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *ret);
    int (*by_index)(unsigned index, void **ret);
    int (*by_bus_id)(const char *bus_id, void **ret);
    int (*memory)(void *device, struct nvml_memory *ret);
};

enum { DEVICES = 64, NO_DEVICE = 100 /* CUDA_ERROR_NO_DEVICE, cudaErrorNoDevice */, BUS_ID = 32 };

struct gpus {
    bool has_cuda, has_cudart, has_nvml; /* loaded, and began without error */
    struct cuda cuda;
    struct cudart cudart;
    struct nvml nvml;
    gpu_engine_read *engine;
    void *context;
    int count;
    void *contexts[DEVICES];       /* CUDA's primary contexts that we hold; NULL */
    char bus_ids[DEVICES][BUS_ID]; /* as CUDA says; "" where it did not */
    bool told;                     /* that sources disagree */
    char *notice;                  /* not taken yet; NULL */
};

/* Loading */

struct symbol {
    const char *name;
    void *address; /* of the pointer to the function */
};

static void *open_library(const char *folder, const char *name) {
    char *path cleanup(drop_memory) = folder ? format("%s/%s", folder, name) : copy_string(name);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/*
 * The first of names that can be loaded and has all symbols. It is never unloaded: drivers leave threads and handlers
 * behind. names and symbols end with NULL.
 */
static bool load(const char *folder, const char *const *names, const struct symbol *symbols) {
    void *library = NULL;
    for (; !library && *names; names++) {
        library = open_library(folder, *names);
    }
    for (; library && symbols->name; symbols++) {
        void *symbol = dlsym(library, symbols->name);
        if (!symbol) {
            return false;
        }
        memcpy(symbols->address, &symbol, sizeof(symbol));
    }
    return library != NULL;
}

/* True also where there are no devices: then CUDA has answered, and the answer is none. */
static bool counted(int error, int *count) {
    *count = error == 0 ? *count : 0;
    return error == 0 || error == NO_DEVICE;
}

static bool open_cuda(struct gpus *gpus, const char *folder) {
    struct cuda *cuda = &gpus->cuda;
    const struct symbol symbols[] = {{"cuInit", &cuda->init},
                                     {"cuDeviceGetCount", &cuda->count},
                                     {"cuDeviceGet", &cuda->device},
                                     {"cuDeviceGetPCIBusId", &cuda->bus_id},
                                     {"cuDevicePrimaryCtxRetain", &cuda->retain},
                                     {"cuDevicePrimaryCtxRelease_v2", &cuda->release},
                                     {"cuCtxSetCurrent", &cuda->use},
                                     {"cuMemGetInfo_v2", &cuda->memory},
                                     {NULL, NULL}};
    if (!load(folder, (const char *const[]){"libcuda.so.1", "libcuda.so", NULL}, symbols)) {
        return false;
    }
    int error = cuda->init(0);
    error = error ? error : cuda->count(&gpus->count);
    return counted(error, &gpus->count);
}

static bool open_cudart(struct gpus *gpus, const char *folder) {
    struct cudart *cudart = &gpus->cudart;
    const struct symbol symbols[] = {{"cudaGetDeviceCount", &cudart->count},
                                     {"cudaSetDevice", &cudart->use},
                                     {"cudaDeviceGetPCIBusId", &cudart->bus_id},
                                     {"cudaMemGetInfo", &cudart->memory},
                                     {NULL, NULL}};
    static const char *const names[] = {"libcudart.so", "libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0",
                                        NULL};
    int count = 0;
    if (!load(folder, names, symbols) || !counted(cudart->count(&count), &count)) {
        return false;
    }
    gpus->count = gpus->has_cuda ? gpus->count : count;
    return true;
}

static bool open_nvml(struct gpus *gpus, const char *folder) {
    struct nvml *nvml = &gpus->nvml;
    const struct symbol symbols[] = {{"nvmlInit_v2", &nvml->init},
                                     {"nvmlShutdown", &nvml->shutdown},
                                     {"nvmlDeviceGetCount_v2", &nvml->count},
                                     {"nvmlDeviceGetHandleByIndex_v2", &nvml->by_index},
                                     {"nvmlDeviceGetHandleByPciBusId_v2", &nvml->by_bus_id},
                                     {"nvmlDeviceGetMemoryInfo", &nvml->memory},
                                     {NULL, NULL}};
    unsigned count = 0;
    if (!load(folder, (const char *const[]){"libnvidia-ml.so.1", "libnvidia-ml.so", NULL}, symbols) ||
        nvml->init() != 0) {
        return false;
    }
    if (nvml->count(&count) != 0 || count > INT_MAX) {
        nvml->shutdown();
        return false;
    }
    gpus->count = gpus->has_cuda || gpus->has_cudart ? gpus->count : (int)count;
    return true;
}

/* Now, while CUDA is in order: NVML is asked when it no longer is. */
static void read_bus_id(struct gpus *gpus, int index) {
    char bus_id[BUS_ID] = "";
    int device, error = -1;
    if (gpus->has_cuda) {
        error = gpus->cuda.device(&device, index);
        error = error ? error : gpus->cuda.bus_id(bus_id, sizeof(bus_id), device);
    } else if (gpus->has_cudart) {
        error = gpus->cudart.bus_id(bus_id, sizeof(bus_id), index);
    }
    if (error == 0) {
        memcpy(gpus->bus_ids[index], bus_id, sizeof(bus_id));
    }
}

struct gpus *gpu_open(const char *folder, enum gpu_use use, gpu_engine_read *engine, void *context) {
    struct gpus *gpus = alloc(1, sizeof(*gpus));
    gpus->engine = engine;
    gpus->context = context;
    if (use == GPU_COMPUTES) {
        gpus->has_cuda = open_cuda(gpus, folder);
        gpus->has_cudart = open_cudart(gpus, folder);
    }
    gpus->has_nvml = open_nvml(gpus, folder);
    gpus->count = gpus->count < DEVICES ? gpus->count : DEVICES;
    for (int i = 0; i < gpus->count; i++) {
        read_bus_id(gpus, i);
    }
    return gpus;
}

void gpu_drop(struct gpus **gpus) {
    if (!*gpus) {
        return;
    }
    for (int i = 0; i < DEVICES; i++) {
        int device;
        if ((*gpus)->contexts[i] && (*gpus)->cuda.device(&device, i) == 0) {
            (*gpus)->cuda.release(device);
        }
    }
    if ((*gpus)->has_nvml) {
        (*gpus)->nvml.shutdown();
    }
    free((*gpus)->notice);
    free(take(*gpus));
}

int gpu_count(const struct gpus *gpus) { return gpus->count; }

/* Reading: each returns 0 or an error's code, and sets *ret only then. */

static int set(const char *source, uint64_t total, uint64_t available, struct gpu_reading *ret) {
    *ret = (struct gpu_reading){.known = true, .total = total, .free = available, .source = source};
    return 0;
}

static int read_cuda(struct gpus *gpus, int index, struct gpu_reading *ret) {
    int device;
    size_t available, total;
    int error = gpus->cuda.device(&device, index);
    if (!error && !gpus->contexts[index]) {
        void *context = NULL;
        error = gpus->cuda.retain(&context, device);
        gpus->contexts[index] = error ? NULL : context;
    }
    error = error ? error : gpus->cuda.use(gpus->contexts[index]);
    error = error ? error : gpus->cuda.memory(&available, &total);
    return error ? error : set("cuda", total, available, ret);
}

static int read_cudart(struct gpus *gpus, int index, struct gpu_reading *ret) {
    size_t available, total;
    int error = gpus->cudart.use(index);
    error = error ? error : gpus->cudart.memory(&available, &total);
    return error ? error : set("cudart", total, available, ret);
}

/* NVML counts all devices, in the order of the bus; CUDA some, in an order of its own. The bus id tells them apart. */
static int find_nvml(struct gpus *gpus, int index, void **ret) {
    const char *bus_id = gpus->bus_ids[index];
    return *bus_id ? gpus->nvml.by_bus_id(bus_id, ret) : gpus->nvml.by_index((unsigned)index, ret);
}

static int read_nvml(struct gpus *gpus, int index, struct gpu_reading *ret) {
    void *device;
    struct nvml_memory memory;
    int error = find_nvml(gpus, index, &device);
    error = error ? error : gpus->nvml.memory(device, &memory);
    return error ? error : set("nvml", memory.total, memory.free, ret);
}

static int read_engine(struct gpus *gpus, int index, struct gpu_reading *ret) {
    uint64_t total, available;
    int error = gpus->engine(gpus->context, index, &total, &available);
    return error ? error : set("engine", total, available, ret);
}

/* Both read the same memory at two moments, and count the driver's share in two ways: a little apart is no news. */
static void compare(struct gpus *gpus, int index, const struct gpu_reading *one, const struct gpu_reading *other) {
    uint64_t apart = one->free > other->free ? one->free - other->free : other->free - one->free;
    if (gpus->told || apart <= one->total / 20) {
        return;
    }
    gpus->told = true;
    gpus->notice = format("gpu%d: %s says %.0f MB are free, %s %.0f MB; the smaller counts", index, one->source,
                          (double)one->free / 1e6, other->source, (double)other->free / 1e6);
}

void gpu_read(struct gpus *gpus, int index, struct gpu_reading *ret) {
    struct gpu_reading first, second;
    *ret = (struct gpu_reading){.source = "none"};
    if (index < 0 || index >= gpus->count) {
        return;
    }
    bool cuda = (gpus->has_cuda && read_cuda(gpus, index, &first) == 0) ||
                (gpus->has_cudart && read_cudart(gpus, index, &first) == 0);
    bool nvml = gpus->has_nvml && read_nvml(gpus, index, &second) == 0;
    if (cuda && nvml) {
        compare(gpus, index, &first, &second);
        *ret = second.free < first.free ? second : first;
    } else if (cuda || nvml) {
        *ret = cuda ? first : second;
    } else if (gpus->engine) {
        read_engine(gpus, index, ret);
    }
}

char *gpu_take_notice(struct gpus *gpus) { return take(gpus->notice); }
