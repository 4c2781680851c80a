/*
 * Bytes as a model file's metadata and as a catalog: the parsers of src/model and src/conf on anything. Built with
 * -fsanitize=fuzzer it is a libFuzzer target; the main() below replays files, or made-up bytes when none is given.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "conf/yaml.h"
#include "model/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const char *value;
    size_t value_length;
    struct json *json = NULL;
    (void)onnx_metadata(bytes, length, "character", &value, &value_length);
    if (yaml_parse((const char *)bytes, length, &json) == 0) {
        json_drop(&json);
    }
    if (json_parse((const char *)bytes, length, &json) == 0) {
        json_drop(&json);
    }
    return 0;
}

#ifndef OCTAVO_LIBFUZZER
/* The catalog with every byte replaced by a few others in turn. */
static void replay_changed(uint8_t *bytes, size_t length) {
    static const uint8_t odd[] = {0, '\n', '&', '*', '[', '{', '"', ':', 0xFF};
    for (size_t at = 0; at < length; at++) {
        uint8_t kept = bytes[at];
        bytes[at] = odd[at % sizeof(odd)];
        LLVMFuzzerTestOneInput(bytes, length);
        bytes[at] = kept;
    }
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        char *bytes cleanup(drop_memory) = NULL;
        size_t length;
        if (file_read_path(arguments[i], 1 << 26, &bytes, &length) != 0) {
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, length);
        replay_changed((uint8_t *)bytes, length < 4000 ? length : 4000);
    }
    return 0;
}
#endif
