#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "cli/wait.h"
#include "task/wish.h"

/* What is wanted */

/* Checked as the server would, before anything is sent. */
static int read_wish(const struct options *options, struct wish *wish) {
    const struct {
        const char *word, *value;
    } given[] = {
#define TASK_OPTION(kind, symbol, word, flag, argument, low, high, about) {word, options->task_##symbol},
#include "table/task_options.def"
#undef TASK_OPTION
    };
    int result = 0;
    for (size_t i = 0; i < array_length(given) && result == 0; i++) {
        result = given[i].value ? wish_set(wish, given[i].word, given[i].value) : 0;
    }
    return result;
}

static const char *contradiction(const struct options *options) {
    struct wish wish cleanup(wish_done) = {0};
    for (int i = 0; i < options->file_count; i++) {
        if (strcmp(options->files[i], "-") == 0) {
            return "\"-\": standard input cannot be sent; write it to a FILE, or read it with `octavo ocr -`";
        }
    }
    if (read_wish(options, &wish) != 0) {
        return error_detail();
    }
    if (options->file_count > 1 && (wish.name || wish.key)) {
        return "--name and --key are for one FILE";
    }
    return options->file_count == 0 ? "a FILE is missing" : NULL;
}

static struct json *query_for(const struct options *options, const char *file) {
    struct wish wish cleanup(wish_done) = {0};
    read_wish(options, &wish); /* nothing is wrong with it: see contradiction() */
    wish_take_file_name(&wish, file);
    struct json *query = wish_to_json(&wish);
    if (wish.key) {
        json_set_string(query, "key", wish.key);
    }
    return query;
}

/* Sending */

/* The size of a body is told before it is sent, which only a file has. */
static int open_document(const char *file, struct client_body *ret) {
    struct stat status;
    int fd cleanup(drop_fd) = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return fail(ERR_NO_INPUT, "%s", strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(ERR_NO_INPUT, "%s", S_ISDIR(status.st_mode) ? strerror(EISDIR) : "it is no regular file");
    }
    *ret = (struct client_body){.fd = take_fd(&fd), .bytes = status.st_size};
    return 0;
}

static int send_document(struct remote *remote, const char *file, const struct client_body *body, char **ret_id) {
    struct client_answer answer cleanup(client_answer_done) = {0};
    struct json *query cleanup(json_drop) = query_for(&remote->options, file);
    const struct client_request request = {.method = "POST", .path = "/v1/tasks", .query = query, .body = body};
    int result = client_ask(remote->client, &request, &answer);
    const char *id = json_string(answer.json, "id");
    if (result == 0 && (!id || !*id)) {
        return fail(ERR_BAD_ANSWER, "it does not tell the id of the task");
    }
    if (result == 0) {
        *ret_id = copy_string(id);
    }
    return result;
}

/* A failure is told. */
static int submit(struct remote *remote, const char *file, char **ret_id) {
    struct client_body body = {.fd = -1};
    int result = open_document(file, &body);
    if (result != 0) {
        remote_refuse_own(remote, file, result);
        return result;
    }
    result = send_document(remote, file, &body, ret_id);
    drop_fd(&body.fd);
    if (result != 0) {
        remote_refuse(remote, file, result);
    }
    return result;
}

/* Sends all; ret_ids has room for them, and they are NULL where there is none. */
static int submit_all(struct remote *remote, char **ret_ids) {
    int result = 0, i = 0, count = remote->options.file_count;
    for (; i < count && !remote_is_over(result); i++) {
        result = submit(remote, remote->options.files[i], &ret_ids[i]);
        if (result != 0) {
            continue;
        }
        result = remote_print_line(remote, ret_ids[i]);
        remote->some_done = remote->some_done || !remote->options.wait;
    }
    if (i < count) {
        char *text cleanup(drop_memory) =
            format("%d more file%s not sent", count - i, count - i == 1 ? " was" : "s were");
        terminal_note(NULL, 0, text);
    }
    return result;
}

static void wait_for_all(struct remote *remote, char *const *ids) {
    struct wait wait = {.remote = remote, .reached = true};
    int result = 0;
    for (int i = 0; i < remote->options.file_count && !remote_is_over(result); i++) {
        struct json *task cleanup(json_drop) = NULL;
        if (!ids[i]) {
            continue;
        }
        result = wait_for(&wait, ids[i], &task);
        if (result == 0) {
            wait_take_end(&wait, task);
        } else {
            remote_refuse(remote, ids[i], result);
        }
    }
}

int command_submit(int argc, char **argv) {
    struct remote remote cleanup(remote_done);
    int status;
    if (!remote_open(FOR_SUBMIT, argc, argv, contradiction, &remote, &status)) {
        return status;
    }
    size_t count = (size_t)remote.options.file_count;
    char **ids cleanup(drop_memory) = alloc(count, sizeof(*ids));
    int result = submit_all(&remote, ids);
    if (remote.options.wait && !remote_is_over(result)) {
        wait_for_all(&remote, ids);
    }
    for (size_t i = 0; i < count; i++) {
        free(ids[i]);
    }
    return remote_status(&remote);
}
