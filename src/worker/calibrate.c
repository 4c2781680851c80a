#include "worker/calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/blocks.h"
#include "model/model.h"

#define RECORD "engines.json"
#define MAX_BYTES 65536
#define MEASURING_BYTES 300000000 /* what the hungrier engine takes to be measured, rounded up */
#define CLEARLY 1.15              /* times as fast must an engine be that takes twice the memory */
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

char *calibrate_stamp(const struct places *places, const struct model_spec *spec) {
    struct buffer key = {0};
    char *processor cleanup(drop_memory) = calibrate_processor();
    buffer_add_format(&key, "%s; %.12s", processor, spec && spec->sha256 ? spec->sha256 : "");
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

/* Processor time of this process, all threads: what else runs on the machine does not count. */
static double processor_seconds(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Best of a few runs of one line, in milliseconds of processor time. */
static int time_network(const struct engine_kind *kind, struct network *network, const struct model_spec *spec,
                        double *ret) {
    float *pixels cleanup(drop_memory) = alloc((size_t)3 * spec->height * LINE_WIDTH, sizeof(float));
    struct input input = {.name = "image",
                          .tensor = {.data = pixels, .shape = {1, 3, spec->height, LINE_WIDTH}, .rank = TENSOR_RANK}};
    struct outputs output;
    struct runner *runner;
    int result = kind->runner_new(network, &runner);
    if (result != 0) {
        return result;
    }
    double best = 0;
    for (int i = 0; result == 0 && i < WARM_UPS + RUNS; i++) {
        double start = processor_seconds();
        result = kind->run(runner, &input, 1, &output);
        double taken = (processor_seconds() - start) * 1000;
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
    char *folder cleanup(drop_memory) = places_engine(places, kind->name);
    struct engine *engine;
    int result = kind->open(folder, &engine);
    if (result != 0) {
        return result;
    }
    struct model model;
    result = model_open(spec, places->models, kind, engine, 1, NULL, &model);
    if (result == 0) {
        result = time_network(kind, model.network, spec, ret);
        model_close(&model);
    }
    kind->close(engine);
    return result;
}

/* What a measuring child says. */
struct verdict {
    int result;
    double milliseconds;
    char detail[256];
};

static void measure_in_child(const struct places *places, const struct model_spec *spec, const struct engine_kind *kind,
                             int fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    blocks_bound(MEASURING_BYTES); /* as a worker that may keep what it frees for its next run */
    blocks_keep(kind->spare);
    struct verdict verdict = {0};
    verdict.result = time_engine(places, spec, kind, &verdict.milliseconds);
    if (verdict.result != 0) {
        snprintf(verdict.detail, sizeof(verdict.detail), "%s", error_detail());
    }
    _exit(file_write(fd, &verdict, sizeof(verdict)) == 0 ? 0 : 1);
}

/*
 * In a process of its own, which takes all that the engine leaves behind (threads, heaps, crashes) with it when it
 * ends. This process has one thread at that time.
 */
static int time_apart(const struct places *places, const struct model_spec *spec, const struct engine_kind *kind,
                      double *ret) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return fail(ERR_INTERNAL, "%s", strerror(errno));
    }
    int reading cleanup(drop_fd) = ends[0];
    int writing cleanup(drop_fd) = ends[1];
    pid_t child = fork();
    if (child == 0) {
        measure_in_child(places, spec, kind, writing);
    }
    drop_fd(&writing);
    struct verdict verdict;
    ssize_t length = 0;
    int status = 0;
    if (child > 0) {
        do {
            length = read(reading, &verdict, sizeof(verdict));
        } while (length < 0 && errno == EINTR);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (length != (ssize_t)sizeof(verdict)) {
        return fail(ERR_NO_ENGINE, child < 0 ? "no process for it can be made" : "it crashed when it was tried");
    }
    if (verdict.result != 0) {
        return fail(verdict.result, "%s", verdict.detail);
    }
    *ret = verdict.milliseconds;
    return 0;
}

/* By which engines are compared: so the leaner one is taken unless it is clearly slower. */
static double price_of(const struct engine_kind *kind, double taken) {
    return kind == &engine_onnxruntime ? taken : taken * CLEARLY;
}

/* Times every engine; returns the one to take, NULL if none runs. reasons collects why the others do not. */
static const struct engine_kind *measure(const struct places *places, const struct model_spec *spec,
                                         struct json *record, struct buffer *reasons) {
    const struct engine_kind *best_kind = NULL;
    struct json *milliseconds = json_object_new();
    double best = 0;
    for (size_t i = 0; engine_kinds[i]; i++) {
        double taken = 0;
        if (time_apart(places, spec, engine_kinds[i], &taken) != 0) {
            buffer_add_format(reasons, "%s%s: %s", reasons->length ? "; " : "", engine_kinds[i]->name, error_detail());
            continue;
        }
        json_set_real(milliseconds, engine_kinds[i]->name, taken, 2);
        if (!best_kind || price_of(engine_kinds[i], taken) < best) {
            best_kind = engine_kinds[i];
            best = price_of(best_kind, taken);
        }
    }
    json_set(record, "milliseconds", milliseconds);
    return best_kind;
}

static void keep(const struct places *places, const struct json *record) {
    if (places->state) {
        char *path cleanup(drop_memory) = format("%s/%s", places->state, RECORD);
        char *text cleanup(drop_memory) = json_text(record, true);
        (void)file_replace(path, text, strlen(text)); /* without a record the next start measures again */
    }
}

/* Measures all of them and keeps the record; caller drops it. */
static int measure_anew(const struct places *places, const struct model_spec *spec, const char *key,
                        struct json **ret) {
    struct json *record = json_object_new();
    struct buffer reasons cleanup(buffer_done) = {0};
    json_set_string(record, "key", key);
    const struct engine_kind *chosen = measure(places, spec, record, &reasons);
    if (!chosen) {
        json_drop(&record);
        return fail(ERR_NO_ENGINE, "%s", reasons.data ? reasons.data : "none is known");
    }
    json_set_string(record, "chosen", chosen->name);
    keep(places, record);
    *ret = record;
    return 0;
}

static bool is_of(const struct json *record, const char *key) {
    const char *name = json_string(record, "chosen"), *known = json_string(record, "key");
    return name && known && strcmp(known, key) == 0 && engine_kind_find(name);
}

static double recorded_price(const struct json *record, const struct engine_kind *kind) {
    return price_of(kind, json_real(json_at(record, "milliseconds"), kind->name, 0));
}

int calibrate_choose(const struct places *places, const struct model_spec *spec, uint64_t bytes,
                     const struct engine_kind **ret, double *ret_price, double *ret_leaner_price) {
    char *key cleanup(drop_memory) = calibrate_stamp(places, spec);
    struct json *record cleanup(json_drop) = calibrate_record(places);
    if (!is_of(record, key)) {
        json_drop(&record);
        if (bytes < MEASURING_BYTES) {
            *ret = &engine_onnxruntime; /* a start with more memory measures */
            *ret_price = *ret_leaner_price = 0;
            return 0;
        }
        int result = measure_anew(places, spec, key, &record);
        if (result != 0) {
            return result;
        }
    }
    *ret = engine_kind_find(json_string(record, "chosen"));
    *ret_price = recorded_price(record, *ret);
    *ret_leaner_price = recorded_price(record, &engine_onnxruntime);
    return 0;
}
