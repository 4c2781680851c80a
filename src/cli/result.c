#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/target.h"
#include "cli/terminal.h"

/*
 * Where a result goes. A file appears whole or not at all: it is written beside its place, and moved there at the end.
 * What is there and no file (a pipe, /dev/null) is written to.
 */
struct sink {
    const char *file; /* NULL: standard output */
    char *draft;      /* NULL: file is written to as it is */
    int fd;           /* -1: nothing has come yet */
};

static bool is_no_file(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static int open_sink(struct sink *sink) {
    if (!sink->file) {
        sink->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    } else if (is_no_file(sink->file)) {
        sink->fd = open(sink->file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    } else {
        return file_draft(sink->file, &sink->draft, &sink->fd);
    }
    return sink->fd >= 0 ? 0 : fail(ERR_OUTPUT, "%s: %s", sink->file ? sink->file : "standard output", strerror(errno));
}

static int write_some(void *context, const char *bytes, size_t length) {
    struct sink *sink = context;
    int result = sink->fd < 0 ? open_sink(sink) : 0;
    result = result ? result : file_write(sink->fd, bytes, length);
    return result;
}

/* result: of all before. What was begun of a file is removed if it is a failure. */
static int close_sink(struct sink *sink, int result) {
    result = result == 0 && sink->fd < 0 ? open_sink(sink) : result; /* an empty result */
    drop_fd(&sink->fd);
    result = sink->draft ? file_settle(sink->draft, sink->file, result) : result;
    free(sink->draft);
    return result;
}

static const char *contradiction(const struct options *options) {
    if (strchr(options->format, ',') && !options_list_has(options->format, "zip")) {
        return "one format is expected, or zip with others";
    }
    const char *wrong = target_contradiction(options, options->result_file);
    return wrong ? wrong : remote_expect_id(options);
}

static int fetch(struct remote *remote, const char *id, bool *ret_incomplete) {
    const char *file = remote->options.result_file;
    struct sink sink = {.file = file && strcmp(file, "-") != 0 ? file : NULL, .fd = -1};
    struct client_answer answer cleanup(client_answer_done) = {0};
    struct json *query cleanup(json_drop) = json_object_new();
    json_set_string(query, "format", remote->options.format);
    if (remote->options.words) {
        json_set_string(query, "words", "true");
    }
    const struct client_request request = {.method = "GET",
                                           .path = "/v1/tasks/{id}/result",
                                           .id = id,
                                           .query = query,
                                           .receive = write_some,
                                           .context = &sink};
    int result = client_ask(remote->client, &request, &answer);
    *ret_incomplete = answer.incomplete;
    return close_sink(&sink, result);
}

int command_result(int argc, char **argv) {
    struct remote remote cleanup(remote_done);
    int status;
    bool incomplete = false;
    if (!remote_open(FOR_RESULT, argc, argv, contradiction, &remote, &status)) {
        return status;
    }
    const char *id = remote.options.files[0];
    int result = fetch(&remote, id, &incomplete);
    if (result != 0) {
        remote_refuse(&remote, id, result);
        return remote_status(&remote);
    }
    if (incomplete) {
        char *text cleanup(drop_memory) = format("pages are missing; `octavo status %s` says why", id);
        terminal_note(NULL, 0, text);
    }
    return incomplete ? 1 : 0;
}
