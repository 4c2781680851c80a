#include "worker/calibrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "model/model.h"

#define RECORD "engines.json"
#define MAX_BYTES 65536
enum { LINE_WIDTH = 320, WARM_UPS = 2, RUNS = 5 };

char *calibrate_processor(void) {
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    if (file_read_path("/proc/cpuinfo", 1 << 24, &text, &length) != 0) {
        return copy_string("unknown");
    }
    const char *line = strstr(text, "model name");
    line = line ? strchr(line, ':') : NULL;
    return line ? copy_bytes(line + 2, strcspn(line + 2, "\n")) : copy_string("unknown");
}

/* What the measurement depends on: processor, engines (by their folders' time of change) and model. */
static char *make_key(const struct places *places, const struct model_spec *spec) {
    struct buffer key = {0};
    char *processor cleanup(drop_memory) = calibrate_processor();
    buffer_add_format(&key, "%s; %.12s", processor, spec->sha256);
    for (size_t i = 0; engine_kinds[i]; i++) {
        char *folder cleanup(drop_memory) = format("%s/%s", places->engines, engine_kinds[i]->name);
        struct stat status;
        if (stat(folder, &status) == 0) {
            buffer_add_format(&key, "; %s %lld", engine_kinds[i]->name, (long long)status.st_mtime);
        }
    }
    return buffer_take(&key);
}

struct json *calibrate_record(const struct places *places) {
    if (!places->state) {
        return NULL;
    }
    char *path cleanup(drop_memory) = format("%s/%s", places->state, RECORD);
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    struct json *record;
    return file_read_path(path, MAX_BYTES, &text, &length) == 0 && json_parse(text, length, &record) == 0 ? record
                                                                                                          : NULL;
}

/* Best of a few runs of one line, in milliseconds. */
static int time_network(const struct engine_kind *kind, struct network *network, const struct model_spec *spec,
                        double *ret) {
    float *pixels cleanup(drop_memory) = alloc((size_t)3 * spec->height * LINE_WIDTH, sizeof(float));
    struct tensor input = {.data = pixels, .shape = {1, 3, spec->height, LINE_WIDTH}, .rank = 4}, output;
    struct runner *runner;
    int result = kind->runner_new(network, &runner);
    if (result != 0) {
        return result;
    }
    double best = 0;
    for (int i = 0; result == 0 && i < WARM_UPS + RUNS; i++) {
        int64_t start = clock_now();
        result = kind->run(runner, &input, &output);
        double taken = clock_seconds(clock_now() - start) * 1000;
        if (i >= WARM_UPS && (best <= 0 || taken < best)) {
            best = taken;
        }
    }
    kind->runner_free(runner);
    if (result == 0) {
        *ret = best;
    }
    return result;
}

static int time_engine(const struct places *places, const struct model_spec *spec, const struct engine_kind *kind,
                       double *ret) {
    char *folder cleanup(drop_memory) = format("%s/%s", places->engines, kind->name);
    struct engine *engine;
    int result = kind->open(folder, &engine);
    if (result != 0) {
        return result;
    }
    struct model model;
    result = model_load(spec, places->models, kind, engine, 1, NULL, &model);
    if (result == 0) {
        result = time_network(kind, model.network, spec, ret);
        model_unload(&model);
    }
    kind->close(engine);
    return result;
}

/* Times every engine; returns the fastest one, NULL if none runs. reasons collects why the others do not. */
static const struct engine_kind *measure(const struct places *places, const struct model_spec *spec,
                                         struct json *record, struct buffer *reasons) {
    const struct engine_kind *fastest = NULL;
    struct json *milliseconds = json_object_new();
    double best = 0;
    for (size_t i = 0; engine_kinds[i]; i++) {
        double taken;
        if (time_engine(places, spec, engine_kinds[i], &taken) != 0) {
            buffer_add_format(reasons, "%s%s: %s", reasons->length ? "; " : "", engine_kinds[i]->name, error_detail());
            continue;
        }
        json_set_real(milliseconds, engine_kinds[i]->name, taken, 2);
        if (!fastest || taken < best) {
            fastest = engine_kinds[i];
            best = taken;
        }
    }
    json_set(record, "milliseconds", milliseconds);
    return fastest;
}

static void keep(const struct places *places, const struct json *record) {
    if (places->state) {
        char *path cleanup(drop_memory) = format("%s/%s", places->state, RECORD);
        char *text cleanup(drop_memory) = json_text(record, true);
        (void)file_replace(path, text, strlen(text)); /* without a record the next start measures again */
    }
}

int calibrate_choose(const struct places *places, const struct model_spec *spec, const struct engine_kind **ret) {
    char *key cleanup(drop_memory) = make_key(places, spec);
    struct json *known cleanup(json_drop) = calibrate_record(places);
    const char *name = json_string(known, "fastest"), *known_key = json_string(known, "key");
    if (name && known_key && strcmp(known_key, key) == 0 && engine_kind_find(name)) {
        *ret = engine_kind_find(name);
        return 0;
    }
    struct json *record cleanup(json_drop) = json_object_new();
    struct buffer reasons cleanup(buffer_done) = {0};
    json_set_string(record, "key", key);
    const struct engine_kind *fastest = measure(places, spec, record, &reasons);
    if (!fastest) {
        return fail(ERR_NO_ENGINE, "%s", reasons.data ? reasons.data : "none is known");
    }
    json_set_string(record, "fastest", fastest->name);
    keep(places, record);
    *ret = fastest;
    return 0;
}
