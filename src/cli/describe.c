#include "cli/describe.h"

#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/columns.h"
#include "cli/command.h"
#include "process/message.h"

enum { DESCRIPTION_LIMIT = 16 << 20 };

static int parse_memory(int fd, struct json **ret) {
    const void *bytes;
    size_t length;
    int result = file_memory_map(fd, DESCRIPTION_LIMIT, &bytes, &length);
    if (result == 0) {
        result = json_parse(bytes, length, ret);
        munmap((void *)(uintptr_t)bytes, length);
    }
    return result;
}

/*
 * Sends op and waits for the answer whose op is wanted; a "failed" is passed on. An end of the worker is told by its
 * obituary.
 */
static int ask(struct child *worker, const struct options *options, const char *op, const char *wanted,
               struct json **ret_body, int *ret_fd) {
    struct json *question cleanup(json_drop) = json_object_new();
    json_set_string(question, "op", op);
    json_set_string(question, "engine", options->engine);
    json_set_string(question, "models", options->models);
    json_set_string(question, "languages", options->lang);
    json_set_int(question, "threads", 1);
    message_post(worker->socket, question, -1);
    struct json *body cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = message_receive(worker->socket, &body, &fd);
    if (result == ERR_CLOSED) {
        struct obituary obituary;
        child_end(worker, &obituary);
        char *text cleanup(drop_memory) = obituary_text("octavo-worker", &obituary);
        return fail(ERR_WORKER_CRASHED, "%s", text);
    }
    if (result == 0 && strcmp(json_string(body, "op"), "failed") == 0) {
        const char *detail = json_string(body, "detail");
        return fail(error_from_word(json_string(body, "error")), "%s", detail ? detail : "");
    }
    if (result == 0 && strcmp(json_string(body, "op"), wanted) != 0) {
        return fail(ERR_PROTOCOL, "octavo-worker sent \"%s\"", json_string(body, "op"));
    }
    if (result == 0) {
        *ret_body = take(body);
        *ret_fd = take_fd(&fd);
    }
    return result;
}

int describe(struct child *worker, const struct options *options, struct json **ret) {
    struct json *body cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = ask(worker, options, "describe", "description", &body, &fd);
    return result ? result : parse_memory(fd, ret);
}

int describe_trial(struct child *worker, const struct options *options, char **ret) {
    struct json *body cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = ask(worker, options, "setup", "ready", &body, &fd);
    if (result == 0) {
        *ret = format("%s %s", describe_text(body, "engine", "?"), describe_text(body, "engine_version", ""));
    }
    return result;
}

/* For both commands */

int describe_options(int command, int argc, char **argv, struct options *ret) {
    int result = options_parse(command, argc, argv, ret);
    if (result == 0 && ret->file_count > 0) {
        result = fail(ERR_USAGE, "%s: this command takes no files", ret->files[0]);
    }
    return result;
}

int describe_print(const struct json *json) {
    char *text cleanup(drop_memory) = json_text(json, true);
    char *line cleanup(drop_memory) = format("%s\n", text);
    return command_print(line);
}

const char *describe_text(const struct json *object, const char *key, const char *otherwise) {
    const char *text = json_string(object, key);
    return text ? text : otherwise;
}

static const char *model_state(const struct json *model) {
    if (!json_bool(model, "installed", false)) {
        return "not installed";
    }
    bool checked = json_bool(model, "sha256_ok", true) == json_bool(model, "sha256_ok", false);
    return !checked ? "installed" : json_bool(model, "sha256_ok", false) ? "installed, hash is right" : "hash is WRONG";
}

void describe_models(const struct json *list, struct buffer *text) {
    struct columns columns cleanup(columns_done) = {0};
    columns_add(&columns, (const char *[]){"ID", "ROLE", "VERSION", "SIZE", "STATE", "", NULL});
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        char *size cleanup(drop_memory) = format("%.1f MB", json_real(one, "bytes", 0) / 1e6);
        columns_add(&columns,
                    (const char *[]){describe_text(one, "id", "?"), describe_text(one, "role", "?"),
                                     describe_text(one, "version", "?"), json_real(one, "bytes", 0) > 0 ? size : "-",
                                     model_state(one), describe_text(one, "reason", ""), NULL});
    }
    columns_write(&columns, text);
}
