/* Figures for Prometheus, in its text format. */
#include "api/inside.h"
#include "base/clock.h"
#include "base/memory.h"

/* One metric without or with a label; the head comes once, before its first sample. */
static void add_head(struct buffer *text, const char *name, const char *kind, const char *help) {
    buffer_add_format(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void add_one(struct buffer *text, const char *name, const char *kind, const char *help, double value) {
    add_head(text, name, kind, help);
    buffer_add_format(text, "%s %.15g\n", name, value);
}

static void add_labelled(struct buffer *text, const char *name, const char *label, const char *word, double value) {
    buffer_add_format(text, "%s{%s=\"%s\"} %.15g\n", name, label, word, value);
}

static void add_tasks(struct buffer *text, struct api *api) {
    const struct tasks_counts *counts = tasks_counts(api->tasks);
    int64_t queued, running, bytes;
    tasks_live(api->tasks, &queued, &running, &bytes);
    add_one(text, "octavo_tasks_queued", "gauge", "Tasks that wait.", (double)queued);
    add_one(text, "octavo_tasks_running", "gauge", "Tasks that are read.", (double)running);
    add_one(text, "octavo_tasks_document_bytes", "gauge", "Documents of tasks that have not ended.", (double)bytes);
    add_one(text, "octavo_tasks_accepted_total", "counter", "Tasks accepted.", (double)counts->accepted);
    add_one(text, "octavo_tasks_repeated_total", "counter", "Documents sent again with their idempotency key.",
            (double)counts->repeated);
    add_one(text, "octavo_tasks_refused_total", "counter", "Tasks refused because the queue was full.",
            (double)counts->refused);
    add_head(text, "octavo_tasks_ended_total", "counter", "Tasks ended, by their last state.");
    for (int i = 0; i < TASK_STATE_COUNT; i++) {
        if (task_state_is_over((enum task_state)i)) {
            add_labelled(text, "octavo_tasks_ended_total", "state", task_state_word((enum task_state)i),
                         (double)counts->ended[i]);
        }
    }
    add_one(text, "octavo_pages_total", "counter", "Pages of tasks dealt with.", (double)counts->pages);
}

static void add_callbacks(struct buffer *text, struct api *api) {
    static const char *const outcomes[] = {
        [CALLBACK_DELIVERED] = "delivered", [CALLBACK_RETRIED] = "retried", [CALLBACK_GIVEN_UP] = "given_up"};
    add_one(text, "octavo_callbacks_pending", "gauge", "Callbacks to be delivered.",
            (double)tasks_callbacks(api->tasks));
    add_head(text, "octavo_callbacks_total", "counter", "Attempts to deliver callbacks, by what came of them.");
    for (int i = 0; i < CALLBACK_OUTCOME_COUNT; i++) {
        add_labelled(text, "octavo_callbacks_total", "outcome", outcomes[i],
                     (double)tasks_counts(api->tasks)->callbacks[i]);
    }
}

static void add_memory(struct buffer *text, const struct pool *pool) {
    struct ledger_state state;
    ledger_read(pool->core.ledger, &state);
    add_one(text, "octavo_memory_budget_bytes", "gauge", "What all processes together may use.", (double)state.budget);
    add_one(text, "octavo_memory_charged_peak_bytes", "gauge", "The largest sum charged.", (double)state.peak);
    add_head(text, "octavo_memory_charged_bytes", "gauge", "What is charged, by what it is for.");
    for (int i = 0; i < CHARGE_COUNT; i++) {
        add_labelled(text, "octavo_memory_charged_bytes", "kind", charge_word((enum charge_kind)i),
                     (double)state.kind[i]);
    }
    add_head(text, "octavo_memory_used_bytes", "gauge", "Memory (PSS) by kind of process.");
    add_labelled(text, "octavo_memory_used_bytes", "process", "server", (double)pool->now.front);
    add_labelled(text, "octavo_memory_used_bytes", "process", "worker", (double)pool->now.worker);
    add_labelled(text, "octavo_memory_used_bytes", "process", "raster", (double)pool->now.rasters);
    add_one(text, "octavo_memory_waits_total", "counter", "Charges that had to wait.", (double)state.waits);
    add_one(text, "octavo_memory_refusals_total", "counter", "Charges that could never fit.",
            (double)(state.refusals + pool->core.refusals));
}

static void add_times(struct buffer *text, const char *name, const char *help, const struct histogram *histogram) {
    uint64_t below = 0;
    add_head(text, name, "histogram", help);
    for (int i = 0; i < HISTOGRAM_BOUNDS; i++) {
        below += histogram->counts[i];
        buffer_add_format(text, "%s_bucket{le=\"%g\"} %llu\n", name, histogram_bounds[i], (unsigned long long)below);
    }
    buffer_add_format(text, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9g\n%s_count %llu\n", name,
                      (unsigned long long)histogram->count, name, histogram->sum, name,
                      (unsigned long long)histogram->count);
}

/* Of each instance, by its number and device. */
static void add_utilisation(struct buffer *text, const struct leases *leases) {
    add_head(text, "octavo_pool_utilisation", "gauge",
             "Share of an instance's places that is held, of the last minute.");
    for (size_t i = 0; i < leases->instance_count; i++) {
        struct instance *instance = &leases->instances[i];
        char *device cleanup(drop_memory) = placement_word(instance->device);
        instance_count(instance, clock_now());
        buffer_add_format(text, "octavo_pool_utilisation{instance=\"%zu\",device=\"%s\"} %.4f\n", i, device,
                          instance->utilisation);
    }
}

static void add_leases(struct buffer *text, const struct leases *leases) {
    size_t places, held, waiting;
    leases_count(leases, &places, &held, &waiting);
    add_one(text, "octavo_pool_places", "gauge", "Documents that may be in work.", (double)places);
    add_one(text, "octavo_pool_held", "gauge", "Places that are held: documents in work.", (double)held);
    add_one(text, "octavo_pool_waiting", "gauge", "Leases that wait for a place.", (double)waiting);
    add_one(text, "octavo_pool_expired_total", "counter", "Leases that had no place before their deadline.",
            (double)leases->expired);
    add_times(text, "octavo_pool_wait_seconds", "From asking for a place to having it.", &leases->wait);
    add_times(text, "octavo_pool_hold_seconds", "From having a place to giving it back.", &leases->hold);
    add_utilisation(text, leases);
}

static void add_workers(struct buffer *text, const struct pool *pool) {
    const struct worker_counts counts = pool_counts(pool);
    add_one(text, "octavo_worker_starts_total", "counter", "Workers started.", (double)counts.starts);
    add_one(text, "octavo_worker_deaths_total", "counter", "Workers that died or were ended.", (double)counts.deaths);
    add_one(text, "octavo_worker_recycles_total", "counter", "Workers replaced.", (double)counts.recycles);
    add_one(text, "octavo_worker_idle_leaves_total", "counter", "Workers that left, idle.", (double)counts.idle_leaves);
    add_one(text, "octavo_worker_checks_total", "counter", "Health checks of idle workers.", (double)counts.checks);
    add_one(text, "octavo_worker_unhealthy_total", "counter", "Health checks without an answer, or with a wrong one.",
            (double)counts.unhealthy);
}

/* Of each model, by its instance, id and engine. */
static void add_of_models(struct buffer *text, const struct roster *roster, const char *name, const char *kind,
                          const char *help, double (*value)(const struct roster_model *model)) {
    add_head(text, name, kind, help);
    for (int i = 0; i < ROSTER_MODELS; i++) {
        struct roster_model model;
        if (roster_read(roster, i, &model) && model.name.engine[0]) {
            buffer_add_format(text, "%s{model=\"%s\",engine=\"%s\",instance=\"%d\"} %.15g\n", name, model.name.id,
                              model.name.engine, model.name.instance, value(&model));
        }
    }
}

static double is_loaded(const struct roster_model *model) { return model->now.state == MODEL_READY; }
static double charged(const struct roster_model *model) { return (double)model->now.charged; }
static double users(const struct roster_model *model) { return (double)model->now.users; }
static double loads(const struct roster_model *model) { return (double)model->counts[ROSTER_LOADS]; }
static double unloads(const struct roster_model *model) { return (double)model->counts[ROSTER_UNLOADS]; }
static double evictions(const struct roster_model *model) { return (double)model->counts[ROSTER_EVICTIONS]; }
static double failures(const struct roster_model *model) { return (double)model->counts[ROSTER_FAILURES]; }
static double load_time(const struct roster_model *model) { return (double)model->counts[ROSTER_LOAD_TIME] / 1e9; }

static void add_models(struct buffer *text, const struct roster *roster) {
    add_of_models(text, roster, "octavo_model_loaded", "gauge", "Whether a model is loaded.", is_loaded);
    add_of_models(text, roster, "octavo_model_charged_bytes", "gauge", "Its weights and what is kept of its runs.",
                  charged);
    add_of_models(text, roster, "octavo_model_users", "gauge", "Who uses it now.", users);
    add_of_models(text, roster, "octavo_model_loads_total", "counter", "Loads.", loads);
    add_of_models(text, roster, "octavo_model_unloads_total", "counter", "Unloads.", unloads);
    add_of_models(text, roster, "octavo_model_evictions_total", "counter", "Unloads that made room for others.",
                  evictions);
    add_of_models(text, roster, "octavo_model_load_failures_total", "counter", "Loads that failed.", failures);
    add_of_models(text, roster, "octavo_model_load_seconds_total", "counter", "Time of all loads.", load_time);
}

static void add_http(struct buffer *text, const struct http *http) {
    static const char *const classes[] = {NULL, "1xx", "2xx", "3xx", "4xx", "5xx"};
    struct http_counts counts;
    http_read_counts(http, &counts);
    add_one(text, "octavo_http_requests_total", "counter", "Requests.", (double)counts.requests);
    add_head(text, "octavo_http_answers_total", "counter", "Answers, by the class of their status.");
    for (int i = 2; i < 6; i++) {
        add_labelled(text, "octavo_http_answers_total", "status", classes[i], (double)counts.answers[i]);
    }
    add_one(text, "octavo_http_connections", "gauge", "Connections.", counts.connections);
    add_one(text, "octavo_http_uploads", "gauge", "Documents on their way in.", (double)counts.uploads);
    add_one(text, "octavo_http_cut_total", "counter", "Connections cut because they were too slow.",
            (double)counts.cut);
}

void api_metrics(void *context, struct http_request *request) {
    struct api *api = context;
    struct buffer text = {0};
    add_tasks(&text, api);
    add_callbacks(&text, api);
    add_memory(&text, api->host.pool);
    add_leases(&text, &api->host.pool->leases);
    add_workers(&text, api->host.pool);
    add_models(&text, api->host.pool->core.roster);
    add_http(&text, api->http);
    http_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
}
