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
#include "process/child.h"
#include "process/message.h"
#include "worker/crew.h"
#include "worker/describe.h"
#include "worker/setup.h"

#define MAX_THREADS 256

struct worker {
    int socket;
    int64_t started;
    pthread_mutex_t sending; /* one message at a time on the socket */
    struct setup setup;
    struct crew *crew; /* NULL until set up */
};

/* A page in hand: its place in the crew, the mapping behind its pixels and whom to answer. */
struct errand {
    struct crew_page page; /* first, so that done() finds the rest */
    struct worker *worker;
    int64_t id;
    const void *bytes;
    size_t length;
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
        struct json *json cleanup(json_drop) = page_to_json(page);
        page_done(page);
        result = send_value(errand->worker, "page", errand->id, json);
    }
    if (result != 0) {
        send_failure(errand->worker, "page_failed", errand->id, result);
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
    *errand = (struct errand){.worker = worker, .id = json_int(body, "id", 0), .bytes = bytes, .length = length};
    errand->page = (struct crew_page){.image = {.pixels = bytes,
                                                .width = bitmap.width,
                                                .height = bitmap.height,
                                                .channels = bitmap.channels,
                                                .stride = (size_t)bitmap.width * bitmap.channels},
                                      .number = (uint32_t)json_int(body, "page", 0),
                                      .dpi = bitmap.dpi,
                                      .done = errand_done};
    if (length != expected) {
        result = fail(ERR_PROTOCOL, "a bitmap of %zu bytes instead of %zu", length, expected);
        munmap((void *)(uintptr_t)bytes, length);
        free(errand);
        return result;
    }
    crew_read(worker->crew, &errand->page);
    return 0;
}

static int set_up(struct worker *worker, const struct json *body) {
    const char *engine = json_string(body, "engine");
    int64_t threads = json_int(body, "threads", 0);
    if (worker->crew || threads < 1 || threads > MAX_THREADS) {
        return fail(ERR_PROTOCOL, "a second setup, or one with %lld threads", (long long)threads);
    }
    const struct wish wish = {
        .engine = engine ? engine : "auto", .version = json_string(body, "version"), .threads = (int)threads};
    int result = places_find(json_string(body, "models"), &worker->setup.places);
    if (result == 0) {
        result = setup_load(&wish, &worker->setup);
    }
    if (result == 0) {
        result = crew_start(&worker->setup.models, (int)threads, &worker->crew);
    }
    if (result != 0) {
        return result;
    }
    struct json *ready cleanup(json_drop) = json_object_new();
    json_set_string(ready, "op", "ready");
    json_set_string(ready, "engine", worker->setup.kind->name);
    json_set_string(ready, "engine_version", worker->setup.kind->version(worker->setup.engine));
    json_set_real(ready, "started", clock_seconds(clock_now() - worker->started), 4);
    send(worker, ready, -1);
    return 0;
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

static void handle(struct worker *worker, const struct json *body, int fd) {
    const char *op = json_string(body, "op");
    int result;
    if (strcmp(op, "read") == 0) {
        result = start_errand(worker, body, fd);
        if (result != 0) {
            send_failure(worker, "page_failed", json_int(body, "id", 0), result);
        }
        return;
    }
    if (strcmp(op, "setup") == 0) {
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

int main(void) {
    child_begin();
    log_open("octavo-worker", LOG_WARNING);
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
        handle(&worker, body, fd);
    }
    if (worker.crew) {
        crew_stop(worker.crew);
    }
    setup_done(&worker.setup);
    return 0;
}
