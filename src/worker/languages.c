#include "worker/languages.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/tessdata.h"

static void find(const struct places *places, struct tessdata *ret) {
    char *own cleanup(drop_memory) = format("%s/tessdata", places->models);
    tessdata_find(own, ret);
}

int languages_choose(const struct places *places, const char *languages, struct model_spec *ret) {
    struct tessdata data cleanup(tessdata_done) = {0};
    uint64_t bytes = 0;
    find(places, &data);
    int result = tessdata_check(&data, languages, &bytes);
    if (result != 0) {
        return result;
    }
    double size = (double)bytes, count = 1;
    for (const char *plus = strchr(languages, '+'); plus; plus = strchr(plus + 1, '+')) {
        count++;
    }
    *ret = (struct model_spec){
        .id = format("tesseract-%s", languages),
        .version = copy_string("Tesseract"),
        .file = format("%s/%s", data.folder, languages),
        .role = ROLE_READ,
        .bytes = bytes,
        .tesseract = {.weights = 11e6 * count + 2 * size, .loading = 4e6 + size, .run = {14e6, 2.5}}};
    return 0;
}

void languages_done(struct model_spec *spec) {
    free(spec->id);
    free(spec->version);
    free(spec->file);
    *spec = (struct model_spec){0};
}

void languages_describe(const struct places *places, struct json *list) {
    struct tessdata data cleanup(tessdata_done) = {0};
    find(places, &data);
    for (size_t i = 0; i < data.count; i++) {
        struct json *entry = json_object_new();
        char *id cleanup(drop_memory) = format("tesseract-%s", data.languages[i]);
        char *file cleanup(drop_memory) = format("%s/%s.traineddata", data.folder, data.languages[i]);
        json_set_string(entry, "id", id);
        json_set_string(entry, "role", role_word(ROLE_READ));
        json_set_string(entry, "version", "Tesseract");
        json_set_string(entry, "file", file);
        json_set_bool(entry, "installed", true);
        json_set_int(entry, "bytes", (int64_t)data.bytes[i]);
        json_append(list, entry);
    }
}
