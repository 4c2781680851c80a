/*
 * Calls of the inference engines that fail. Engines are opened at run time, so their functions pass through dlsym():
 * it hands out ours for those listed here. ONNX Runtime has its functions in a table, of which a copy is handed out.
 */
#include <dlfcn.h>
#include <onnxruntime/onnxruntime_c_api.h>
#include <string.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <openvino/c/openvino.h>
#pragma GCC diagnostic pop

#include "fault.h"

/* ONNX Runtime */

static const OrtApiBase *ort_base;
static const OrtApi *ort;
static OrtApi ort_copy;

/* Name and parameters of a function in the table. */
#define ORT(name, parameters, arguments)                                                                               \
    static OrtStatus *ORT_API_CALL ort_##name parameters {                                                             \
        return fault_due(FAULT_ENGINE, #name) ? ort->CreateStatus(ORT_FAIL, "made to fail") : ort->name arguments;     \
    }

ORT(CreateEnv, (OrtLoggingLevel level, const char *name, OrtEnv **ret), (level, name, ret))
ORT(CreateSession, (const OrtEnv *env, const ORTCHAR_T *path, const OrtSessionOptions *options, OrtSession **ret),
    (env, path, options, ret))
ORT(CreateSessionFromArray,
    (const OrtEnv *env, const void *model, size_t length, const OrtSessionOptions *options, OrtSession **ret),
    (env, model, length, options, ret))
ORT(CreateTensorWithDataAsOrtValue,
    (const OrtMemoryInfo *info, void *data, size_t length, const int64_t *shape, size_t rank,
     ONNXTensorElementDataType type, OrtValue **ret),
    (info, data, length, shape, rank, type, ret))
ORT(GetTensorTypeAndShape, (const OrtValue *value, OrtTensorTypeAndShapeInfo **ret), (value, ret))
ORT(GetTensorMutableData, (OrtValue * value, void **ret), (value, ret))
ORT(Run,
    (OrtSession * session, const OrtRunOptions *options, const char *const *names, const OrtValue *const *inputs,
     size_t count, const char *const *output_names, size_t output_count, OrtValue **ret),
    (session, options, names, inputs, count, output_names, output_count, ret))

static const OrtApi *ORT_API_CALL ort_api(uint32_t version) NO_EXCEPTION {
    ort = ort_base->GetApi(version);
    if (!ort) {
        return NULL;
    }
    ort_copy = *ort;
    ort_copy.CreateEnv = ort_CreateEnv;
    ort_copy.CreateSession = ort_CreateSession;
    ort_copy.CreateSessionFromArray = ort_CreateSessionFromArray;
    ort_copy.CreateTensorWithDataAsOrtValue = ort_CreateTensorWithDataAsOrtValue;
    ort_copy.GetTensorTypeAndShape = ort_GetTensorTypeAndShape;
    ort_copy.GetTensorMutableData = ort_GetTensorMutableData;
    ort_copy.Run = ort_Run;
    return &ort_copy;
}

static const OrtApiBase *ORT_API_CALL ort_wrapped_base(void) NO_EXCEPTION {
    static OrtApiBase wrapped;
    wrapped = (OrtApiBase){.GetApi = ort_api, .GetVersionString = ort_base->GetVersionString};
    return &wrapped;
}

/* OpenVINO */

#define OPENVINO(name, parameters, arguments)                                                                          \
    static __typeof__(&name) next_##name;                                                                              \
    static ov_status_e wrapped_##name parameters {                                                                     \
        return fault_due(FAULT_ENGINE, #name) ? GENERAL_ERROR : next_##name arguments;                                 \
    }

OPENVINO(ov_core_create, (ov_core_t * *ret), (ret))
OPENVINO(ov_core_compile_model_from_file_props,
         (const ov_core_t *core, const char *path, const char *device, size_t count, const ov_property_t *properties,
          ov_compiled_model_t **ret),
         (core, path, device, count, properties, ret))
OPENVINO(ov_compiled_model_create_infer_request, (const ov_compiled_model_t *model, ov_infer_request_t **ret),
         (model, ret))
OPENVINO(ov_infer_request_set_input_tensor, (ov_infer_request_t * request, const ov_tensor_t *tensor),
         (request, tensor))
OPENVINO(ov_infer_request_get_output_tensor_by_index,
         (const ov_infer_request_t *request, size_t index, ov_tensor_t **ret), (request, index, ret))
OPENVINO(ov_infer_request_infer, (ov_infer_request_t * request), (request))
OPENVINO(ov_tensor_create_from_host_ptr, (ov_element_type_e type, ov_shape_t shape, void *data, ov_tensor_t **ret),
         (type, shape, data, ret))

static const struct {
    const char *name;
    void *wrapped, *next; /* next: the variable that takes the real one */
} openvino[] = {
#define ENTRY(name)                                                                                                    \
    { #name, (void *)wrapped_##name, (void *)&next_##name }
    ENTRY(ov_core_create),
    ENTRY(ov_core_compile_model_from_file_props),
    ENTRY(ov_compiled_model_create_infer_request),
    ENTRY(ov_infer_request_set_input_tensor),
    ENTRY(ov_infer_request_get_output_tensor_by_index),
    ENTRY(ov_infer_request_infer),
    ENTRY(ov_tensor_create_from_host_ptr),
#undef ENTRY
};

static void *wrap(const char *name, void *symbol) {
    if (strcmp(name, "OrtGetApiBase") == 0) {
        ort_base = ((const OrtApiBase *(*)(void))symbol)();
        return (void *)ort_wrapped_base;
    }
    for (size_t i = 0; i < sizeof(openvino) / sizeof(openvino[0]); i++) {
        if (strcmp(name, openvino[i].name) == 0) {
            memcpy(openvino[i].next, &symbol, sizeof(symbol));
            return openvino[i].wrapped;
        }
    }
    return symbol;
}

/* The last line must stay a jump: with RTLD_NEXT the real dlsym() looks at who has called it. */
__attribute__((optimize("O2"))) void *dlsym(void *restrict handle, const char *restrict name) {
    static __typeof__(&dlsym) next;
    if (!next) {
        next = (__typeof__(&dlsym))fault_next("dlsym");
    }
    if (handle != RTLD_NEXT && fault_armed(FAULT_ENGINE)) {
        void *symbol = next(handle, name);
        return symbol ? wrap(name, symbol) : NULL;
    }
    return next(handle, name);
}
