#include "cli/remote.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/signals.h"
#include "cli/terminal.h"

static const int64_t MILLISECOND = 1000000;

/* Opening */

static const int taken[] = {SIGINT, SIGTERM, SIGHUP};

static const char *setting(const char *flag, const char *variable, const char *preset) {
    const char *text = getenv(variable);
    return flag ? flag : text && *text ? text : preset;
}

static const char *api_key(const struct remote *remote) {
    return setting(remote->options.api_key, "OCTAVO_API_KEY", NULL);
}

static int open_client(struct remote *remote) {
    const struct options *options = &remote->options;
    remote->signal_fd = signals_open(taken, array_length(taken));
    const struct client_options conf = {
        .server = setting(options->server, "OCTAVO_SERVER", "http://127.0.0.1:8080"),
        .api_key = api_key(remote),
        .ca_file = setting(options->ca_file, "OCTAVO_CACERT", NULL),
        .stop = remote->signal_fd,
    };
    return client_open(&conf, &remote->client);
}

bool remote_open(int command, int argc, char **argv, const char *(*wrong)(const struct options *options),
                 struct remote *ret, int *ret_status) {
    *ret = (struct remote){.signal_fd = -1};
    int result = options_parse(command, argc, argv, &ret->options);
    if (result == 0 && ret->options.help) {
        *ret_status = command_help(2, (char *[]){NULL, argv[0]});
        return false;
    }
    const char *text = result == 0 ? wrong(&ret->options) : NULL;
    if (text) {
        *ret_status = command_usage_error(text);
        return false;
    }
    result = result ? result : open_client(ret);
    *ret_status = result ? command_refuse(result) : 0;
    return result == 0;
}

void remote_done(struct remote *remote) {
    client_drop(&remote->client);
    options_done(&remote->options);
    drop_fd(&remote->signal_fd);
}

const char *remote_expect_nothing(const struct options *options) {
    return options->file_count > 0 ? "this command takes no words beside its options" : NULL;
}

const char *remote_expect_ids(const struct options *options) {
    for (int i = 0; i < options->file_count; i++) {
        if (!*options->files[i]) {
            return "an ID must not be empty";
        }
    }
    return options->file_count == 0 ? "an ID is missing" : NULL;
}

const char *remote_expect_id(const struct options *options) {
    return options->file_count > 1 ? "one ID is expected" : remote_expect_ids(options);
}

int remote_get(struct remote *remote, const char *path, const char *id, struct client_answer *ret) {
    const struct client_request request = {.method = "GET", .path = path, .id = id};
    return client_ask(remote->client, &request, ret);
}

/* Failures */

static void note_status(struct remote *remote, int status) {
    remote->status = remote->status == 0 || remote->status == status ? status : 1;
}

/* What to do here, where the server tells it for those who speak HTTP themselves; NULL: what it says. */
static const char *advice_here(int error) {
    switch (error) {
    case ERR_UNAUTHORIZED:
        return "give one with OCTAVO_API_KEY or --api-key; whoever runs the server makes one with `octavo key new`";
    case ERR_NOT_READY:
        return "`octavo wait` waits for the end of the task";
    case ERR_TASK_OVER:
        return "`octavo result` fetches its result, `octavo cancel --delete` removes it";
    default:
        return NULL;
    }
}

/* "TITLE: DETAIL; ADVICE", as of our own errors; a part that is missing, or NULL, is left out. */
static char *problem_text(const struct json *problem, const char *detail, const char *advice, int64_t retry_after) {
    struct buffer text = {0};
    buffer_add_format(&text, "%.500s", describe_text(problem, "title", describe_text(problem, "code", "it failed")));
    if (detail && *detail) {
        buffer_add_format(&text, ": %.500s", detail);
    }
    if (advice && *advice) {
        buffer_add_format(&text, "; %.500s", advice);
    }
    if (retry_after > 0) {
        buffer_add_format(&text, " (%lld s)", (long long)retry_after);
    }
    return buffer_take(&text);
}

/* What the server tells about its refusal. Without a key, its detail would be how HTTP carries one. */
static char *refusal_text(const struct remote *remote, int error) {
    const struct json *problem = client_problem(remote->client);
    const char *advice = advice_here(error), *detail = json_string(problem, "detail");
    bool lacks_key = error == ERR_UNAUTHORIZED && !api_key(remote);
    return problem_text(problem, lacks_key ? NULL : detail, advice ? advice : json_string(problem, "advice"),
                        client_retry_after(remote->client));
}

static void take_signal(struct remote *remote) {
    struct signalfd_siginfo info;
    if (read(remote->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        remote->signal = (int)info.ssi_signo;
    }
}

/* Of a failure that no problem details tell; advice NULL: that of the error. */
static void refuse(struct remote *remote, const char *what, int error, const char *advice) {
    note_status(remote, error_exit_status(error));
    if (error == ERR_INTERRUPTED) {
        take_signal(remote);
    }
    if (!advice) {
        terminal_error(what, 0, error, error_detail());
        return;
    }
    char *text cleanup(drop_memory) = format("%s: %s; %s", error_sentence(error), error_detail(), advice);
    terminal_note(what, 0, text);
}

void remote_refuse_own(struct remote *remote, const char *what, int error) { refuse(remote, what, error, NULL); }

/* What interrupts may come after an answer, whose problem it does not tell. */
void remote_refuse(struct remote *remote, const char *what, int error) {
    if (error == ERR_INTERRUPTED || !client_problem(remote->client)) {
        refuse(remote, what, error, error == ERR_INTERRUPTED ? NULL : client_advice(remote->client));
        return;
    }
    char *text cleanup(drop_memory) = refusal_text(remote, error);
    note_status(remote, error_exit_status(error));
    terminal_note(what, 0, text);
}

void remote_tell_task(struct remote *remote, const struct json *task) {
    const struct json *error = json_at(task, "error");
    const char *state = describe_text(task, "state", "?");
    char *text cleanup(drop_memory) =
        json_is_object(error) ? problem_text(error, json_string(error, "detail"), json_string(error, "advice"), 0)
                              : format("the task is %.40s", state);
    int64_t page = json_int(error, "page", 0);
    note_status(remote, 1);
    terminal_note(describe_text(task, "name", describe_text(task, "id", NULL)),
                  page > 0 && page < INT32_MAX ? (uint32_t)page : 0, text);
}

int remote_print(struct remote *remote, const char *text) {
    int status = command_print(text);
    if (status != 0) {
        note_status(remote, status);
    }
    return status ? ERR_OUTPUT : 0;
}

int remote_print_line(struct remote *remote, const char *line) {
    char *safe cleanup(drop_memory) = terminal_safe(line), *text cleanup(drop_memory) = format("%s\n", safe);
    return remote_print(remote, text);
}

bool remote_is_over(int error) {
    return error == ERR_UNREACHABLE || error == ERR_BAD_ANSWER || error == ERR_INTERRUPTED || error == ERR_OUTPUT;
}

int remote_pause(struct remote *remote, int64_t until) {
    struct pollfd polled = {.fd = remote->signal_fd, .events = POLLIN};
    int64_t left = until - clock_now();
    int ready = poll(&polled, 1, left > 0 ? (int)((left + MILLISECOND - 1) / MILLISECOND) : 0);
    return ready > 0 ? fail(ERR_INTERRUPTED, "%s", "") : 0;
}

int remote_status(const struct remote *remote) {
    return remote->signal ? 128 + remote->signal : remote->status && remote->some_done ? 1 : remote->status;
}
