/*
 * READ: memory of GPUs, through libraries of the driver that are looked for at run time and may all be missing. Only
 * NVIDIA's today. Sources, in this order, an error of one leads to the next:
 *   "cuda"    libcuda.so.1, cuMemGetInfo           \ one of both is enough; the driver's is tried first, for it is
 * there "cudart"  libcudart.so*, cudaMemGetInfo        / wherever the other works, whatever version that was built for
 *   "nvml"    libnvidia-ml.so.1, nvmlDeviceGetMemoryInfo
 *   "engine"  what the engine's own allocator says, given by the caller
 * NVML is read also where CUDA answered: the smaller free memory counts, and that they differ is told once.
 *
 * CUDA can only be asked with a context on the device. That takes hundreds of MB there and tens here, which is nothing
 * new to a process that computes on the device, and far too much for one that only looks on, every second. So CUDA
 * comes first for the former (GPU_COMPUTES; `octavo doctor`, which ends at once, too) and is not loaded for the latter
 * (GPU_WATCHES), which asks NVML, else the engine.
 *
 * One thread at a time, which does nothing else with CUDA (its current device is changed).
 */
#ifndef OCTAVO_MEMORY_GPU_H
#define OCTAVO_MEMORY_GPU_H

#include <stdbool.h>
#include <stdint.h>

struct gpus;

enum gpu_use { GPU_COMPUTES, GPU_WATCHES };

struct gpu_reading {
    bool known;
    uint64_t total, free; /* bytes; 0 if unknown */
    const char *source;   /* the one whose free counts; "none" if unknown; borrowed for ever */
};

/* What an engine knows of device index. 0, or any negative code. */
typedef int gpu_engine_read(void *context, int index, uint64_t *ret_total, uint64_t *ret_free);

/*
 * Loads what there is: from folder, or where the loader looks if it is NULL. engine may be NULL. The caller ends it
 * with gpu_drop(). Never NULL: without any GPU the count is 0.
 */
struct gpus *gpu_open(const char *folder, enum gpu_use use, gpu_engine_read *engine, void *context);
void gpu_drop(struct gpus **gpus);

/* How many devices: as the first source that knows counts them (CUDA sees only those that CUDA_VISIBLE_DEVICES names).
 */
int gpu_count(const struct gpus *gpus);

/* Memory of device index; unknown where no source answers, and where there is no such device. */
void gpu_read(struct gpus *gpus, int index, struct gpu_reading *ret);

/* A line for the log, when sources disagreed for the first time; NULL otherwise. The caller frees it. */
char *gpu_take_notice(struct gpus *gpus);

#endif
