/* How the server stands: memory, pool, health. */
#include "api/inside.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "memory/guard.h"

void api_health(void *context, struct http_request *request) {
    struct json *answer = json_object_new();
    (void)context;
    json_set_string(answer, "status", "ok");
    json_set_string(answer, "version", OCTAVO_VERSION);
    http_answer_json(request, 200, &answer);
}

void api_ready(void *context, struct http_request *request) {
    struct api *api = context;
    struct json *answer = json_object_new(), *reasons = json_array_new();
    api->host.add_reasons(api->host.context, reasons);
    bool ready = json_first(reasons) == NULL;
    json_set_bool(answer, "ready", ready);
    json_set(answer, "reasons", reasons);
    http_answer_json(request, ready ? 200 : 503, &answer);
}

static struct json *footprint_to_json(const struct footprint *footprint) {
    struct json *object = json_object_new();
    json_set_int(object, "all", (int64_t)footprint->all);
    json_set_int(object, "server", (int64_t)footprint->front);
    json_set_int(object, "worker", (int64_t)footprint->worker);
    json_set_int(object, "rasters", (int64_t)footprint->rasters);
    return object;
}

static struct json *pressure_to_json(const struct pool *pool) {
    struct guard_state state;
    if (!pool->guard) {
        return NULL;
    }
    guard_read(pool->guard, &state);
    struct json *object = json_object_new();
    json_set_string(object, "level", pressure_word(state.level));
    json_set_string(object, "source", state.reading.source);
    json_set_int(object, "limit", (int64_t)state.reading.limit);
    json_set_int(object, "used", (int64_t)state.reading.used);
    json_set_int(object, "available", (int64_t)state.reading.available);
    json_set_int(object, "oom_kills", (int64_t)state.reading.oom_kills);
    return object;
}

void api_memory(void *context, struct http_request *request) {
    const struct pool *pool = ((struct api *)context)->host.pool;
    struct json *answer = json_object_new();
    json_set(answer, "ledger", ledger_to_json(pool->core.ledger));
    json_set(answer, "now", footprint_to_json(&pool->now));
    json_set(answer, "peak", footprint_to_json(&pool->peak));
    json_set(answer, "pressure", pressure_to_json(pool));
    json_set(answer, "predictions", quality_to_json(recorder_quality(pool->core.recorder)));
    http_answer_json(request, 200, &answer);
}

static struct json *instance_to_json(struct instance *instance) {
    static const char *const states[] = {
        [WORKER_NONE] = "none",   [WORKER_RESTING] = "resting",   [WORKER_STARTING] = "starting",
        [WORKER_READY] = "ready", [WORKER_DRAINING] = "draining", [WORKER_LEAVING] = "leaving"};
    const struct supervisor *worker = instance->worker;
    const struct worker_counts *counts = &worker->counts;
    char *device cleanup(drop_memory) = placement_word(instance->device);
    struct json *object = json_object_new();
    instance_count(instance, clock_now());
    json_set_int(object, "instance", worker->instance);
    json_set_string(object, "state", states[worker->state]);
    json_set_string(object, "device", device);
    json_set_string(object, "engine", worker->engine);
    json_set_int(object, "pid", worker->child.pid);
    json_set_string(object, "left_out", instance->left_out);
    json_set_int(object, "places", (int64_t)instance->places);
    json_set_int(object, "held", (int64_t)instance->held);
    json_set_real(object, "held_seconds", instance->held_seconds, 3);
    json_set_real(object, "utilisation", instance->utilisation, 4);
    json_set_int(object, "pages_in_hand", (int64_t)worker->hands.count);
    json_set_int(object, "starts", (int64_t)counts->starts);
    json_set_int(object, "deaths", (int64_t)counts->deaths);
    json_set_int(object, "hangs", (int64_t)counts->hangs);
    json_set_int(object, "recycles", (int64_t)counts->recycles);
    json_set_int(object, "idle_leaves", (int64_t)counts->idle_leaves);
    json_set_int(object, "checks", (int64_t)counts->checks);
    json_set_int(object, "unhealthy", (int64_t)counts->unhealthy);
    return object;
}

static struct json *times_to_json(const struct histogram *histogram) {
    struct json *object = json_object_new();
    json_set_int(object, "count", (int64_t)histogram->count);
    json_set_real(object, "seconds", histogram->sum, 3);
    return object;
}

static struct json *leases_to_json(const struct leases *leases) {
    size_t places, held, waiting;
    leases_count(leases, &places, &held, &waiting);
    struct json *object = json_object_new();
    json_set_int(object, "limit", (int64_t)places);
    json_set_int(object, "held", (int64_t)held);
    json_set_int(object, "waiting", (int64_t)waiting);
    json_set_int(object, "expired", (int64_t)leases->expired);
    json_set(object, "wait", times_to_json(&leases->wait));
    json_set(object, "hold", times_to_json(&leases->hold));
    return object;
}

static struct json *queue_to_json(struct api *api) {
    int64_t queued, running, bytes;
    tasks_live(api->tasks, &queued, &running, &bytes);
    struct json *object = json_object_new();
    json_set_int(object, "queued", queued);
    json_set_int(object, "running", running);
    json_set_int(object, "bytes", bytes);
    json_set_int(object, "retry_after", tasks_retry_after(api->tasks));
    return object;
}

void api_pool(void *context, struct http_request *request) {
    struct api *api = context;
    struct leases *leases = &api->host.pool->leases;
    struct json *answer = json_object_new(), *instances = json_array_new();
    for (size_t i = 0; i < leases->instance_count; i++) {
        json_append(instances, instance_to_json(&leases->instances[i]));
    }
    json_set(answer, "leases", leases_to_json(leases));
    json_set(answer, "instances", instances);
    json_set(answer, "queue", queue_to_json(api));
    http_answer_json(request, 200, &answer);
}
