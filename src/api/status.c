/* How the server stands: memory, pool, health. */
#include "api/inside.h"
#include "base/clock.h"
#include "base/json.h"
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
    struct json *answer = json_object_new(), *pressure = pressure_to_json(pool);
    json_set(answer, "ledger", ledger_to_json(pool->core.ledger));
    json_set(answer, "now", footprint_to_json(&pool->now));
    json_set(answer, "peak", footprint_to_json(&pool->peak));
    if (pressure) {
        json_set(answer, "pressure", pressure);
    } else {
        json_set_string(answer, "pressure", NULL);
    }
    json_set(answer, "predictions", quality_to_json(recorder_quality(pool->core.recorder)));
    http_answer_json(request, 200, &answer);
}

static struct json *worker_to_json(const struct supervisor *worker) {
    static const char *const states[] = {
        [WORKER_NONE] = "none",   [WORKER_RESTING] = "resting",   [WORKER_STARTING] = "starting",
        [WORKER_READY] = "ready", [WORKER_DRAINING] = "draining", [WORKER_LEAVING] = "leaving"};
    struct json *object = json_object_new();
    json_set_string(object, "state", states[worker->state]);
    json_set_string(object, "engine", worker->engine);
    json_set_int(object, "pages_in_hand", (int64_t)worker->count);
    json_set_int(object, "starts", (int64_t)worker->starts);
    json_set_int(object, "deaths", (int64_t)worker->deaths);
    json_set_int(object, "hangs", (int64_t)worker->hangs);
    json_set_int(object, "recycles", (int64_t)worker->recycles);
    json_set_int(object, "idle_leaves", (int64_t)worker->idle_leaves);
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
    const struct pool *pool = api->host.pool;
    struct json *answer = json_object_new(), *documents = json_object_new();
    json_set_int(documents, "limit", pool->conf.jobs);
    json_set_int(documents, "in_work", (int64_t)pool->row_count);
    json_set(answer, "documents", documents);
    json_set(answer, "queue", queue_to_json(api));
    json_set(answer, "worker", worker_to_json(&pool->worker));
    http_answer_json(request, 200, &answer);
}
