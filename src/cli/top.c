/* How a server stands: once as tables, or on a terminal again and again. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "store/store.h"

static const int64_t SECOND = 1000000000;

/* What the server tells; models where it has such an address. */
struct view {
    struct client_answer memory, pool, models, metrics;
};

static void view_done(struct view *view) {
    client_answer_done(&view->memory);
    client_answer_done(&view->pool);
    client_answer_done(&view->models);
    client_answer_done(&view->metrics);
}

static int read_view(struct remote *remote, struct view *ret) {
    const struct client_request metrics = {.method = "GET", .path = "/metrics", .is_text = true};
    int result = remote_get(remote, "/v1/memory", NULL, &ret->memory);
    result = result ? result : remote_get(remote, "/v1/pool", NULL, &ret->pool);
    result = result ? result : client_ask(remote->client, &metrics, &ret->metrics);
    if (result == 0) {
        result = remote_get(remote, "/v1/models", NULL, &ret->models);
        result = result == ERR_NOT_FOUND ? 0 : result;
    }
    return result;
}

/* Tables */

static char *megabytes(const struct json *object, const char *key) {
    double bytes = json_real(object, key, -1);
    return bytes < 0 ? copy_string("-") : format("%.1f MB", bytes / 1e6);
}

static char *count_text(const struct json *object, const char *key) {
    double number = json_real(object, key, -1);
    return number < 0 ? copy_string("-") : format("%.0f", number);
}

static void add_memory(const struct json *memory, struct buffer *text) {
    const struct json *ledger = json_at(memory, "ledger"), *now = json_at(memory, "now");
    const struct json *pressure = json_at(memory, "pressure");
    char *budget cleanup(drop_memory) = megabytes(ledger, "budget");
    char *charged cleanup(drop_memory) = megabytes(ledger, "charged");
    char *peak cleanup(drop_memory) = megabytes(ledger, "peak");
    char *all cleanup(drop_memory) = megabytes(now, "all"), *server cleanup(drop_memory) = megabytes(now, "server");
    char *worker cleanup(drop_memory) = megabytes(now, "worker");
    char *rasters cleanup(drop_memory) = megabytes(now, "rasters");
    struct columns columns cleanup(columns_done) = {0};
    columns_add(&columns, (const char *[]){"BUDGET", "CHARGED", "PEAK", "PRESSURE", NULL});
    columns_add(&columns, (const char *[]){budget, charged, peak, describe_text(pressure, "level", "-"), NULL});
    buffer_add_string(text, "memory\n");
    columns_write(&columns, text);
    columns_done(&columns);
    columns_add(&columns, (const char *[]){"IN USE", "SERVER", "WORKER", "RASTERS", NULL});
    columns_add(&columns, (const char *[]){all, server, worker, rasters, NULL});
    columns_write(&columns, text);
}

static void add_instances(const struct json *pool, struct buffer *text) {
    struct columns columns cleanup(columns_done) = {0};
    columns_add(&columns, (const char *[]){"INSTANCE", "DEVICE", "WORKER", "ENGINE", "PLACES HELD", "PAGES IN HAND",
                                           "DEATHS", NULL});
    const struct json *instances = json_at(pool, "instances");
    for (const struct json *each = json_first(instances); each; each = json_next(each)) {
        char *number cleanup(drop_memory) = count_text(each, "instance");
        char *held cleanup(drop_memory) = count_text(each, "held"),
                   *places cleanup(drop_memory) = count_text(each, "places");
        char *both cleanup(drop_memory) = format("%s of %s", held, places);
        char *pages cleanup(drop_memory) = count_text(each, "pages_in_hand");
        char *deaths cleanup(drop_memory) = count_text(each, "deaths");
        columns_add(&columns,
                    (const char *[]){number, describe_text(each, "device", "-"), describe_text(each, "state", "-"),
                                     describe_text(each, "engine", "-"), both, pages, deaths, NULL});
    }
    columns_write(&columns, text);
}

static void add_pool(const struct json *pool, struct buffer *text) {
    const struct json *leases = json_at(pool, "leases");
    char *held cleanup(drop_memory) = count_text(leases, "held"),
               *limit cleanup(drop_memory) = count_text(leases, "limit");
    char *both cleanup(drop_memory) = format("%s of %s", held, limit);
    char *waiting cleanup(drop_memory) = count_text(leases, "waiting");
    struct columns columns cleanup(columns_done) = {0};
    columns_add(&columns, (const char *[]){"DOCUMENTS", "WAITING", NULL});
    columns_add(&columns, (const char *[]){both, waiting, NULL});
    buffer_add_string(text, "pool\n");
    columns_write(&columns, text);
    add_instances(pool, text);
}

/* The figure of a line of metrics that begins with name; NULL if there is none. Caller frees. */
static char *metric_text(const struct buffer *metrics, const char *name) {
    size_t length = strlen(name);
    for (const char *line = metrics->data; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            return copy_bytes(line + length + 1, strcspn(line + length + 1, " \n"));
        }
    }
    return NULL;
}

static void add_state(struct columns *columns, const char *name, const char *number) {
    columns_add(columns, (const char *[]){name, number ? number : "-", NULL});
}

/* Those that live now, and those that have ended since the server was started. */
static void add_tasks(const struct view *view, struct buffer *text) {
    const struct json *queue = json_at(view->pool.json, "queue");
    struct columns columns cleanup(columns_done) = {0};
    char *bytes cleanup(drop_memory) = megabytes(queue, "bytes");
    for (int i = 0; i < TASK_STATE_COUNT; i++) {
        const char *word = task_state_word((enum task_state)i);
        char *name cleanup(drop_memory) = format("octavo_tasks_ended_total{state=\"%s\"}", word);
        char *number cleanup(drop_memory) =
            task_state_is_over((enum task_state)i) ? metric_text(&view->metrics.text, name) : count_text(queue, word);
        add_state(&columns, word, number);
    }
    add_state(&columns, "documents", bytes);
    buffer_add_string(text, "tasks\n");
    columns_write(&columns, text);
}

static void add_models(const struct json *list, struct buffer *text) {
    struct columns columns cleanup(columns_done) = {0};
    columns_add(&columns, (const char *[]){"MODEL", "INSTANCE", "DEVICE", "STATE", "MEMORY", "USERS", "LOADS", NULL});
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        char *memory cleanup(drop_memory) = megabytes(one, "charged");
        char *users cleanup(drop_memory) = count_text(one, "users"),
                    *loads cleanup(drop_memory) = count_text(one, "loads"),
                    *number cleanup(drop_memory) = count_text(one, "instance");
        columns_add(&columns, (const char *[]){describe_text(one, "id", "?"), number, describe_text(one, "device", "-"),
                                               describe_text(one, "state", "-"), memory, users, loads, NULL});
    }
    buffer_add_string(text, "models\n");
    columns_write(&columns, text);
}

/* Adds all tables. */
static int add_view(struct remote *remote, struct buffer *text) {
    struct view view cleanup(view_done) = {0};
    int result = read_view(remote, &view);
    if (result != 0) {
        return result;
    }
    add_memory(view.memory.json, text);
    add_pool(view.pool.json, text);
    add_tasks(&view, text);
    if (json_first(json_at(view.models.json, "models"))) {
        add_models(json_at(view.models.json, "models"), text);
    }
    return 0;
}

/* On a terminal */

/* A screen of our own, without a cursor, with long lines cut: what was there comes back. */
#define OTHER_SCREEN "\033[?1049h\033[?25l\033[?7l"
#define FIRST_SCREEN "\033[?7h\033[?25h\033[?1049l"
#define FROM_TOP "\033[H"
#define TO_END_OF_LINE "\033[K"
#define TO_END_OF_SCREEN "\033[J"

/* Draws over what stands there, so that nothing flickers; as many lines as there is room for. */
static int draw(struct remote *remote, const struct buffer *text) {
    struct buffer screen cleanup(buffer_done) = {0};
    unsigned room = terminal_height() - 1;
    buffer_add_string(&screen, FROM_TOP);
    for (const char *line = text->data; *line && room > 0; room--) {
        size_t length = strcspn(line, "\n");
        buffer_add_format(&screen, "%.*s" TO_END_OF_LINE "\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    buffer_add_string(&screen, "q ends it" TO_END_OF_LINE TO_END_OF_SCREEN);
    return remote_print(remote, screen.data);
}

/* Waits for a second, a key, or a signal: ERR_INTERRUPTED. True: q was pressed, or nobody can press it any more. */
static int wait_for_key(struct remote *remote, bool *ret_ends) {
    struct pollfd polled[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = remote->signal_fd, .events = POLLIN}};
    int64_t until = clock_now() + SECOND;
    for (int64_t left = SECOND; left > 0; left = until - clock_now()) {
        if (poll(polled, array_length(polled), (int)(left / 1000000) + 1) <= 0) {
            continue;
        }
        if (polled[1].revents) {
            return fail(ERR_INTERRUPTED, "%s", "");
        }
        char key = 'q';
        bool read_one = read(STDIN_FILENO, &key, 1) == 1;
        *ret_ends = !read_one || key == 'q';
        if (*ret_ends) {
            return 0;
        }
    }
    return 0;
}

/* A server that does not answer now is waited for: people look at this while they start it again. */
static int watch(struct remote *remote) {
    bool ends = false;
    int result = 0;
    for (bool first = true; result == 0 && !ends; first = false) {
        struct buffer text cleanup(buffer_done) = {0};
        result = add_view(remote, &text);
        if (result == ERR_UNREACHABLE && !first) {
            char *safe cleanup(drop_memory) = terminal_safe(error_detail());
            buffer_add_format(&text, "%s: %s\n", error_sentence(result), safe);
            result = 0;
        }
        result = result ? result : draw(remote, &text);
        result = result ? result : wait_for_key(remote, &ends);
    }
    return result;
}

static int watch_on_terminal(struct remote *remote) {
    struct termios before, raw;
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return fail(ERR_INTERNAL, "the terminal cannot be set up");
    }
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    int result = remote_print(remote, OTHER_SCREEN);
    result = result ? result : watch(remote);
    char *detail cleanup(drop_memory) = copy_string(error_detail());
    remote_print(remote, FIRST_SCREEN);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return result ? fail(result, "%s", detail) : 0;
}

static int print_once(struct remote *remote) {
    struct buffer text cleanup(buffer_done) = {0};
    int result = add_view(remote, &text);
    return result ? result : remote_print(remote, text.data);
}

int command_top(int argc, char **argv) {
    struct remote remote cleanup(remote_done);
    int status;
    if (!remote_open(FOR_TOP, argc, argv, remote_expect_nothing, &remote, &status)) {
        return status;
    }
    bool live = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    int result = live ? watch_on_terminal(&remote) : print_once(&remote);
    bool ended = live && result == ERR_INTERRUPTED; /* the usual way */
    if (result != 0 && result != ERR_OUTPUT && !ended) {
        remote_refuse(&remote, NULL, result);
    }
    return remote_status(&remote);
}
