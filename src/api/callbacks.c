#include "api/callbacks.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/posts.h"

enum { AT_ONCE = 8, LOOKED_AT = 2 * AT_ONCE, LEAST_SECRET = 16, MOST_SECRET = 1024 };

struct callbacks {
    struct api *api;
    struct callbacks_conf conf;
    char *secret; /* of conf */
    struct posts *posts;
    char sending[AT_ONCE][ID_BYTES]; /* tasks; "": a free place */
};

/* The secret */

/* Whoever can read it can sign. */
static int read_file(const char *path, char **ret, size_t *ret_length) {
    struct stat status;
    int fd cleanup(drop_fd) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return fail(ERR_CONFIG, "callback.secret: %s: %s", path, strerror(errno));
    }
    if (status.st_mode & (S_IWGRP | S_IRWXO)) {
        return fail(ERR_CONFIG, "callback.secret: %s can be read or written by others: chmod 600 it", path);
    }
    int result = file_read(fd, MOST_SECRET + 2, ret, ret_length);
    return result ? fail(ERR_CONFIG, "callback.secret: %s: %s", path, error_detail()) : 0;
}

int callbacks_read_secret(const char *path, char **ret) {
    char *text cleanup(drop_memory) = NULL;
    size_t length = 0;
    int result = read_file(path, &text, &length);
    if (result != 0) {
        return result;
    }
    size_t line = text ? strcspn(text, "\r\n") : 0;
    if (line < LEAST_SECRET || line > MOST_SECRET || line + strspn(text + line, "\r\n") != length) {
        return fail(ERR_CONFIG, "callback.secret: %s: a line of %d to %d bytes is expected", path, LEAST_SECRET,
                    MOST_SECRET);
    }
    text[line] = '\0';
    *ret = take(text);
    return 0;
}

/* Attempts */

static char *place_of(struct callbacks *callbacks, const char *id) {
    for (int i = 0; i < AT_ONCE; i++) {
        if (strcmp(callbacks->sending[i], id) == 0) {
            return callbacks->sending[i];
        }
    }
    return NULL;
}

static void tell_outcome(const char *id, enum callback_outcome outcome, const char *trouble) {
    if (outcome == CALLBACK_GIVEN_UP) {
        log_line(LOG_WARNING, "task %s: its callback is given up: %s", id, trouble);
    } else if (outcome == CALLBACK_RETRIED) {
        log_line(LOG_INFO, "task %s: its callback is tried again later: %s", id, trouble);
    }
}

static bool is_idle(const struct callbacks *callbacks) {
    bool idle = true;
    for (int i = 0; i < AT_ONCE; i++) {
        idle = idle && !*callbacks->sending[i];
    }
    return idle;
}

static void over(void *context, void *owner, const char *trouble) {
    struct callbacks *callbacks = context;
    char *place = owner, id[ID_BYTES];
    enum callback_outcome outcome;
    memcpy(id, place, sizeof(id));
    *place = '\0';
    int result = tasks_callback_tried(callbacks->api->tasks, id, trouble, &outcome);
    if (result == 0) {
        tell_outcome(id, outcome, trouble);
    } else if (result != ERR_NOT_FOUND) { /* somebody has deleted it: nobody wants to know any more */
        log_line(LOG_WARNING, "task %s: its callback may be sent once more: %s: %s", id, error_sentence(result),
                 error_detail());
    }
    if (is_idle(callbacks)) {
        malloc_trim(0); /* each handshake has all certificates of this machine in memory: some MB */
    }
}

static char *body_of(struct api *api, const struct task_row *row, const char *event, const char *delivery) {
    struct json *json cleanup(json_drop) = json_object_new();
    json_set_string(json, "event", event);
    json_set_string(json, "delivery", delivery);
    json_set(json, "task", api_task_to_json(api, row));
    return json_text(json, false);
}

/* The time is signed too, so that nobody can send it again much later. */
static char *signature_of(const char *secret, const char *body) {
    char hmac[DIGEST_BYTES];
    long long seconds = clock_wall() / 1000;
    char *message cleanup(drop_memory) = format("%lld.%s", seconds, body);
    digest_hmac(secret, strlen(secret), message, strlen(message), hmac);
    return format("Octavo-Signature: t=%lld,v1=%s", seconds, hmac);
}

static void send_callback(struct callbacks *callbacks, const struct task_row *row, char *place) {
    const char *event = task_state_word(row->state);
    char *delivery cleanup(drop_memory) = format("%s.%s", row->id, event);
    char *text cleanup(drop_memory) = body_of(callbacks->api, row, event, delivery);
    char *signature cleanup(drop_memory) = signature_of(callbacks->secret, text);
    char *event_header cleanup(drop_memory) = format("Octavo-Event: %s", event);
    char *delivery_header cleanup(drop_memory) = format("Octavo-Delivery: %s", delivery);
    char *attempt cleanup(drop_memory) = format("Octavo-Attempt: %lld", (long long)row->callback_attempts + 1);
    const char *const headers[] = {signature, event_header, delivery_header, attempt, NULL};
    struct buffer body = {0};
    buffer_add_string(&body, text);
    const struct post post = {.url = row->callback,
                              .headers = headers,
                              .body = &body,
                              .seconds = callbacks->conf.seconds,
                              .private_too = callbacks->conf.private_too,
                              .owner = place};
    memcpy(place, row->id, ID_BYTES);
    posts_begin(callbacks->posts, &post);
}

/* One that is on its way is still due: the store hears of it when that is over. */
static bool begin(void *context, const struct task_row *row) {
    struct callbacks *callbacks = context;
    char *place = place_of(callbacks, "");
    if (place && !place_of(callbacks, row->id)) {
        send_callback(callbacks, row, place);
    }
    return place != NULL;
}

void callbacks_step(struct callbacks *callbacks, int64_t now) {
    struct tasks *tasks = callbacks->api->tasks;
    if (!callbacks->secret || now < tasks_callback_until(tasks)) {
        return;
    }
    int result = tasks_due_callbacks(tasks, now, LOOKED_AT, begin, callbacks);
    if (result != 0) {
        log_line(LOG_WARNING, "callbacks wait: %s: %s", error_sentence(result), error_detail());
    }
}

int callbacks_descriptor(const struct callbacks *callbacks) { return posts_descriptor(callbacks->posts); }

void callbacks_take(struct callbacks *callbacks, int64_t now) { posts_take(callbacks->posts, now); }

int64_t callbacks_until(const struct callbacks *callbacks) {
    int64_t due = callbacks->secret ? tasks_callback_until(callbacks->api->tasks) : INT64_MAX;
    int64_t posts = posts_until(callbacks->posts);
    return due < posts ? due : posts;
}

/* Taking */

int callbacks_check(const struct callbacks *callbacks, const char *url) {
    if (!callbacks->secret) {
        return fail(ERR_BAD_REQUEST,
                    "callback: this server sends none, for it has no callback.secret to sign them with");
    }
    int result = posts_check(url, callbacks->conf.private_too);
    char *detail cleanup(drop_memory) = copy_string(error_detail());
    return result ? fail(result, "callback: %s", detail) : 0;
}

void callbacks_follow(struct callbacks *callbacks, const struct callbacks_conf *conf) {
    free(callbacks->secret);
    callbacks->secret = copy_string(conf->secret);
    callbacks->conf = *conf;
    callbacks->conf.secret = callbacks->secret;
}

int callbacks_open(struct api *api, const struct callbacks_conf *conf, struct callbacks **ret) {
    struct callbacks *callbacks cleanup(callbacks_drop) = alloc(1, sizeof(*callbacks));
    callbacks->api = api;
    callbacks_follow(callbacks, conf);
    int result = posts_open(over, callbacks, &callbacks->posts);
    if (result == 0) {
        api->callbacks = callbacks;
        *ret = take(callbacks);
    }
    return result;
}

void callbacks_drop(struct callbacks **callbacks) {
    if (*callbacks) {
        posts_drop(&(*callbacks)->posts);
        free((*callbacks)->secret);
        free(*callbacks);
    }
    *callbacks = NULL;
}
