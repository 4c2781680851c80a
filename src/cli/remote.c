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

static int open_client(struct remote *remote) {
    const struct options *options = &remote->options;
    remote->signal_fd = signals_open(taken, array_length(taken));
    const struct client_options conf = {
        .server = setting(options->server, "OCTAVO_SERVER", "http://127.0.0.1:8080"),
        .api_key = setting(options->api_key, "OCTAVO_API_KEY", NULL),
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

/* "TITLE: DETAIL; ADVICE", as of our own errors; a member that is missing is left out. */
static char *problem_text(const struct json *problem, int64_t retry_after) {
    const char *detail = describe_text(problem, "detail", ""), *advice = describe_text(problem, "advice", "");
    struct buffer text = {0};
    buffer_add_format(&text, "%.500s", describe_text(problem, "title", describe_text(problem, "code", "it failed")));
    buffer_add_format(&text, "%s%.500s", *detail ? ": " : "", detail);
    buffer_add_format(&text, "%s%.500s", *advice ? "; " : "", advice);
    if (retry_after > 0) {
        buffer_add_format(&text, " (%lld s)", (long long)retry_after);
    }
    return buffer_take(&text);
}

static void take_signal(struct remote *remote) {
    struct signalfd_siginfo info;
    if (read(remote->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        remote->signal = (int)info.ssi_signo;
    }
}

void remote_refuse_own(struct remote *remote, const char *what, int error) {
    note_status(remote, error_exit_status(error));
    if (error == ERR_INTERRUPTED) {
        take_signal(remote);
    }
    terminal_error(what, 0, error, error_detail());
}

/* What interrupts may come after an answer, whose problem it does not tell. */
void remote_refuse(struct remote *remote, const char *what, int error) {
    const struct json *problem = error == ERR_INTERRUPTED ? NULL : client_problem(remote->client);
    if (!problem) {
        remote_refuse_own(remote, what, error);
        return;
    }
    note_status(remote, error_exit_status(error));
    char *text cleanup(drop_memory) = problem_text(problem, client_retry_after(remote->client));
    terminal_note(what, 0, text);
}

void remote_tell_task(struct remote *remote, const struct json *task) {
    const struct json *error = json_at(task, "error");
    const char *state = describe_text(task, "state", "?");
    char *text cleanup(drop_memory) =
        json_is_object(error) ? problem_text(error, 0) : format("the task is %.40s", state);
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
