#include "cli/wait.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/terminal.h"
#include "pool/backoff.h"
#include "store/store.h"

static const int64_t SECOND = 1000000000;
enum { ASK_SECONDS = 60, LONGEST_PAUSE = 5 };

/* The first time without waiting: a server that is lost later was there. */
static int ask(struct wait *wait, const char *id, struct json **ret) {
    struct client_answer answer cleanup(client_answer_done) = {0};
    struct json *query cleanup(json_drop) = json_object_new();
    json_set_int(query, "wait", wait->reached ? ASK_SECONDS : 0);
    const struct client_request request = {
        .method = "GET", .path = "/v1/tasks/{id}", .id = id, .query = query, .patience = 2L * ASK_SECONDS};
    int result = client_ask(wait->remote->client, &request, &answer);
    if (result == 0 && !json_string(answer.json, "state")) {
        return fail(ERR_BAD_ANSWER, "it does not tell the state of the task");
    }
    if (result == 0) {
        *ret = take(answer.json);
    }
    return result;
}

static bool is_over(const struct json *task) {
    const char *state = json_string(task, "state");
    return strcmp(state, task_state_word(TASK_QUEUED)) != 0 && strcmp(state, task_state_word(TASK_RUNNING)) != 0;
}

static bool may_pass(int error) { return error == ERR_UNREACHABLE || error_http_status(error) == 503; }

/* After a failure: waits for the next try, or gives up with that failure. */
static int pause_or_give_up(struct wait *wait, int error, struct backoff *backoff) {
    int64_t now = clock_now(), seconds = wait->remote->options.retry;
    bool first = wait->lost == 0;
    wait->lost = first ? now : wait->lost;
    if (!may_pass(error) || !wait->reached || now - wait->lost >= seconds * SECOND) {
        return error;
    }
    if (first) {
        char *text cleanup(drop_memory) =
            format("%s: %s; it is tried again for %lld s", error_sentence(error), error_detail(), (long long)seconds);
        terminal_note(NULL, 0, text);
    }
    int64_t next = backoff_next(backoff, 0, now), latest = now + LONGEST_PAUSE * SECOND;
    return remote_pause(wait->remote, next < latest ? next : latest);
}

int wait_for(struct wait *wait, const char *id, struct json **ret) {
    struct backoff backoff = {0};
    for (;;) {
        struct json *task cleanup(json_drop) = NULL;
        int64_t next = wait->reached ? clock_now() + SECOND : 0;
        int result = ask(wait, id, &task);
        if (result == 0) {
            wait->reached = true;
            wait->lost = 0;
            backoff_forgive(&backoff);
        }
        if (result == 0 && is_over(task)) {
            *ret = take(task);
            return 0;
        }
        /* A server that is about to end answers at once. */
        result = result ? pause_or_give_up(wait, result, &backoff) : remote_pause(wait->remote, next);
        if (result != 0) {
            return result;
        }
    }
}

static void tell_warnings(const struct json *task) {
    const char *name = describe_text(task, "name", describe_text(task, "id", NULL));
    for (const struct json *one = json_first(json_at(task, "warnings")); one; one = json_next(one)) {
        char *text cleanup(drop_memory) = format("%.500s", json_as_string(one) ? json_as_string(one) : "?");
        terminal_note(name, 0, text);
    }
}

void wait_take_end(struct wait *wait, const struct json *task) {
    tell_warnings(task);
    if (strcmp(json_string(task, "state"), task_state_word(TASK_DONE)) == 0) {
        wait->remote->some_done = true;
    } else {
        remote_tell_task(wait->remote, task);
    }
}

int command_wait(int argc, char **argv) {
    struct remote remote cleanup(remote_done);
    int status;
    if (!remote_open(FOR_WAIT, argc, argv, remote_expect_ids, &remote, &status)) {
        return status;
    }
    struct wait wait = {.remote = &remote};
    int result = 0;
    for (int i = 0; i < remote.options.file_count && !remote_is_over(result); i++) {
        struct json *task cleanup(json_drop) = NULL;
        const char *id = remote.options.files[i];
        result = wait_for(&wait, id, &task);
        if (result != 0) {
            remote_refuse(&remote, id, result);
            continue;
        }
        wait_take_end(&wait, task);
        char *line cleanup(drop_memory) = format("%s %s", id, json_string(task, "state"));
        result = remote_print_line(&remote, line);
    }
    return remote_status(&remote);
}
