/* Documents on their way in: streamed to the disk, then submitted, or read at once. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

enum { OPTIONS_BYTES = 64 * 1024 };

struct upload {
    struct request_state state;
    struct api *api;
    bool at_once; /* POST /v1/ocr */
    struct wish wish;
    char id[ID_BYTES];
    int fd;
    bool named; /* the document has its id as a name on the disk */
    bool complete, started;
    struct digest *digest;
    int64_t bytes;
    struct buffer options;      /* the part "options" */
    struct selection selection; /* what the answer is written as */
    struct direct direct;
    struct account *account; /* in which the document counts until it is a task, or over; NULL */
    int64_t taken;           /* bytes of it there */
};

/* Beginning */

static int set_option(void *context, const char *word, const char *value) {
    struct upload *upload = context;
    bool of_answer = upload->at_once && (strcmp(word, "format") == 0 || strcmp(word, "words") == 0);
    return of_answer ? 0 : wish_set(&upload->wish, word, value);
}

/* Asked before the document is read where the address says so, and again when all is known. */
static int check_callback(const struct upload *upload) {
    const char *url = upload->wish.callback;
    if (url && upload->at_once) {
        return fail(ERR_BAD_REQUEST, "callback: who waits for the result here is told by it: send it to /v1/tasks");
    }
    return url ? callbacks_check(upload->api->callbacks, url) : 0;
}

static int read_head(struct upload *upload, const struct http_request *request) {
    struct api *api = upload->api;
    if (api->host.is_draining(api->host.context)) {
        return fail(ERR_DRAINING, "%s", "");
    }
    const char *key = http_header(request, "Idempotency-Key");
    int result = http_each_query(request, set_option, upload);
    if (result == 0 && key && !upload->at_once) {
        result = wish_set(&upload->wish, "key", key);
    }
    result = result ? result : check_callback(upload);
    if (result == 0 && upload->at_once) {
        return api_choose_output(request, &upload->selection);
    }
    return result ? result : tasks_check_room(api->tasks, http_body_bytes(request));
}

/* It counts in the account of its key from now on. */
static int take_place(struct upload *upload, const struct http_request *request) {
    struct account *account = http_client(request);
    int64_t tasks, bytes;
    if (!account) {
        return 0;
    }
    tasks_owned(upload->api->tasks, account->key.id, &tasks, &bytes);
    int result = account_take(account, http_body_bytes(request), tasks, bytes);
    if (result == 0) {
        upload->account = account;
        upload->taken = http_body_bytes(request);
    }
    return result;
}

static void leave_place(struct upload *upload) {
    if (upload->account) {
        account_release(upload->account, upload->taken);
    }
    upload->account = NULL;
}

/* Also where the client went away before all had come, or while it is read. */
static void end_upload(struct api *api, struct request_state *state) {
    struct upload *upload = (struct upload *)state;
    if (upload->direct.request) {
        api->host.end_direct(api->host.context, &upload->direct);
        free(upload->direct.detail);
    }
    if (upload->named) {
        blobs_remove_document(tasks_blobs(api->tasks), upload->id);
    }
    leave_place(upload);
    drop_fd(&upload->fd);
    digest_drop(&upload->digest);
    wish_done(&upload->wish);
    buffer_done(&upload->options);
    free(upload);
}

void api_upload_begin(void *context, struct http_request *request) {
    struct upload *upload = alloc(1, sizeof(*upload));
    *upload = (struct upload){.state.end = end_upload, .api = context, .fd = -1, .digest = digest_new()};
    upload->at_once = http_route(request)->answer == api_ocr;
    http_set_state(request, upload);
    int result = read_head(upload, request);
    result = result ? result : take_place(upload, request);
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
    }
}

/* Parts */

/* The file is made when its first bytes come. */
static int begin_document(struct upload *upload) {
    struct blobs *blobs = tasks_blobs(upload->api->tasks);
    if (upload->at_once) {
        return blobs_scratch(blobs, &upload->fd);
    }
    int result = id_new(upload->id);
    result = result ? result : blobs_new(blobs, upload->id, &upload->fd);
    upload->named = result == 0;
    return result;
}

static int take_document(struct upload *upload, const struct http_part *part) {
    if (part->offset == 0) {
        if (upload->started) {
            return fail(ERR_BAD_REQUEST, "there is more than one part \"file\": send a request for each document");
        }
        upload->started = true;
        if (part->file_name) {
            wish_take_file_name(&upload->wish, part->file_name);
        }
    }
    int result = upload->fd < 0 && part->length > 0 ? begin_document(upload) : 0;
    result = result == 0 && part->length > 0 ? blobs_write(upload->fd, part->bytes, part->length) : result;
    digest_add(upload->digest, part->bytes, result == 0 ? part->length : 0);
    upload->bytes += (int64_t)part->length;
    return result;
}

int api_upload_part(void *context, struct http_request *request, const struct http_part *part) {
    struct upload *upload = http_state(request);
    (void)context;
    if (strcmp(part->name, "file") == 0) {
        return take_document(upload, part);
    }
    if (strcmp(part->name, "options") != 0) {
        return fail(ERR_BAD_REQUEST, "there is a part \"%.40s\"; \"file\" and \"options\" are expected", part->name);
    }
    if (part->length > OPTIONS_BYTES - upload->options.length) {
        return fail(ERR_BAD_REQUEST, "options: more than %d bytes", OPTIONS_BYTES);
    }
    buffer_add(&upload->options, part->bytes, part->length);
    return 0;
}

/* All has come */

static int complete(struct upload *upload, const struct http_request *request) {
    if (upload->complete) {
        return 0;
    }
    upload->complete = true;
    int result = 0;
    if (upload->options.length > 0) {
        result = wish_set_json(&upload->wish, upload->options.data, upload->options.length);
        result = result ? result : check_callback(upload);
    }
    if (result == 0 && !upload->started && http_body_bytes(request) > 0) {
        return fail(ERR_BAD_REQUEST, "the form has no part \"file\"");
    }
    return result == 0 && upload->bytes == 0 ? fail(ERR_EMPTY, "%s", "") : result;
}

/* Of the document and what is wanted of it; its name is for people only. */
static void take_digest(struct upload *upload, char ret[DIGEST_BYTES]) {
    char *name = take(upload->wish.name);
    struct json *options cleanup(json_drop) = wish_to_json(&upload->wish);
    char *text cleanup(drop_memory) = json_text(options, false);
    digest_add(upload->digest, text, strlen(text) + 1);
    digest_take(&upload->digest, ret);
    upload->wish.name = name;
}

void api_submit(void *context, struct http_request *request) {
    struct upload *upload = http_state(request);
    struct api *api = context;
    char digest[DIGEST_BYTES], id[ID_BYTES];
    bool repeated = false;
    int result = complete(upload, request);
    if (result == 0) {
        take_digest(upload, digest);
        const struct submission submission = {.id = upload->id,
                                              .digest = digest,
                                              .fd = upload->fd,
                                              .bytes = upload->bytes,
                                              .wish = &upload->wish,
                                              .owner = api_owner(request)};
        result = tasks_submit(api->tasks, &submission, id, &repeated);
        leave_place(upload);   /* as a task it counts by itself */
        upload->named = false; /* it is the task's, or gone */
    }
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
        return;
    }
    char *location cleanup(drop_memory) = format("/v1/tasks/%s", id);
    http_set_header(request, "Location", location);
    api_answer_task(api, request, id, repeated ? 200 : 201);
}

/* At once */

void api_direct_over(struct direct *direct) {
    direct->over = true;
    http_wake(direct->request);
}

static void answer_direct(struct upload *upload, struct http_request *request) {
    struct direct *direct = &upload->direct;
    if (direct->error != 0) {
        http_answer_problem(request, direct->error, direct->detail);
        return;
    }
    struct buffer text = {0};
    struct result *result = &direct->job->result;
    free(result->name);
    result->name = copy_string(upload->wish.name ? upload->wish.name : "document");
    int status = selection_expect_file(&upload->selection, (uint32_t)result->page_count);
    status = status ? status : output_write(&upload->selection, result, &text);
    if (status != 0) {
        buffer_done(&text);
        http_answer_problem(request, status, error_detail());
    } else {
        http_answer(request, 200, selection_type(&upload->selection), &text);
    }
}

void api_ocr(void *context, struct http_request *request) {
    struct upload *upload = http_state(request);
    struct api *api = context;
    if (upload->direct.over) {
        answer_direct(upload, request);
        return;
    }
    bool begun = upload->direct.request != NULL;
    int result = begun ? 0 : complete(upload, request);
    if (!begun && result == 0) {
        upload->direct = (struct direct){
            .api = api, .request = request, .fd = upload->fd, .wish = &upload->wish, .since = clock_now()};
        result = api->host.begin_direct(api->host.context, &upload->direct);
    }
    if (result != 0) {
        upload->direct.request = NULL;
        http_answer_problem(request, result, error_detail());
    } else {
        http_wait(request, INT64_MAX);
    }
}
