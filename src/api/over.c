/* The log line of a request that is over. Nothing of its headers and parameters is told: keys are in them. */
#include "api/inside.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

/* Those who watch a server ask these again and again. */
static bool is_watching(const struct http_route *route) {
    return route && (route->answer == api_health || route->answer == api_ready || route->answer == api_metrics);
}

void api_over(void *context, const struct http_request *request, const struct http_end *end) {
    enum log_level level = is_watching(http_route(request)) ? LOG_DEBUG : LOG_INFO;
    (void)context;
    if (!log_shows(level)) {
        return;
    }
    struct json *fields cleanup(json_drop) = json_object_new();
    const char *key = api_owner(request);
    json_set_string(fields, "method", end->method);
    json_set_string(fields, "path", end->path);
    json_set_int(fields, "status", end->status);
    json_set_int(fields, "bytes", end->bytes);
    json_set_bool(fields, "complete", end->complete);
    json_set_real(fields, "seconds", clock_seconds(end->nanoseconds), 6);
    json_set_string(fields, "request_id", http_id(request));
    if (key) {
        json_set_string(fields, "key", key);
    }
    json_set_string(fields, "peer", end->peer);
    log_fields(level, "request", fields);
}
