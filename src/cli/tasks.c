/* What is known of tasks, and ending them. */
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/remote.h"

/* A member of a task as people read it: "" where it is null. Caller frees. */
static char *member_text(const struct json *task, const char *key) {
    const struct json *value = json_at(task, key);
    const char *text = json_as_string(value);
    double number = json_as_real(value, -1);
    return text ? copy_string(text) : number >= 0 ? format("%.15g", number) : copy_string("");
}

/* "3 of 10"; "" before the document was opened. */
static char *pages_text(const struct json *task) {
    int64_t pages = json_int(task, "pages", 0);
    return pages > 0 ? format("%lld of %lld", (long long)json_int(task, "pages_done", 0), (long long)pages)
                     : copy_string("");
}

/* status */

static void add_member(struct columns *columns, const char *name, const char *text) {
    if (*text) {
        columns_add(columns, (const char *[]){name, text, NULL});
    }
}

static void add_error(struct columns *columns, const struct json *error) {
    const char *detail = describe_text(error, "detail", "");
    char *page cleanup(drop_memory) = member_text(error, "page");
    char *text cleanup(drop_memory) =
        format("%s%s%s%s%s%s; %s", *page ? "page " : "", page, *page ? ": " : "", describe_text(error, "title", "?"),
               *detail ? ": " : "", detail, describe_text(error, "advice", ""));
    add_member(columns, "error", text);
}

static int print_task(struct remote *remote, const struct json *task) {
    static const char *const before[] = {"id", "state", "name", "priority", "position"};
    static const char *const after[] = {"bytes",   "format",  "engine", "seconds",
                                        "created", "started", "ended",  "deadline"};
    struct columns columns cleanup(columns_done) = {0};
    struct buffer text cleanup(buffer_done) = {0};
    for (size_t i = 0; i < array_length(before); i++) {
        char *value cleanup(drop_memory) = member_text(task, before[i]);
        add_member(&columns, before[i], value);
    }
    char *pages cleanup(drop_memory) = pages_text(task);
    add_member(&columns, "pages", pages);
    for (size_t i = 0; i < array_length(after); i++) {
        char *value cleanup(drop_memory) = member_text(task, after[i]);
        add_member(&columns, after[i], value);
    }
    if (json_is_object(json_at(task, "error"))) {
        add_error(&columns, json_at(task, "error"));
    }
    for (const struct json *one = json_first(json_at(task, "warnings")); one; one = json_next(one)) {
        add_member(&columns, "warning", json_as_string(one) ? json_as_string(one) : "?");
    }
    columns_write(&columns, &text);
    return remote_print(remote, text.data ? text.data : "");
}

int command_status(int argc, char **argv) {
    struct remote remote cleanup(remote_done);
    struct client_answer answer cleanup(client_answer_done) = {0};
    int status;
    if (!remote_open(FOR_STATUS, argc, argv, remote_expect_id, &remote, &status)) {
        return status;
    }
    const char *id = remote.options.files[0];
    int result = remote_get(&remote, "/v1/tasks/{id}", id, &answer);
    if (result != 0) {
        remote_refuse(&remote, id, result);
    } else if (remote.options.json) {
        char *text cleanup(drop_memory) = json_text(answer.json, true),
                   *lines cleanup(drop_memory) = format("%s\n", text);
        remote_print(&remote, lines);
    } else {
        print_task(&remote, answer.json);
    }
    return remote_status(&remote);
}

/* cancel, which removes, too */

static int cancel(struct remote *remote, const char *id) {
    static const struct client_request cancelling = {.method = "POST", .path = "/v1/tasks/{id}/cancel"};
    static const struct client_request removing = {.method = "DELETE", .path = "/v1/tasks/{id}", .is_text = true};
    struct client_answer answer cleanup(client_answer_done) = {0};
    struct client_request request = remote->options.remove ? removing : cancelling;
    request.id = id;
    int result = client_ask(remote->client, &request, &answer);
    if (result != 0) {
        remote_refuse(remote, id, result);
        return result;
    }
    remote->some_done = true;
    const char *state = remote->options.remove ? "deleted" : describe_text(answer.json, "state", "?");
    char *line cleanup(drop_memory) = format("%s %s", id, state);
    return remote_print_line(remote, line);
}

int command_cancel(int argc, char **argv) {
    struct remote remote cleanup(remote_done);
    int status, result = 0;
    if (!remote_open(FOR_CANCEL, argc, argv, remote_expect_ids, &remote, &status)) {
        return status;
    }
    for (int i = 0; i < remote.options.file_count && !remote_is_over(result); i++) {
        result = cancel(&remote, remote.options.files[i]);
    }
    return remote_status(&remote);
}

/* list */

enum { ROWS_AT_ONCE = 200, MOST_PIECES = 10000 /* of a list: more than a server keeps */ };

struct list {
    struct remote *remote;
    struct columns columns;
    struct buffer json; /* the members of an array */
    char *cursor;       /* of the next piece; NULL: none is left */
};

static void add_row(struct list *list, const struct json *task) {
    char *pages cleanup(drop_memory) = pages_text(task);
    columns_add(&list->columns,
                (const char *[]){describe_text(task, "id", "?"), describe_text(task, "state", "?"), pages,
                                 describe_text(task, "created", ""), describe_text(task, "name", ""), NULL});
}

static void add_json(struct list *list, const struct json *task) {
    char *text cleanup(drop_memory) = json_text(task, false);
    buffer_add_format(&list->json, "%s\n%s", list->json.length > 0 ? "," : "", text);
}

static int add_piece(struct list *list) {
    const struct options *options = &list->remote->options;
    struct client_answer answer cleanup(client_answer_done) = {0};
    struct json *query cleanup(json_drop) = json_object_new();
    json_set_int(query, "limit", ROWS_AT_ONCE);
    if (options->states) {
        json_set_string(query, "state", options->states);
    }
    if (list->cursor) {
        json_set_string(query, "cursor", list->cursor);
    }
    const struct client_request request = {.method = "GET", .path = "/v1/tasks", .query = query};
    int result = client_ask(list->remote->client, &request, &answer);
    if (result != 0) {
        return result;
    }
    const struct json *tasks = json_at(answer.json, "tasks");
    if (!tasks) {
        return fail(ERR_BAD_ANSWER, "its list has no tasks");
    }
    if (!json_first(tasks) && json_string(answer.json, "next")) {
        return fail(ERR_BAD_ANSWER, "its list has no end");
    }
    for (const struct json *one = json_first(tasks); one; one = json_next(one)) {
        if (options->json) {
            add_json(list, one);
        } else {
            add_row(list, one);
        }
    }
    free(list->cursor);
    list->cursor = copy_string(json_string(answer.json, "next"));
    return 0;
}

static int read_list(struct list *list) {
    int result = add_piece(list);
    for (int pieces = 1; result == 0 && list->cursor; pieces++) {
        result = pieces < MOST_PIECES ? add_piece(list) : fail(ERR_BAD_ANSWER, "its list has no end");
    }
    return result;
}

static void print_list(struct list *list) {
    struct buffer text cleanup(buffer_done) = {0};
    if (list->remote->options.json) {
        buffer_add_format(&text, "[%s\n]\n", list->json.data ? list->json.data : "");
    } else {
        columns_write(&list->columns, &text);
    }
    remote_print(list->remote, text.data);
}

int command_list(int argc, char **argv) {
    struct remote remote cleanup(remote_done);
    int status;
    if (!remote_open(FOR_LIST, argc, argv, remote_expect_nothing, &remote, &status)) {
        return status;
    }
    struct list list = {.remote = &remote};
    columns_add(&list.columns, (const char *[]){"ID", "STATE", "PAGES", "CREATED", "NAME", NULL});
    int result = read_list(&list);
    if (result == 0) {
        print_list(&list);
    } else {
        remote_refuse(&remote, NULL, result);
    }
    columns_done(&list.columns);
    buffer_done(&list.json);
    free(list.cursor);
    return remote_status(&remote);
}
