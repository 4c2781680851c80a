#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/dump.h"
#include "memory/gpu.h"
#include "memory/limits.h"
#include "memory/placement.h"

/* Tables */

static void add_cpu(const struct json *cpu, struct buffer *text) {
    buffer_add_format(text, "processor\n  %s, %d usable\n ", describe_text(cpu, "model", "unknown"),
                      command_processors());
    for (const struct json *one = json_first(json_at(cpu, "features")); one; one = json_next(one)) {
        buffer_add_format(text, " %s", json_as_string(one) ? json_as_string(one) : "");
    }
    buffer_add_string(text, "\n");
}

static void add_engines(const struct json *list, struct buffer *text) {
    struct columns columns cleanup(columns_done) = {0};
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        bool installed = json_bool(one, "installed", false);
        columns_add(&columns, (const char *[]){describe_text(one, "name", "?"),
                                               installed ? describe_text(one, "version", "") : "not installed",
                                               describe_text(one, installed ? "path" : "reason", ""), NULL});
    }
    buffer_add_string(text, "engines\n");
    columns_write(&columns, text);
}

static void set_limit(struct json *object, const char *key, uint64_t limit) {
    if (limit == LIMIT_NONE) {
        json_set(object, key, NULL);
    } else {
        json_set_int(object, key, (int64_t)limit);
    }
}

static struct json *limits_to_json(const struct memory_limits *limits) {
    struct json *object = json_object_new();
    set_limit(object, "physical", limits->physical);
    set_limit(object, "cgroup", limits->cgroup);
    set_limit(object, "address_space", limits->address_space);
    return object;
}

static void add_limit(struct columns *columns, const char *name, uint64_t limit) {
    char *size cleanup(drop_memory) =
        limit == LIMIT_NONE ? copy_string("no limit") : format("%.1f GB", (double)limit / 1e9);
    columns_add(columns, (const char *[]){name, size, NULL});
}

static void add_limits(const struct memory_limits *limits, struct buffer *text) {
    struct columns columns cleanup(columns_done) = {0};
    add_limit(&columns, "physical memory", limits->physical);
    add_limit(&columns, "cgroup limit", limits->cgroup);
    add_limit(&columns, "address space (RLIMIT_AS)", limits->address_space);
    buffer_add_string(text, "memory\n");
    columns_write(&columns, text);
}

static struct json *gpus_to_json(void) {
    struct json *list = json_array_new();
    struct gpus *gpus cleanup(gpu_drop) = gpu_open(NULL, GPU_COMPUTES, NULL, NULL);
    for (int i = 0; i < gpu_count(gpus); i++) {
        struct gpu_reading reading;
        gpu_read(gpus, i, &reading);
        char *device cleanup(drop_memory) = placement_word(i), *notice cleanup(drop_memory) = gpu_take_notice(gpus);
        struct json *one = json_object_new();
        json_set_string(one, "device", device);
        set_limit(one, "total", reading.known ? reading.total : LIMIT_NONE);
        set_limit(one, "free", reading.known ? reading.free : LIMIT_NONE);
        json_set_string(one, "source", reading.source);
        json_set_string(one, "notice", notice);
        json_append(list, one);
    }
    return list;
}

static void add_gpus(const struct json *list, struct buffer *text) {
    struct columns columns cleanup(columns_done) = {0};
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        double total = json_real(one, "total", -1), available = json_real(one, "free", -1);
        char *memory cleanup(drop_memory) =
            total < 0 ? copy_string("memory unknown") : format("%.1f GB, %.1f GB free", total / 1e9, available / 1e9);
        columns_add(&columns,
                    (const char *[]){describe_text(one, "device", "?"), memory, describe_text(one, "source", ""),
                                     describe_text(one, "notice", ""), NULL});
    }
    buffer_add_string(text, json_first(list) ? "GPUs (not used by this version)\n" : "GPUs\n  none\n");
    columns_write(&columns, text);
}

/* The verdict */

struct verdict {
    int error;      /* 0: documents can be read */
    char *engine;   /* with which; NULL */
    char *detail;   /* why not; NULL */
    char *language; /* what is missing of those that were named; NULL: nothing, or detail says it */
};

static void verdict_done(struct verdict *verdict) {
    free(verdict->engine);
    free(verdict->detail);
    free(verdict->language);
}

static struct verdict try_worker(const struct options *options, struct json **ret_description) {
    struct verdict verdict = {0};
    struct child worker = {0};
    verdict.error = child_start("octavo-worker", 0, &worker);
    verdict.error = verdict.error ? verdict.error : describe(&worker, options, ret_description);
    verdict.error = verdict.error ? verdict.error : describe_trial(&worker, options, &verdict.engine);
    verdict.detail = verdict.error ? copy_string(error_detail()) : NULL;
    verdict.language = verdict.error ? NULL : command_missing_language(options);
    child_end(&worker, NULL);
    return verdict;
}

static struct json *verdict_to_json(const struct verdict *verdict) {
    struct json *object = json_object_new();
    json_set_bool(object, "ready", verdict->error == 0);
    json_set_string(object, "engine", verdict->engine);
    json_set_string(object, "error", verdict->error ? error_word(verdict->error) : NULL);
    json_set_string(object, "detail", verdict->detail);
    json_set_string(object, "language", verdict->language);
    return object;
}

static void add_verdict(const struct verdict *verdict, struct buffer *text) {
    if (verdict->error == 0) {
        const char *language = verdict->language;
        buffer_add_format(text, "documents can be read, with %s\n", verdict->engine);
        buffer_add_format(text, "%s%s", language ? language : "", language ? "\n" : "");
        return;
    }
    buffer_add_format(text, "documents cannot be read: %s", error_sentence(verdict->error));
    buffer_add_format(text, "%s%s; %s\n", *verdict->detail ? ": " : "", verdict->detail, error_advice(verdict->error));
}

static int print_doctor(const struct options *options, struct json *description, const struct verdict *verdict) {
    struct memory_limits limits;
    limits_read(&limits);
    json_set(description, "gpus", gpus_to_json());
    if (options->json) {
        json_set(description, "limits", limits_to_json(&limits));
        json_set(description, "verdict", verdict_to_json(verdict));
        return describe_print(description);
    }
    struct buffer text cleanup(buffer_done) = {0};
    add_cpu(json_at(description, "cpu"), &text);
    add_engines(json_at(description, "engines"), &text);
    buffer_add_string(&text, "models\n");
    describe_models(json_at(description, "models"), &text);
    add_limits(&limits, &text);
    add_gpus(json_at(description, "gpus"), &text);
    add_verdict(verdict, &text);
    return command_print(text.data);
}

int command_doctor(int argc, char **argv) {
    struct options options cleanup(options_done) = {0};
    int result = describe_options(FOR_DOCTOR, argc, argv, &options);
    if (result != 0) {
        return command_refuse(result);
    }
    if (options.help) {
        return command_help(2, (char *[]){NULL, argv[0]});
    }
    if (options.dump) {
        return dump_print(options.dump, options.json);
    }
    struct json *description cleanup(json_drop) = NULL;
    struct verdict verdict cleanup(verdict_done) = try_worker(&options, &description);
    if (!description) {
        fail(verdict.error, "%s", verdict.detail);
        return command_refuse(verdict.error);
    }
    int status = print_doctor(&options, description, &verdict);
    return status ? status : verdict.error ? 69 : 0;
}
