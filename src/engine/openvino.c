/*
 * OpenVINO through its C API, on the CPU; the only file that includes its headers.
 *
 * Every runner runs on one core (NUM_STREAMS = INFERENCE_NUM_THREADS = runners). The CPU plug-in compiles kernels for
 * each new input shape and caches them without a useful bound, so the cache is capped (RUNTIME_CACHE_CAPACITY); callers
 * round shapes, so that few are seen. On CPUs with bfloat16 the plug-in computes in it by default.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <openvino/c/openvino.h>
#pragma GCC diagnostic pop
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/library.h"

/* Entries in the plug-in's cache of compiled kernels, over all layers; see docs/performance.md for the choice. */
#define KERNEL_CACHE "100"

#define SPARE (UINT64_C(16) << 20) /* bytes: more is not found again, as docs/performance.md shows */

#define CACHE_PATIENCE INT64_C(5000000000) /* nanoseconds that a model's turn at the cache is waited for */
#define CACHE_STEP 5000                    /* microseconds */

/* The functions used; FUNCTION(name) becomes a pointer in struct api and a line in its look-up. */
#define FUNCTIONS                                                                                                      \
    FUNCTION(ov_core_create)                                                                                           \
    FUNCTION(ov_core_free)                                                                                             \
    FUNCTION(ov_core_compile_model_from_file_props)                                                                    \
    FUNCTION(ov_compiled_model_free)                                                                                   \
    FUNCTION(ov_compiled_model_create_infer_request)                                                                   \
    FUNCTION(ov_infer_request_free)                                                                                    \
    FUNCTION(ov_infer_request_set_input_tensor)                                                                        \
    FUNCTION(ov_infer_request_get_output_tensor_by_index)                                                              \
    FUNCTION(ov_compiled_model_outputs_size)                                                                           \
    FUNCTION(ov_infer_request_infer)                                                                                   \
    FUNCTION(ov_tensor_create_from_host_ptr)                                                                           \
    FUNCTION(ov_tensor_get_shape)                                                                                      \
    FUNCTION(ov_tensor_get_element_type)                                                                               \
    FUNCTION(ov_tensor_data)                                                                                           \
    FUNCTION(ov_tensor_free)                                                                                           \
    FUNCTION(ov_shape_free)                                                                                            \
    FUNCTION(ov_get_openvino_version)                                                                                  \
    FUNCTION(ov_version_free)                                                                                          \
    FUNCTION(ov_get_last_err_msg)                                                                                      \
    FUNCTION(ov_get_error_info)

struct api {
#define FUNCTION(name) __typeof__(&name) name;
    FUNCTIONS
#undef FUNCTION
};

struct engine {
    struct api api;
    ov_core_t *core;
    char version[32];
};

struct network {
    struct engine *engine;
    ov_compiled_model_t *model;
    size_t outputs;
};

struct runner {
    const struct api *api;
    ov_infer_request_t *request;
    size_t outputs;
    ov_tensor_t *output[ENGINE_OUTPUTS];
};

/* Turns a status into a code; of the library's long message the last line says what was wrong. */
static int answer(const struct api *api, ov_status_e status, int code) {
    if (status == OK) {
        return 0;
    }
    const char *message = api->ov_get_last_err_msg();
    if (!message || !message[0]) {
        return fail(code, "OpenVINO: %s", api->ov_get_error_info(status));
    }
    char text[256] = "";
    for (const char *line = message; *line;) {
        size_t length = strcspn(line, "\n");
        if (length > 0) {
            snprintf(text, sizeof(text), "%.*s", (int)(length < 250 ? length : 250), line);
        }
        line += length + (line[length] == '\n');
    }
    return fail(code, "OpenVINO: %s", text);
}

static int load_api(const char *folder, struct api *ret) {
    const struct library_symbol symbols[] = {
#define FUNCTION(name) {#name, &ret->name},
        FUNCTIONS
#undef FUNCTION
    };
    void *library;
    return library_load(folder, "libopenvino_c.so", false, symbols, array_length(symbols), &library);
}

static void openvino_close(struct engine *engine) {
    if (engine->core) {
        engine->api.ov_core_free(engine->core);
    }
    free(engine);
}

static int openvino_open(const char *folder, struct engine **ret) {
    struct engine *engine = alloc(1, sizeof(*engine));
    int result = load_api(folder, &engine->api);
    if (result != 0) {
        free(engine);
        return result;
    }
    ov_version_t version = {0};
    if (engine->api.ov_get_openvino_version(&version) == OK) {
        /* "2026.4.1-22982-abcdef-releases/2026/4": the part before the first hyphen is the version. */
        snprintf(engine->version, sizeof(engine->version), "%.*s", (int)strcspn(version.buildNumber, "-"),
                 version.buildNumber);
        engine->api.ov_version_free(&version);
    }
    result = answer(&engine->api, engine->api.ov_core_create(&engine->core), ERR_NO_ENGINE);
    if (result != 0) {
        openvino_close(engine);
        return result;
    }
    *ret = engine;
    return 0;
}

static const char *openvino_version(const struct engine *engine) { return engine->version; }

/*
 * OpenVINO maps the compiled form of a model that it finds in the cache, also while another process is still writing
 * it, and dies of it. So one process at a time loads a model with the cache; who waits for too long does without.
 * Returns the lock, closed to release it.
 */
static int lock_cache(const char *cache, const char *path) {
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    char *lock cleanup(drop_memory) = format("%s/%s.lock", cache, name);
    int fd cleanup(drop_fd) = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int64_t until = clock_now() + CACHE_PATIENCE;
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (clock_now() > until) {
            return -1;
        }
        usleep(CACHE_STEP);
    }
    return take_fd(&fd);
}

static int openvino_network_load(struct engine *engine, const char *path, int runners, const char *cache,
                                 struct network **ret) {
    char streams[16];
    int lock cleanup(drop_fd) = cache ? lock_cache(cache, path) : -1;
    snprintf(streams, sizeof(streams), "%d", runners);
    const ov_property_t properties[] = {{"NUM_STREAMS", streams},
                                        {"INFERENCE_NUM_THREADS", streams},
                                        {"ENABLE_CPU_PINNING", "NO"},
                                        {"CPU_RUNTIME_CACHE_CAPACITY", KERNEL_CACHE},
                                        {"CACHE_DIR", lock >= 0 ? cache : ""}};
    ov_compiled_model_t *model;
    int result = answer(&engine->api,
                        engine->api.ov_core_compile_model_from_file_props(engine->core, path, "CPU",
                                                                          array_length(properties), properties, &model),
                        ERR_BAD_MODEL);
    if (result != 0) {
        return result;
    }
    size_t outputs = 0;
    result = answer(&engine->api, engine->api.ov_compiled_model_outputs_size(model, &outputs), ERR_BAD_MODEL);
    if (result == 0 && (outputs < 1 || outputs > ENGINE_OUTPUTS)) {
        result = fail(ERR_BAD_MODEL, "it has %zu outputs, 1 to %d are expected", outputs, ENGINE_OUTPUTS);
    }
    if (result != 0) {
        engine->api.ov_compiled_model_free(model);
        return result;
    }
    struct network *network = alloc(1, sizeof(*network));
    *network = (struct network){.engine = engine, .model = model, .outputs = outputs};
    *ret = network;
    return 0;
}

static void openvino_network_unload(struct network *network) {
    network->engine->api.ov_compiled_model_free(network->model);
    free(network);
}

static int openvino_runner_new(struct network *network, struct runner **ret) {
    const struct api *api = &network->engine->api;
    ov_infer_request_t *request;
    int result = answer(api, api->ov_compiled_model_create_infer_request(network->model, &request), ERR_ENGINE);
    if (result != 0) {
        return result;
    }
    struct runner *runner = alloc(1, sizeof(*runner));
    *runner = (struct runner){.api = api, .request = request, .outputs = network->outputs};
    *ret = runner;
    return 0;
}

static void openvino_output_free(struct runner *runner) {
    for (size_t i = 0; i < runner->outputs; i++) {
        if (runner->output[i]) {
            runner->api->ov_tensor_free(runner->output[i]);
            runner->output[i] = NULL;
        }
    }
}

static void openvino_runner_free(struct runner *runner) {
    openvino_output_free(runner);
    runner->api->ov_infer_request_free(runner->request);
    free(runner);
}

static int bind_input(struct runner *runner, const struct tensor *input) {
    const struct api *api = runner->api;
    int64_t dimensions[TENSOR_RANK];
    memcpy(dimensions, input->shape, sizeof(dimensions));
    ov_shape_t shape = {.rank = input->rank, .dims = dimensions};
    ov_tensor_t *tensor;
    void *data = (void *)(uintptr_t)input->data; /* the API takes no const, yet only reads */
    int result = answer(api, api->ov_tensor_create_from_host_ptr(F32, shape, data, &tensor), ERR_ENGINE);
    if (result == 0) {
        result = answer(api, api->ov_infer_request_set_input_tensor(runner->request, tensor), ERR_ENGINE);
        api->ov_tensor_free(tensor);
    }
    return result;
}

/* The caller frees what runner->output has then, also after a failure. */
static int view_output(struct runner *runner, size_t index, struct tensor *ret) {
    const struct api *api = runner->api;
    int result =
        answer(api, api->ov_infer_request_get_output_tensor_by_index(runner->request, index, &runner->output[index]),
               ERR_ENGINE);
    if (result != 0) {
        return result;
    }
    ov_element_type_e type;
    ov_shape_t shape;
    void *data;
    if ((result = answer(api, api->ov_tensor_get_element_type(runner->output[index], &type), ERR_ENGINE)) != 0 ||
        (result = answer(api, api->ov_tensor_data(runner->output[index], &data), ERR_ENGINE)) != 0 ||
        (result = answer(api, api->ov_tensor_get_shape(runner->output[index], &shape), ERR_ENGINE)) != 0) {
        return result;
    }
    struct tensor tensor = {.data = data, .shape = {1, 1, 1, 1}, .rank = (int)shape.rank};
    bool fits = type == F32 && shape.rank <= TENSOR_RANK;
    if (fits) {
        memcpy(tensor.shape, shape.dims, (size_t)shape.rank * sizeof(int64_t));
    }
    api->ov_shape_free(&shape);
    if (!fits) {
        return fail(ERR_BAD_MODEL, "its output is no tensor of at most %d dimensions of floats", TENSOR_RANK);
    }
    *ret = tensor;
    return 0;
}

static int openvino_run(struct runner *runner, const struct input *inputs, int count, struct outputs *ret) {
    (void)count;
    int result = bind_input(runner, &inputs[0].tensor);
    if (result == 0) {
        result = answer(runner->api, runner->api->ov_infer_request_infer(runner->request), ERR_ENGINE);
    }
    struct outputs outputs = {.count = (int)runner->outputs};
    for (size_t i = 0; result == 0 && i < runner->outputs; i++) {
        result = view_output(runner, i, &outputs.tensor[i]);
    }
    if (result != 0) {
        openvino_output_free(runner);
        return result;
    }
    *ret = outputs;
    return 0;
}

const struct engine_kind engine_openvino = {
    .name = "openvino",
    .runs_in_caller = false,
    .keeps = true,
    .spare = SPARE,
    .open = openvino_open,
    .close = openvino_close,
    .version = openvino_version,
    .network_load = openvino_network_load,
    .network_unload = openvino_network_unload,
    .runner_new = openvino_runner_new,
    .runner_free = openvino_runner_free,
    .run = openvino_run,
    .output_free = openvino_output_free,
};
