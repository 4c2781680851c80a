/*
 * Bytes as a model file's metadata and as a catalog: the parsers of src/model and src/conf on anything. Built with
 * -fsanitize=fuzzer it is a libFuzzer target; the main() below replays files, and their beginnings with changed bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "conf/yaml.h"
#include "model/onnx.h"
#include "replay.h"

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
enum { CHANGED = 4000 /* bytes of a file that are changed */ };

int main(int count, char **arguments) {
    static const char odd[] = {0, '\n', '&', '*', '[', '{', '"', ':', '\xFF'};
    for (int i = 1; i < count; i++) {
        char *bytes cleanup(drop_memory) = NULL;
        size_t length;
        if (file_read_path(arguments[i], 1 << 26, &bytes, &length) != 0) {
            return 1;
        }
        replay_changed_in_turn(bytes, length < CHANGED ? length : CHANGED, odd, sizeof(odd));
    }
    return replay_files(count, arguments);
}
#endif
