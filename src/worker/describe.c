#include "worker/describe.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "model/model.h"
#include "worker/calibrate.h"
#include "worker/languages.h"

/* The features that decide how fast the engines are. */
static struct json *describe_cpu(void) {
    static const char *const interesting[] = {"sse4_2",      "avx2",        "fma",      "f16c",     "avx512f",
                                              "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_bf16",
                                              "amx_int8",    "asimd",       "sve",      "bf16"};
    struct json *cpu = json_object_new(), *features = json_array_new();
    char *model cleanup(drop_memory) = calibrate_processor();
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    json_set_string(cpu, "model", model);
    const char *flags = NULL;
    if (file_read_path("/proc/cpuinfo", 1 << 24, &text, &length) == 0) {
        flags = strstr(text, "flags");
        flags = flags ? flags : strstr(text, "Features");
    }
    char *line cleanup(drop_memory) = flags ? format("%.*s ", (int)strcspn(flags, "\n"), flags) : NULL;
    for (size_t i = 0; line && i < array_length(interesting); i++) {
        char *word cleanup(drop_memory) = format(" %s ", interesting[i]);
        if (strstr(line, word)) {
            json_append_string(features, interesting[i]);
        }
    }
    json_set(cpu, "features", features);
    return cpu;
}

static struct json *describe_engine(const struct places *places, const struct engine_kind *kind) {
    struct json *entry = json_object_new();
    char *folder cleanup(drop_memory) = places_engine(places, kind->name);
    struct engine *engine;
    int result = kind->open(folder, &engine);
    bool of_system = kind == &engine_tesseract && access(folder, X_OK) != 0;
    json_set_string(entry, "name", kind->name);
    json_set_bool(entry, "installed", result == 0);
    json_set_string(entry, "version", result == 0 ? kind->version(engine) : NULL);
    json_set_string(entry, "path", of_system ? "the system's library" : folder);
    json_set_string(entry, "reason", result == 0 ? NULL : error_detail());
    if (result == 0) {
        kind->close(engine);
    }
    return entry;
}

static struct json *describe_engines(const struct places *places) {
    struct json *list = json_array_new();
    for (size_t i = 0; engine_kinds[i]; i++) {
        json_append(list, describe_engine(places, engine_kinds[i]));
    }
    json_append(list, describe_engine(places, &engine_tesseract));
    return list;
}

static struct json *describe_models(const struct places *places, const struct catalog *catalog) {
    struct json *list = json_array_new();
    for (size_t i = 0; i < catalog->count; i++) {
        const struct model_spec *spec = &catalog->specs[i];
        struct json *entry = json_object_new();
        int result = model_check(spec, places->models);
        json_set_string(entry, "id", spec->id);
        json_set_string(entry, "role", role_word(spec->role));
        json_set_string(entry, "version", spec->version);
        json_set_string(entry, "file", spec->file);
        json_set_bool(entry, "installed", result != ERR_NO_MODEL);
        json_set_int(entry, "bytes", (int64_t)spec->bytes);
        json_set_string(entry, "sha256", spec->sha256);
        if (spec->sha256) { /* else any file of its name is right */
            json_set_bool(entry, "sha256_ok", result == 0);
        }
        json_set_string(entry, "reason", result == 0 ? NULL : error_detail());
        json_append(list, entry);
    }
    languages_describe(places, list);
    return list;
}

int describe(const struct places *places, struct json **ret) {
    struct catalog catalog cleanup(catalog_done) = {0};
    int result = catalog_load(places->catalog, &catalog);
    if (result != 0) {
        return result;
    }
    struct json *description = json_object_new(), *folders = json_object_new();
    json_set(description, "cpu", describe_cpu());
    json_set(description, "engines", describe_engines(places));
    json_set(description, "models", describe_models(places, &catalog));
    json_set_string(folders, "catalog", places->catalog);
    json_set_string(folders, "models", places->models);
    json_set_string(folders, "cache", places->cache);
    json_set_string(folders, "state", places->state);
    json_set(description, "places", folders);
    struct json *record = calibrate_record(places);
    if (record) {
        json_set(description, "calibration", record);
    }
    *ret = description;
    return 0;
}
