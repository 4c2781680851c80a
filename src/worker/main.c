/*
 * octavo-worker: engines and pipeline. Takes messages on its control socket (process/message.h) until end of file; the
 * crew's threads answer pages as they become ready.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "document/bitmap.h"
#include "engine/blocks.h"
#include "engine/heap.h"
#include "process/child.h"
#include "process/message.h"
#include "worker/chores.h"
#include "worker/crew.h"
#include "worker/describe.h"
#include "worker/setup.h"

#define MAX_THREADS 256
#define UNBOUNDED (UINT64_C(1) << 50)       /* bytes to plan with when nobody says */
#define BASELINE_PERIOD INT64_C(5000000000) /* nanoseconds */

struct worker {
    int socket;
    int64_t started;
    pthread_mutex_t sending; /* one message at a time on the socket */
    struct setup setup;
    struct crew *crew;     /* NULL until set up */
    struct chores *chores; /* likewise */
    int64_t next_baseline; /* clock from which any quiet moment is used to measure what this process holds */
};

/* A page in hand: its place in the crew, the mapping behind its pixels and whom to answer. */
struct errand {
    struct crew_page page; /* first, so that done() finds the rest */
    struct worker *worker;
    const void *bytes;
    size_t length;
    bool words; /* are wanted */
};

static void send(struct worker *worker, const struct json *body, int fd) {
    pthread_mutex_lock(&worker->sending);
    /* A parent that is gone is noticed by the main thread as end of file. */
    (void)message_send(worker->socket, body, fd);
    pthread_mutex_unlock(&worker->sending);
}

static void send_failure(struct worker *worker, const char *op, int64_t id, int error) {
    pthread_mutex_lock(&worker->sending);
    (void)message_send_failure(worker->socket, op, id >= 0 ? "id" : NULL, (long)id, error, error_detail());
    pthread_mutex_unlock(&worker->sending);
}

/* Sends value as a sealed memfd with {"op": op, "id": id}. */
static int send_value(struct worker *worker, const char *op, int64_t id, const struct json *value) {
    char *text cleanup(drop_memory) = json_text(value, false);
    int fd cleanup(drop_fd) = -1;
    int result = file_memory_from("octavo-json", text, strlen(text), &fd);
    if (result != 0) {
        return result;
    }
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", op);
    json_set_int(body, "id", id);
    send(worker, body, fd);
    return 0;
}

/* Called by the crew. */
static void errand_done(struct crew_page *crew_page, int result, struct page *page) {
    struct errand *errand = (struct errand *)crew_page;
    if (result == 0) {
        struct json *json cleanup(json_drop) = page_to_json(page, errand->words);
        page_done(page);
        result = send_value(errand->worker, "page", errand->page.id, json);
    }
    if (result != 0) {
        send_failure(errand->worker, "page_failed", errand->page.id, result);
    }
    munmap((void *)(uintptr_t)errand->bytes, errand->length);
    free(errand);
}

static int start_errand(struct worker *worker, const struct json *body, int fd) {
    struct bitmap bitmap;
    size_t expected;
    if (!worker->crew) {
        return fail(ERR_PROTOCOL, "a page before setup");
    }
    int result = bitmap_from_json(body, &bitmap);
    if (result == 0) {
        result = bitmap_bytes(&bitmap, &expected);
    }
    if (result != 0) {
        return result;
    }
    const void *bytes;
    size_t length;
    result = file_memory_map(fd, expected, &bytes, &length);
    if (result != 0) {
        return result;
    }
    struct errand *errand = alloc(1, sizeof(*errand));
    *errand =
        (struct errand){.worker = worker, .bytes = bytes, .length = length, .words = json_bool(body, "words", false)};
    const struct switches switches = switches_from_json(body);
    errand->page = (struct crew_page){.id = json_int(body, "id", 0),
                                      .priority = (int)json_int(body, "priority", 0),
                                      .first = json_bool(body, "first", false),
                                      .off = switches_off(&switches),
                                      .tiles = (int)json_int(body, "tiles", 0),
                                      .unnoticed = json_bool(body, "check", false),
                                      .image = {.pixels = bytes,
                                                .width = bitmap.width,
                                                .height = bitmap.height,
                                                .channels = bitmap.channels,
                                                .stride = (size_t)bitmap.width * bitmap.channels},
                                      .number = (uint32_t)json_int(body, "page", 0),
                                      .dpi = bitmap.dpi,
                                      .done = errand_done};
    if (length != expected) {
        result = fail(ERR_PROTOCOL, "a bitmap of %zu bytes instead of %zu", length, expected);
    } else {
        result = setup_plan_on(&worker->setup, json_string(body, "engine"), &errand->page.kind, &errand->page.plan);
    }
    if (result != 0) {
        munmap((void *)(uintptr_t)bytes, length);
        free(errand);
        return result;
    }
    const char *engine = json_string(body, "engine");
    errand->page.unread = worker->setup.unread;
    errand->page.again = worker->setup.rereads && (!engine || strcmp(engine, "auto") == 0);
    errand->page.without = setup_without(&worker->setup, &switches, errand->page.kind);
    crew_read(worker->crew, &errand->page);
    return 0;
}

/* Setting up */

static void add_plan(const struct worker *worker, struct json *body) {
    const struct planned *planned = &worker->setup.planned;
    struct json *plan = json_object_new();
    json_set_string(plan, "engine", planned->told.engine);
    json_set_int(plan, "threads", planned->told.threads);
    json_set_int(plan, "tiles", planned->told.tiles);
    json_set_bool(plan, "swapping", planned->told.swapping);
    json_set_bool(plan, "reduced", planned->told.reduced);
    json_set(body, "plan", plan);
    json_set_int(body, "floor", (int64_t)planned->floor);
    json_set_int(body, "comfort", (int64_t)planned->comfort);
}

static void add_offer(const struct worker *worker, struct json *body) {
    struct json *missing = json_object_new();
    for (int i = 0; i < SWITCH_COUNT; i++) {
        if (worker->setup.missing[i]) {
            json_set_string(missing, switch_word((enum stage_switch)i), worker->setup.missing[i]);
        }
    }
    json_set(body, "missing", missing);
    char *engines cleanup(drop_memory) = setup_engines(&worker->setup);
    json_set_string(body, "engines", engines);
}

/*
 * Called by a crew thread when nothing is in hand any more: what this process holds now is what it holds at rest. It is
 * measured now and then, since the heap has to be trimmed for it, and when it has changed.
 */
static void tell_quiet(void *context) {
    struct worker *worker = context;
    struct manager_state state;
    pthread_mutex_lock(&worker->sending);
    bool due = clock_now() >= worker->next_baseline || setup_has_drifted(&worker->setup);
    worker->next_baseline = due ? clock_now() + BASELINE_PERIOD : worker->next_baseline;
    pthread_mutex_unlock(&worker->sending);
    struct baseline baseline = due ? setup_measure_baseline(&worker->setup) : (struct baseline){0};
    manager_read(worker->setup.manager, &state);
    if (crew_pages(worker->crew) > 0) {
        return; /* a page has come meanwhile: what was read is not of a quiet moment */
    }
    if (baseline.bytes > 0) {
        setup_note_baseline(&worker->setup, &baseline);
        setup_save(&worker->setup);
    }
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", "quiet");
    uint64_t used, kept;
    blocks_read(&used, &kept);
    json_set_int(body, "heap", heap_live());
    json_set_int(body, "kept", (int64_t)kept);
    json_set_int(body, "handles", state.handles);
    json_set_int(body, "deficit", (int64_t)state.deficit);
    send(worker, body, -1);
}

/* Called by the manager's thread. */
static void tell_emptied(void *context) {
    struct worker *worker = context;
    if (crew_pages(worker->crew) == 0) {
        struct json *body cleanup(json_drop) = json_object_new();
        json_set_string(body, "op", "emptied");
        json_set_int(body, "left", (int64_t)setup_left(&worker->setup));
        send(worker, body, -1);
    }
}

/* Called by the chore's own thread. */
static void tell_chore(void *context, int64_t id, int result, uint64_t bytes) {
    struct worker *worker = context;
    if (result != 0) {
        send_failure(worker, "order_failed", id, result);
        return;
    }
    struct json *answer cleanup(json_drop) = json_object_new();
    json_set_string(answer, "op", "ordered");
    json_set_int(answer, "id", id);
    json_set_int(answer, "bytes", (int64_t)bytes);
    send(worker, answer, -1);
}

static int begin_crew(struct worker *worker, const struct wish *wish) {
    const struct crew_options options = {.manager = worker->setup.manager,
                                         .ledger = worker->setup.ledger,
                                         .threads = wish->threads,
                                         .plan = worker->setup.planned.told,
                                         .quiet = tell_quiet,
                                         .context = worker};
    worker->chores = chores_new(worker->setup.manager, worker->setup.ledger, tell_chore, worker);
    return crew_start(&options, &worker->crew);
}

static int set_up(struct worker *worker, const struct json *body) {
    const char *engine = json_string(body, "engine"), *languages = json_string(body, "languages");
    int64_t threads = json_int(body, "threads", 0), tiles = json_int(body, "tiles", 0);
    if (worker->setup.manager || threads < 1 || threads > MAX_THREADS || tiles < 0 || tiles > PLAN_TILES) {
        return fail(ERR_PROTOCOL, "a second setup, or one with %lld threads and %lld tiles", (long long)threads,
                    (long long)tiles);
    }
    int64_t bytes = json_int(body, "bytes", 0);
    const struct wish wish = {.engine = engine ? engine : "auto",
                              .version = json_string(body, "version"),
                              .languages = languages ? languages : "eng",
                              .threads = (int)threads,
                              .tiles = (int)tiles,
                              .switches = switches_from_json(body),
                              .bytes = bytes > 0 ? (uint64_t)bytes : UNBOUNDED,
                              .model_idle = json_real(body, "model_idle", 60),
                              .residency = json_real(body, "residency", 2),
                              .emptied = tell_emptied,
                              .context = worker};
    worker->setup.account = (int)json_int(body, "account", -1);
    worker->setup.instance = (int)json_int(body, "instance", 0);
    int result = places_find(json_string(body, "models"), &worker->setup.places);
    if (result == 0) {
        result = setup_load(&wish, &worker->setup);
    }
    if (result == 0) {
        result = begin_crew(worker, &wish);
    }
    if (result != 0) {
        return result;
    }
    struct json *ready cleanup(json_drop) = json_object_new();
    json_set_string(ready, "op", "ready");
    json_set_string(ready, "engine", worker->setup.kind->name);
    json_set_string(ready, "engine_version", worker->setup.kind->version(worker->setup.engine));
    json_set_real(ready, "started", clock_seconds(clock_now() - worker->started), 4);
    add_offer(worker, ready);
    add_plan(worker, ready);
    send(worker, ready, -1);
    return 0;
}

/* The books that the front process keeps with us. */
static int take_share(struct worker *worker, const struct json *body, int *fd) {
    const char *what = json_string(body, "what");
    int result = ERR_PROTOCOL;
    if (what && strcmp(what, "ledger") == 0 && !worker->setup.ledger) {
        result = ledger_map(*fd, &worker->setup.ledger);
    } else if (what && strcmp(what, "recorder") == 0 && !worker->setup.recorder) {
        result = recorder_map(*fd, &worker->setup.recorder);
    } else if (what && strcmp(what, "roster") == 0 && !worker->setup.roster) {
        result = roster_map(*fd, &worker->setup.roster);
    } else {
        fail(ERR_PROTOCOL, "%s is shared, for the second time or before its time", what ? what : "nothing");
    }
    if (result == 0) {
        take_fd(fd);
    }
    return result;
}

/* Later wishes */

static void answer_plan(struct worker *worker, const struct json *body) {
    int64_t bytes = json_int(body, "bytes", 0);
    int result = worker->crew && bytes > 0 ? setup_plan(&worker->setup, (uint64_t)bytes)
                                           : fail(ERR_PROTOCOL, "a plan before setup, or for no memory");
    if (result != 0) {
        send_failure(worker, "plan_failed", -1, result);
        return;
    }
    crew_follow(worker->crew, &worker->setup.planned.told);
    struct json *answer cleanup(json_drop) = json_object_new();
    json_set_string(answer, "op", "plan");
    add_plan(worker, answer);
    send(worker, answer, -1);
}

static void answer_relieve(struct worker *worker, const struct json *body) {
    const char *step = json_string(body, "step");
    uint64_t bytes = 0;
    if (worker->crew && step) {
        bytes = strcmp(step, "trim") == 0 ? manager_trim(worker->setup.manager)
                                          : manager_unload_idle(worker->setup.manager);
    }
    struct json *answer cleanup(json_drop) = json_object_new();
    json_set_string(answer, "op", "relieved");
    json_set_string(answer, "step", step);
    json_set_int(answer, "bytes", (int64_t)bytes);
    send(worker, answer, -1);
}

static void answer_order(struct worker *worker, const struct json *body) {
    int64_t id = json_int(body, "id", 0);
    const char *what = json_string(body, "what");
    int result = worker->chores && what
                     ? chores_begin(worker->chores, id, what, json_string(body, "model"), json_int(body, "seconds", 0))
                     : fail(ERR_PROTOCOL, "an order before setup, or for nothing");
    if (result != 0) {
        send_failure(worker, "order_failed", id, result);
    }
}

static void answer_ping(struct worker *worker) {
    struct json *answer cleanup(json_drop) = json_object_new();
    json_set_string(answer, "op", "pong");
    json_set_real(answer, "busy", worker->crew ? crew_busy(worker->crew) : 0, 3);
    send(worker, answer, -1);
}

static int answer_describe(struct worker *worker, const struct json *body) {
    struct places places cleanup(places_done) = {0};
    struct json *description cleanup(json_drop) = NULL;
    int result = places_find(json_string(body, "models"), &places);
    if (result == 0) {
        result = describe(&places, &description);
    }
    return result != 0 ? result : send_value(worker, "description", 0, description);
}

/* What answers for itself; false if op is none of these. */
static bool handle_wish(struct worker *worker, const char *op, const struct json *body, int fd) {
    if (strcmp(op, "read") == 0) {
        int result = start_errand(worker, body, fd);
        if (result != 0) {
            send_failure(worker, "page_failed", json_int(body, "id", 0), result);
        }
    } else if (strcmp(op, "cancel") == 0 && worker->crew) {
        crew_cancel(worker->crew, json_int(body, "id", 0));
    } else if (strcmp(op, "plan") == 0) {
        answer_plan(worker, body);
    } else if (strcmp(op, "relieve") == 0) {
        answer_relieve(worker, body);
    } else if (strcmp(op, "order") == 0) {
        answer_order(worker, body);
    } else if (strcmp(op, "ping") == 0) {
        answer_ping(worker);
    } else {
        return false;
    }
    return true;
}

static void handle(struct worker *worker, const struct json *body, int *fd) {
    const char *op = json_string(body, "op");
    int result;
    if (handle_wish(worker, op, body, *fd)) {
        return;
    }
    if (strcmp(op, "share") == 0) {
        result = take_share(worker, body, fd);
    } else if (strcmp(op, "setup") == 0) {
        result = set_up(worker, body);
    } else if (strcmp(op, "describe") == 0) {
        result = answer_describe(worker, body);
    } else {
        result = fail(ERR_PROTOCOL, "no operation is called %s", op);
    }
    if (result != 0) {
        send_failure(worker, "failed", -1, result);
    }
}

static void leave(struct worker *worker) {
    if (worker->chores) {
        chores_cancel(worker->chores);
    }
    if (worker->crew) {
        crew_stop(worker->crew);
        setup_save(&worker->setup);
    }
    if (worker->chores) {
        chores_drop(&worker->chores);
    }
    setup_done(&worker->setup); /* with the manager's thread, which asks for the crew's pages */
    crew_drop(&worker->crew);
}

int main(void) {
    child_begin();
    heap_own_thread(); /* models are unloaded here, too */
    log_open("octavo-worker", LOG_WARNING);
    setenv("OMP_THREAD_LIMIT", "1", 1); /* for Tesseract, which may be opened when there are threads */
    struct worker worker = {.socket = MESSAGE_CHILD_SOCKET, .started = clock_now()};
    pthread_mutex_init(&worker.sending, NULL);
    for (;;) {
        struct json *body cleanup(json_drop) = NULL;
        int fd cleanup(drop_fd) = -1;
        int result = message_receive(worker.socket, &body, &fd);
        if (result == ERR_CLOSED) {
            break;
        }
        if (result != 0) {
            send_failure(&worker, "failed", -1, result);
            continue;
        }
        handle(&worker, body, &fd);
    }
    leave(&worker);
    return 0;
}
