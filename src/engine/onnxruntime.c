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
#include "engine/half.h"
#include "engine/integers.h"
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
    char *input[ENGINE_INPUTS], *output[ENGINE_OUTPUTS];
    bool half[ENGINE_INPUTS]; /* the input is of 16 bits */
    size_t inputs, outputs;
};

struct runner {
    struct network *network;
    OrtValue *output[ENGINE_OUTPUTS];
    float *floats[ENGINE_OUTPUTS];   /* outputs of other numbers, made floats */
    void *input_half[ENGINE_INPUTS]; /* inputs made floats of 16 bits */
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

static int read_type(const struct network *network, size_t index, bool *ret_half) {
    const OrtApi *api = network->engine->api;
    const OrtTensorTypeAndShapeInfo *tensor = NULL;
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    OrtTypeInfo *info = NULL;
    OrtStatus *status = api->SessionGetInputTypeInfo(network->session, index, &info);
    status = status ? status : api->CastTypeInfoToTensorInfo(info, &tensor);
    if (!status && tensor) {
        status = api->GetTensorElementType(tensor, &type);
    }
    api->ReleaseTypeInfo(info);
    *ret_half = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
    return answer(api, status, ERR_BAD_MODEL);
}

static int read_names(struct network *network) {
    const OrtApi *api = network->engine->api;
    size_t inputs = 0, outputs = 0;
    int result = answer(api, api->SessionGetInputCount(network->session, &inputs), ERR_BAD_MODEL);
    result = result ? result : answer(api, api->SessionGetOutputCount(network->session, &outputs), ERR_BAD_MODEL);
    if (result == 0 && (inputs < 1 || inputs > ENGINE_INPUTS || outputs < 1 || outputs > ENGINE_OUTPUTS)) {
        result = fail(ERR_BAD_MODEL, "it has %zu inputs and %zu outputs, 1 to %d and 1 to %d are expected", inputs,
                      outputs, ENGINE_INPUTS, ENGINE_OUTPUTS);
    }
    for (size_t i = 0; result == 0 && i < inputs; i++) {
        result = name_of(network, false, i, &network->input[i]);
        result = result ? result : read_type(network, i, &network->half[i]);
    }
    for (size_t i = 0; result == 0 && i < outputs; i++) {
        result = name_of(network, true, i, &network->output[i]);
    }
    network->inputs = inputs;
    network->outputs = outputs;
    return result;
}

static void ort_network_unload(struct network *network) {
    network->engine->api->ReleaseSession(network->session);
    for (size_t i = 0; i < ENGINE_INPUTS; i++) {
        free(network->input[i]);
    }
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
        drop_memory(&runner->floats[i]);
    }
    for (size_t i = 0; i < ENGINE_INPUTS; i++) {
        drop_memory(&runner->input_half[i]);
    }
}

static void ort_runner_free(struct runner *runner) {
    ort_output_free(runner);
    free(runner);
}

static size_t count_of(const struct tensor *tensor) {
    size_t count = 1;
    for (int i = 0; i < TENSOR_RANK; i++) {
        count *= (size_t)tensor->shape[i];
    }
    return count;
}

static int widen(const uint16_t *halves, size_t count, float **ret) {
    void *floats = NULL;
    int result = try_alloc(count + 1, sizeof(float), &floats);
    if (result == 0) {
        half_to_floats(halves, count, floats);
        *ret = floats;
    }
    return result;
}

/* Data and shape of an output value, if those are numbers; all but floats become floats of the caller's. */
static int view_output(const OrtApi *api, OrtValue *value, float **floats, struct tensor *ret, bool *ret_fits) {
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
    bool whole = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 && rank <= TENSOR_RANK;
    bool half = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 && rank <= TENSOR_RANK;
    if (result == 0 && whole) {
        result = integers_to_floats(data, count_of(&tensor), floats);
    } else if (result == 0 && half) {
        result = widen(data, count_of(&tensor), floats);
    }
    if (result == 0) {
        *ret_fits = whole || half || (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && rank <= TENSOR_RANK);
        tensor.data = whole || half ? *floats : data;
        tensor.rank = (int)rank;
        *ret = tensor;
    }
    return result;
}

static int view_outputs(struct runner *runner, struct outputs *ret) {
    struct outputs outputs = {0};
    for (size_t i = 0; i < runner->network->outputs; i++) {
        struct tensor tensor;
        bool fits;
        int result = view_output(runner->network->engine->api, runner->output[i], &runner->floats[i], &tensor, &fits);
        if (result != 0) {
            return result;
        }
        if (fits) {
            outputs.tensor[outputs.count++] = tensor;
        }
    }
    if (outputs.count == 0) {
        return fail(ERR_BAD_MODEL, "no output of it is a tensor of at most %d dimensions of numbers", TENSOR_RANK);
    }
    *ret = outputs;
    return 0;
}

static int bind_input(struct runner *runner, size_t index, const struct tensor *input, OrtValue **ret) {
    const struct engine *engine = runner->network->engine;
    bool half = runner->network->half[index];
    size_t count = count_of(input);
    void *data = (void *)(uintptr_t)input->data; /* the API takes no const, yet only reads */
    if (half) {
        int result = try_alloc(count, sizeof(uint16_t), &runner->input_half[index]);
        if (result != 0) {
            return result;
        }
        data = runner->input_half[index];
        half_from_floats(input->data, count, data);
    }
    return answer(engine->api,
                  engine->api->CreateTensorWithDataAsOrtValue(
                      engine->host, data, count * (half ? sizeof(uint16_t) : sizeof(float)), input->shape,
                      (size_t)input->rank,
                      half ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, ret),
                  ERR_ENGINE);
}

/* What the network asks for, in its order. */
static int bind_inputs(struct runner *runner, const struct input *inputs, int count, OrtValue *ret[ENGINE_INPUTS]) {
    const struct network *network = runner->network;
    int result = 0;
    for (size_t i = 0; i < network->inputs && result == 0; i++) {
        int given = 0;
        while (network->inputs > 1 && given < count && strcmp(inputs[given].name, network->input[i]) != 0) {
            given++;
        }
        result = given < count ? bind_input(runner, i, &inputs[given].tensor, &ret[i])
                               : fail(ERR_BAD_MODEL, "it asks for an input %s, which there is not", network->input[i]);
    }
    return result;
}

static int ort_run(struct runner *runner, const struct input *inputs, int count, struct outputs *ret) {
    struct network *network = runner->network;
    const OrtApi *api = network->engine->api;
    OrtValue *values[ENGINE_INPUTS] = {0};
    int result = bind_inputs(runner, inputs, count, values);
    if (result == 0) {
        result = answer(api,
                        api->Run(network->session, NULL, (const char *const *)network->input,
                                 (const OrtValue *const *)values, network->inputs, (const char *const *)network->output,
                                 network->outputs, runner->output),
                        ERR_ENGINE);
    }
    for (size_t i = 0; i < network->inputs; i++) {
        api->ReleaseValue(values[i]);
    }
    result = result ? result : view_outputs(runner, ret);
    if (result != 0) {
        ort_output_free(runner);
    }
    return result;
}

const struct engine_kind engine_onnxruntime = {
    .name = "onnxruntime",
    .runs_in_caller = true,
    .keeps = false,
    .spare = UINT64_MAX,
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
