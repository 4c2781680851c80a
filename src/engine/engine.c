#include "engine/engine.h"

#include <string.h>

const struct engine_kind *const engine_kinds[] = {&engine_openvino, &engine_onnxruntime, NULL};

const struct engine_kind *engine_kind_find(const char *name) {
    for (size_t i = 0; engine_kinds[i]; i++) {
        if (strcmp(engine_kinds[i]->name, name) == 0) {
            return engine_kinds[i];
        }
    }
    return strcmp(name, engine_tesseract.name) == 0 ? &engine_tesseract : NULL;
}
