/*
 * ONNX Runtime through its C API; the only file that includes its header.
 *
 * Memory: no arena (it keeps the peak of every shape it ever saw) and no memory pattern (its cache is keyed by the XOR
 * of the input's dimensions and never evicted); see design notes in docs/architecture.md. Threads: none of its own.
 */
#include <onnxruntime/onnxruntime_c_api.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/library.h"

/* The oldest API that has what is used here; libraries since 1.16 answer it. */
#define API_VERSION 16

struct engine {
    const OrtApi *api;
    const char *version;
    OrtEnv *environment;
    OrtMemoryInfo *host;
};

struct network {
    struct engine *engine;
    OrtSession *session;
    char *input, *output[ENGINE_OUTPUTS];
    size_t outputs;
};

struct runner {
    struct network *network;
    OrtValue *output[ENGINE_OUTPUTS];
};

/* Turns a status into a code, with the library's own words as detail. */
static int answer(const OrtApi *api, OrtStatus *status, int code) {
    if (!status) {
        return 0;
    }
    int result = fail(code, "ONNX Runtime: %s", api->GetErrorMessage(status));
    api->ReleaseStatus(status);
    return result;
}

static void ort_close(struct engine *engine) {
    engine->api->ReleaseMemoryInfo(engine->host);
    engine->api->ReleaseEnv(engine->environment);
    free(engine);
}

static int ort_open(const char *folder, struct engine **ret) {
    setenv("ORT_DISABLE_TELEMETRY", "1", 1); /* it would leave a file in /tmp */
    const OrtApiBase *(*base)(void);
    const struct library_symbol symbols[] = {{"OrtGetApiBase", &base}};
    void *library;
    int result = library_load(folder, "libonnxruntime.so", false, symbols, 1, &library);
    if (result != 0) {
        return result;
    }
    const OrtApi *api = base()->GetApi(API_VERSION);
    if (!api) {
        return fail(ERR_NO_ENGINE, "ONNX Runtime %s is too old", base()->GetVersionString());
    }
    struct engine *engine = alloc(1, sizeof(*engine));
    *engine = (struct engine){.api = api, .version = base()->GetVersionString()};
    result = answer(api, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "octavo", &engine->environment), ERR_NO_ENGINE);
    if (result == 0) {
        result =
            answer(api, api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &engine->host), ERR_NO_ENGINE);
    }
    if (result != 0) {
        ort_close(engine);
        return result;
    }
    *ret = engine;
    return 0;
}

static const char *ort_version(const struct engine *engine) { return engine->version; }

/* One thread, no arena, no pattern. */
static int session_options(const OrtApi *api, OrtSessionOptions **ret) {
    OrtSessionOptions *options;
    OrtStatus *status = api->CreateSessionOptions(&options);
    if (status) {
        return answer(api, status, ERR_ENGINE);
    }
    if (!(status = api->SetIntraOpNumThreads(options, 1)) && !(status = api->SetInterOpNumThreads(options, 1)) &&
        !(status = api->DisableCpuMemArena(options)) && !(status = api->DisableMemPattern(options)) &&
        !(status = api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL))) {
        *ret = options;
        return 0;
    }
    api->ReleaseSessionOptions(options);
    return answer(api, status, ERR_ENGINE);
}

/* Names differ between exports of the same model, so they are asked for. */
static int name_of(const struct network *network, bool output, size_t index, char **ret) {
    const OrtApi *api = network->engine->api;
    OrtAllocator *allocator;
    char *name;
    int result = answer(api, api->GetAllocatorWithDefaultOptions(&allocator), ERR_ENGINE);
    if (result == 0) {
        OrtStatus *status = output ? api->SessionGetOutputName(network->session, index, allocator, &name)
                                   : api->SessionGetInputName(network->session, index, allocator, &name);
        result = answer(api, status, ERR_BAD_MODEL);
    }
    if (result == 0) {
        *ret = copy_string(name);
        allocator->Free(allocator, name);
    }
    return result;
}

static int read_names(struct network *network) {
    const OrtApi *api = network->engine->api;
    size_t count = 0;
    int result = answer(api, api->SessionGetOutputCount(network->session, &count), ERR_BAD_MODEL);
    if (result == 0 && (count < 1 || count > ENGINE_OUTPUTS)) {
        result = fail(ERR_BAD_MODEL, "it has %zu outputs, 1 to %d are expected", count, ENGINE_OUTPUTS);
    }
    result = result ? result : name_of(network, false, 0, &network->input);
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = name_of(network, true, i, &network->output[i]);
    }
    network->outputs = count;
    return result;
}

static void ort_network_unload(struct network *network) {
    network->engine->api->ReleaseSession(network->session);
    free(network->input);
    for (size_t i = 0; i < ENGINE_OUTPUTS; i++) {
        free(network->output[i]);
    }
    free(network);
}

static int ort_network_load(struct engine *engine, const char *path, int runners, const char *cache,
                            struct network **ret) {
    (void)runners; /* runs use the calling thread */
    (void)cache;   /* loading takes a twentieth of a second */
    const OrtApi *api = engine->api;
    OrtSessionOptions *options = NULL;
    int result = session_options(api, &options);
    if (result != 0) {
        return result;
    }
    struct network *network = alloc(1, sizeof(*network));
    network->engine = engine;
    result = answer(api, api->CreateSession(engine->environment, path, options, &network->session), ERR_BAD_MODEL);
    api->ReleaseSessionOptions(options);
    result = result ? result : read_names(network);
    if (result != 0) {
        ort_network_unload(network);
        return result;
    }
    *ret = network;
    return 0;
}

static int ort_runner_new(struct network *network, struct runner **ret) {
    struct runner *runner = alloc(1, sizeof(*runner));
    runner->network = network;
    *ret = runner;
    return 0;
}

static void ort_output_free(struct runner *runner) {
    for (size_t i = 0; i < ENGINE_OUTPUTS; i++) {
        runner->network->engine->api->ReleaseValue(runner->output[i]);
        runner->output[i] = NULL;
    }
}

static void ort_runner_free(struct runner *runner) {
    ort_output_free(runner);
    free(runner);
}

/* Data and shape of an output value. */
static int view_output(const OrtApi *api, OrtValue *value, struct tensor *ret) {
    struct tensor tensor = {.shape = {1, 1, 1, 1}};
    OrtTensorTypeAndShapeInfo *info;
    int result = answer(api, api->GetTensorTypeAndShape(value, &info), ERR_ENGINE);
    if (result != 0) {
        return result;
    }
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    void *data = NULL;
    OrtStatus *status = api->GetTensorElementType(info, &type);
    status = status ? status : api->GetDimensionsCount(info, &rank);
    if (!status && rank <= TENSOR_RANK) {
        status = api->GetDimensions(info, tensor.shape, rank);
    }
    api->ReleaseTensorTypeAndShapeInfo(info);
    status = status ? status : api->GetTensorMutableData(value, &data);
    result = answer(api, status, ERR_ENGINE);
    if (result == 0 && (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || rank > TENSOR_RANK)) {
        result = fail(ERR_BAD_MODEL, "its output is no tensor of at most %d dimensions of floats", TENSOR_RANK);
    }
    if (result == 0) {
        tensor.data = data;
        tensor.rank = (int)rank;
        *ret = tensor;
    }
    return result;
}

static int ort_run(struct runner *runner, const struct tensor *input, struct outputs *ret) {
    struct network *network = runner->network;
    const OrtApi *api = network->engine->api;
    size_t count = 1;
    for (int i = 0; i < input->rank; i++) {
        count *= (size_t)input->shape[i];
    }
    OrtValue *value;
    void *data = (void *)(uintptr_t)input->data; /* the API takes no const, yet only reads */
    int result =
        answer(api,
               api->CreateTensorWithDataAsOrtValue(network->engine->host, data, count * sizeof(float), input->shape,
                                                   (size_t)input->rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value),
               ERR_ENGINE);
    if (result != 0) {
        return result;
    }
    const char *const inputs[] = {network->input};
    const OrtValue *const values[] = {value};
    result = answer(api,
                    api->Run(network->session, NULL, inputs, values, 1, (const char *const *)network->output,
                             network->outputs, runner->output),
                    ERR_ENGINE);
    api->ReleaseValue(value);
    struct outputs outputs = {.count = (int)network->outputs};
    for (int i = 0; result == 0 && i < outputs.count; i++) {
        result = view_output(api, runner->output[i], &outputs.tensor[i]);
    }
    if (result != 0) {
        ort_output_free(runner);
        return result;
    }
    *ret = outputs;
    return 0;
}

const struct engine_kind engine_onnxruntime = {
    .name = "onnxruntime",
    .runs_in_caller = true,
    .keeps = false,
    .open = ort_open,
    .close = ort_close,
    .version = ort_version,
    .network_load = ort_network_load,
    .network_unload = ort_network_unload,
    .runner_new = ort_runner_new,
    .runner_free = ort_runner_free,
    .run = ort_run,
    .output_free = ort_output_free,
};
