/* The life of models, and what an administrator may do about memory. */
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

enum {
    MOST_WAIT = 300,
    LOAD_WAIT = 60,   /* seconds for memory */
    UNLOAD_WAIT = 10, /* seconds for users to go */
};

/* Models as JSON */

static void set_moment(struct json *object, const char *key, int64_t clock) {
    api_set_time(object, key, clock > 0 ? clock_wall() - (clock_now() - clock) / 1000000 : 0);
}

static struct json *model_to_json(const struct roster_model *model) {
    const struct roster_state *now = &model->now;
    struct json *object = json_object_new();
    json_set_string(object, "id", model->name.id);
    json_set_string(object, "role", model->name.role);
    json_set_string(object, "version", model->name.version);
    json_set_int(object, "instance", model->name.instance);
    json_set_string(object, "device", model->name.device);
    json_set_string(object, "engine", model->name.engine[0] ? model->name.engine : NULL);
    json_set_string(object, "state", model_state_word(now->state));
    json_set_int(object, "charged", (int64_t)now->charged);
    json_set_int(object, "users", (int64_t)now->users);
    json_set_int(object, "loads", (int64_t)model->counts[ROSTER_LOADS]);
    json_set_int(object, "unloads", (int64_t)model->counts[ROSTER_UNLOADS]);
    json_set_int(object, "evictions", (int64_t)model->counts[ROSTER_EVICTIONS]);
    json_set_int(object, "failures", (int64_t)model->counts[ROSTER_FAILURES]);
    json_set_real(object, "load_seconds", clock_seconds((int64_t)now->load_duration), 3);
    json_set_real(object, "load_seconds_total", clock_seconds((int64_t)model->counts[ROSTER_LOAD_TIME]), 3);
    json_set_real(object, "idle_timeout", clock_seconds(now->idle), 3);
    set_moment(object, "loaded", now->loaded);
    set_moment(object, "used", now->used);
    return object;
}

void api_models(void *context, struct http_request *request) {
    const struct roster *roster = ((struct api *)context)->host.pool->core.roster;
    struct json *answer = json_object_new(), *models = json_array_new();
    for (int i = 0; i < ROSTER_MODELS; i++) {
        struct roster_model model;
        if (roster_read(roster, i, &model)) {
            json_append(models, model_to_json(&model));
        }
    }
    json_set(answer, "models", models);
    http_answer_json(request, 200, &answer);
}

/* The model of this id; of several (instances, engines that were changed) one that is loaded, else the last. */
static bool find_model(const struct roster *roster, const char *id, struct roster_model *ret) {
    bool found = false;
    for (int i = 0; i < ROSTER_MODELS; i++) {
        struct roster_model model;
        bool better = roster_read(roster, i, &model) && strcmp(model.name.id, id) == 0 &&
                      !(found && ret->now.state == MODEL_READY);
        if (better) {
            *ret = model;
            found = true;
        }
    }
    return found;
}

/* Orders */

struct ordering {
    struct request_state state;
    struct api *api;
    struct http_request *request;
    struct order order;
    char *model;
    bool open, over;
    int error;
    char *detail;
    uint64_t bytes;
};

static void end_ordering(struct api *api, struct request_state *state) {
    struct ordering *ordering = (struct ordering *)state;
    if (ordering->open) {
        pool_withdraw(api->host.pool, &ordering->order);
    }
    free(ordering->model);
    free(ordering->detail);
    free(ordering);
}

static void take_done(struct order *order, int error, const char *detail, uint64_t bytes) {
    struct ordering *ordering = (struct ordering *)((char *)order - offsetof(struct ordering, order));
    ordering->open = false;
    ordering->over = true;
    ordering->error = error;
    ordering->detail = copy_string(detail);
    ordering->bytes = bytes;
    http_wake(ordering->request);
}

static void answer_ordering(const struct ordering *ordering, struct http_request *request) {
    struct roster_model model;
    if (ordering->error != 0) {
        http_answer_problem(request, ordering->error, ordering->detail);
        return;
    }
    struct json *answer = NULL;
    bool known = ordering->model && find_model(ordering->api->host.pool->core.roster, ordering->model, &model);
    if (ordering->order.kind == ORDER_LOAD && known) {
        answer = model_to_json(&model);
    } else {
        answer = json_object_new();
        json_set_int(answer, "bytes", (int64_t)ordering->bytes);
        if (known) {
            json_set(answer, "model", model_to_json(&model));
        }
    }
    http_answer_json(request, 200, &answer);
}

/* Ids of the catalog are short words; nothing else is worth asking for. */
static bool may_be_model(const char *id) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return *id && strlen(id) < ROSTER_TEXT && id[strspn(id, letters)] == '\0';
}

static int begin_ordering(struct ordering *ordering) {
    struct api *api = ordering->api;
    struct roster_model model;
    enum order_kind kind = ordering->order.kind;
    if (api->host.is_draining(api->host.context)) {
        return fail(ERR_DRAINING, "%s", "");
    }
    bool named = kind != ORDER_RELEASE, sound = !named || may_be_model(ordering->model);
    /* A worker that is started for a load may know one that is not in the roster yet. */
    if (!sound || (kind == ORDER_UNLOAD && !find_model(api->host.pool->core.roster, ordering->model, &model))) {
        return fail(ERR_NOT_FOUND, "no model that is used here is called \"%.40s\"", ordering->model);
    }
    ordering->open = true;
    int result = pool_order(api->host.pool, &ordering->order);
    ordering->open = result == 0 && !ordering->over;
    return result;
}

static void order(struct api *api, struct http_request *request, enum order_kind kind, int64_t usual_wait) {
    struct ordering *ordering = http_state(request);
    int64_t seconds = 0;
    if (!ordering) {
        int result = api_number(request, "wait", 0, MOST_WAIT, usual_wait, &seconds);
        ordering = alloc(1, sizeof(*ordering));
        *ordering = (struct ordering){.state.end = end_ordering, .api = api, .request = request};
        ordering->model = kind == ORDER_RELEASE ? NULL : copy_string(http_argument(request, 0));
        ordering->order = (struct order){.kind = kind, .model = ordering->model, .seconds = seconds, .done = take_done};
        http_set_state(request, ordering);
        result = result ? result : begin_ordering(ordering);
        if (result != 0) {
            http_answer_problem(request, result, error_detail());
            return;
        }
    }
    if (ordering->over) {
        answer_ordering(ordering, request);
    } else {
        http_wait(request, INT64_MAX);
    }
}

void api_load(void *context, struct http_request *request) { order(context, request, ORDER_LOAD, LOAD_WAIT); }

void api_unload(void *context, struct http_request *request) { order(context, request, ORDER_UNLOAD, UNLOAD_WAIT); }

void api_release(void *context, struct http_request *request) { order(context, request, ORDER_RELEASE, 0); }

void api_dump(void *context, struct http_request *request) {
    struct api *api = context;
    struct json *answer = json_object_new(), *dump = NULL;
    char *name cleanup(drop_memory) = pool_take_dump(api->host.pool, "request", &dump);
    json_set_string(answer, "name", name);
    json_set(answer, "dump", dump);
    http_answer_json(request, 200, &answer);
}
