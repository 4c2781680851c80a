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

enum { OPTIONS_BYTES = 64 * 1024, MOST_FILES = 100 };

struct document {
    char id[ID_BYTES];
    int fd;     /* -1 before its first bytes, and when it is complete and another one has begun */
    bool named; /* it has its id as a name on the disk */
    char *file_name;
    struct digest *digest;
    int64_t bytes;
    struct flush *flush; /* while it is on its way to the disk */
};

struct upload {
    struct request_state state;
    struct api *api;
    bool at_once; /* POST /v1/ocr */
    struct wish wish;
    struct document *documents;
    size_t count;
    size_t kept;                 /* of the documents, those that are on the disk or could not be written to it */
    int keep_error;              /* of one that could not */
    struct http_request *keeper; /* that waits until all are kept; NULL: not yet */
    bool complete;
    struct buffer options;      /* the part "options" */
    struct selection selection; /* what the answer is written as */
    struct direct direct;
    struct albums albums;  /* of the document that was read at once */
    struct writer *writer; /* of what has pictures within */
    struct charge charge;  /* until they are tasks, or over */
};

/* Beginning */

static int set_option(void *context, const char *word, const char *value) {
    struct upload *upload = context;
    bool of_answer = upload->at_once && (strcmp(word, "format") == 0 || strcmp(word, "words") == 0);
    return of_answer ? 0 : wish_set(&upload->wish, word, value);
}

/* What is of tasks only. */
static int check_task_options(const struct upload *upload) {
    const char *url = upload->wish.callback;
    if (url && upload->at_once) {
        return fail(ERR_BAD_REQUEST, "callback: this answer is the result itself; only tasks have callbacks, send the "
                                     "document to /v1/tasks for one");
    }
    if (upload->wish.key && upload->at_once) {
        return fail(ERR_BAD_REQUEST, "key: nothing is kept here that could be found again by it; only tasks have keys, "
                                     "send the document to /v1/tasks for one");
    }
    return url ? callbacks_check(upload->api->callbacks, url) : 0;
}

/*
 * Called before the document is read, with what the address says, and again when all is known. usual: the layout where
 * the wish says nothing of it; NULL: it may yet say something.
 */
static int settle_wish(struct upload *upload, const char *usual) {
    const char *own = upload->wish.layout;
    const char *wrong = selection_contradiction(&upload->selection, own ? own : usual);
    if (upload->at_once && !selection_has_figures(&upload->selection, upload->selection.zip)) {
        upload->wish.figures = false; /* files of them have no place outside an archive */
    }
    if (wrong) {
        return fail(ERR_BAD_REQUEST, "%s%s", wrong, own ? "" : "; this server is set so, layout=on asks for it");
    }
    return check_task_options(upload);
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
    if (result == 0 && upload->at_once) {
        result = api_choose_output(request, &upload->selection);
        upload->wish.pdf = result == 0 && selection_has_made(&upload->selection, MADE_PDF);
        upload->wish.png = result == 0 && selection_has_made(&upload->selection, MADE_PICTURE);
    }
    result = result ? result : settle_wish(upload, NULL);
    return result || upload->at_once ? result : tasks_check_room(api->tasks, 1, http_body_bytes(request));
}

static void document_done(struct upload *upload, struct document *document) {
    if (document->flush) {
        flush_forget(document->flush);
    }
    if (document->named) {
        blobs_remove_document(tasks_blobs(upload->api->tasks), document->id);
    }
    drop_fd(&document->fd);
    digest_drop(&document->digest);
    free(document->file_name);
}

/* Also where the client went away before all had come, or while it is read. */
static void end_upload(struct api *api, struct request_state *state) {
    struct upload *upload = (struct upload *)state;
    writer_drop(&upload->writer);
    albums_done(&upload->albums);
    if (upload->direct.request) {
        api->host.end_direct(api->host.context, &upload->direct);
        free(upload->direct.detail);
    }
    for (size_t i = 0; i < upload->count; i++) {
        document_done(upload, &upload->documents[i]);
    }
    charge_release(&upload->charge);
    free(upload->documents);
    wish_done(&upload->wish);
    buffer_done(&upload->options);
    free(upload);
}

void api_upload_begin(void *context, struct http_request *request) {
    struct upload *upload = alloc(1, sizeof(*upload));
    *upload = (struct upload){.state.end = end_upload, .api = context};
    upload->at_once = http_route(request)->answer == api_ocr;
    http_set_state(request, upload);
    int result = read_head(upload, request);
    result =
        result ? result : charge_take(upload->api, &upload->charge, http_client(request), http_body_bytes(request));
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
    }
}

/* Parts */

static void note_kept(void *context, struct flush *flush, int error) {
    struct upload *upload = context;
    for (size_t i = 0; i < upload->count; i++) {
        if (upload->documents[i].flush == flush) {
            upload->documents[i].flush = NULL;
        }
    }
    upload->kept++;
    upload->keep_error = error ? error : upload->keep_error;
    if (upload->keeper && upload->kept == upload->count) {
        http_wake(upload->keeper);
    }
}

/* The last document is complete: it goes to the disk. */
static void keep_last(struct upload *upload) {
    struct document *last = upload->count > 0 ? &upload->documents[upload->count - 1] : NULL;
    if (last && last->fd >= 0 && !upload->at_once) {
        last->flush = blobs_keep(tasks_blobs(upload->api->tasks), last->fd, note_kept, upload);
        drop_fd(&last->fd);
    }
}

static int begin_document(struct upload *upload, const char *file_name) {
    if (upload->count > 0 && upload->at_once) {
        return fail(ERR_BAD_REQUEST, "there is more than one part \"file\": send a request for each document");
    }
    if (upload->count == MOST_FILES) {
        return fail(ERR_BAD_REQUEST, "there are more than %d parts \"file\"", MOST_FILES);
    }
    keep_last(upload);
    int result = upload->count == 0 ? 0 : charge_take(upload->api, &upload->charge, upload->charge.account, 0);
    if (result == 0) {
        upload->documents = resize(upload->documents, upload->count + 1, sizeof(*upload->documents));
        upload->documents[upload->count++] =
            (struct document){.fd = -1, .file_name = copy_string(file_name), .digest = digest_new()};
    }
    return result;
}

/* The file is made when its first bytes come. */
static int open_file(struct upload *upload, struct document *document) {
    struct blobs *blobs = tasks_blobs(upload->api->tasks);
    if (upload->at_once) {
        return blobs_scratch(blobs, &document->fd);
    }
    int result = id_new(document->id);
    result = result ? result : blobs_new(blobs, document->id, &document->fd);
    document->named = result == 0;
    return result;
}

/*
 * libmicrohttpd tells the begin of a part twice where only the first bytes of its contents, four at most, have come
 * with its head: of no bytes, and again with the first ones.
 */
static bool begins_again(const struct upload *upload, const struct http_part *part) {
    const struct document *last = upload->count > 0 ? &upload->documents[upload->count - 1] : NULL;
    return last && last->bytes == 0 && last->fd < 0 && part->length > 0;
}

static int take_document(struct upload *upload, const struct http_part *part) {
    bool begins = part->offset == 0 && !begins_again(upload, part);
    int result = begins ? begin_document(upload, part->file_name) : 0;
    if (result != 0 || part->length == 0) {
        return result;
    }
    struct document *document = &upload->documents[upload->count - 1];
    result = document->fd < 0 ? open_file(upload, document) : 0;
    result = result ? result : blobs_write(document->fd, part->bytes, part->length);
    digest_add(document->digest, part->bytes, result == 0 ? part->length : 0);
    document->bytes += (int64_t)part->length;
    return result;
}

static int refuse_part(const char *name) {
    if (wish_has(name)) {
        return fail(ERR_BAD_REQUEST,
                    "there is a part \"%s\", which belongs in the address, ?%s=..., or in the part \"options\"", name,
                    name);
    }
    int result = wish_unknown("a part", name);
    return fail(result, "%s; the parts \"file\" and \"options\" are expected", error_detail());
}

int api_upload_part(void *context, struct http_request *request, const struct http_part *part) {
    struct upload *upload = http_state(request);
    (void)context;
    if (strcmp(part->name, "file") == 0) {
        return take_document(upload, part);
    }
    if (strcmp(part->name, "options") != 0) {
        return refuse_part(part->name);
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
    }
    result = result ? result : settle_wish(upload, upload->api->host.layout);
    if (result == 0 && upload->count == 0) {
        return http_body_bytes(request) > 0 ? fail(ERR_BAD_REQUEST, "the form has no part \"file\"")
                                            : fail(ERR_EMPTY, "%s", "");
    }
    for (size_t i = 0; i < upload->count && result == 0; i++) {
        if (upload->documents[i].bytes == 0) {
            char *which cleanup(drop_memory) = format("the part \"file\" number %zu", i + 1);
            result = fail(ERR_EMPTY, "%s", upload->count > 1 ? which : "");
        }
    }
    return result == 0 && upload->count > 1 && upload->wish.name
               ? fail(ERR_BAD_REQUEST, "name: there are %zu documents, each part brings its own", upload->count)
               : result;
}

/* What is wanted of one of the documents: keys of the second and later ones are made from that of the first. */
static void wish_of(const struct upload *upload, size_t place, struct wish *ret) {
    wish_copy(&upload->wish, ret);
    if (upload->documents[place].file_name) {
        wish_take_file_name(ret, upload->documents[place].file_name);
    }
    if (ret->key && place > 0) {
        char *key = format("%s/%zu", ret->key, place + 1);
        free(ret->key);
        ret->key = key;
    }
}

/* Of the document, what is wanted of it, and how many came with it; its name is for people only. */
static void take_digest(struct document *document, struct wish *wish, size_t count, char ret[DIGEST_BYTES]) {
    char *name = take(wish->name);
    struct json *options cleanup(json_drop) = wish_to_json(wish);
    char *text cleanup(drop_memory) = json_text(options, false);
    digest_add(document->digest, text, strlen(text) + 1);
    if (count > 1) {
        digest_add(document->digest, &count, sizeof(count));
    }
    digest_take(&document->digest, ret);
    wish->name = name;
}

static int submit_all(struct upload *upload, const char *owner, char (*ret_ids)[ID_BYTES], bool *ret_repeated) {
    size_t count = upload->count;
    struct submission *submissions cleanup(drop_memory) = alloc(count, sizeof(*submissions));
    struct wish *wishes cleanup(drop_memory) = alloc(count, sizeof(*wishes));
    char(*digests)[DIGEST_BYTES] cleanup(drop_memory) = alloc(count, sizeof(*digests));
    for (size_t i = 0; i < count; i++) {
        struct document *document = &upload->documents[i];
        wish_of(upload, i, &wishes[i]);
        take_digest(document, &wishes[i], count, digests[i]);
        submissions[i] = (struct submission){
            .id = document->id, .digest = digests[i], .bytes = document->bytes, .wish = &wishes[i], .owner = owner};
        document->named = false; /* it is the task's, or gone */
    }
    int result = tasks_submit(upload->api->tasks, submissions, count, ret_ids, ret_repeated);
    for (size_t i = 0; i < count; i++) {
        wish_done(&wishes[i]);
    }
    return result;
}

void api_submit(void *context, struct http_request *request) {
    struct upload *upload = http_state(request);
    struct api *api = context;
    char ids[MOST_FILES][ID_BYTES];
    bool repeated = false;
    int result = complete(upload, request);
    if (result == 0 && !upload->keeper) {
        upload->keeper = request;
        keep_last(upload);
    }
    if (result == 0 && upload->kept < upload->count) {
        http_hold(request);
        return;
    }
    result = result ? result : blobs_kept(upload->keep_error);
    if (result == 0) {
        result = submit_all(upload, api_owner(request), ids, &repeated);
        charge_release(&upload->charge); /* as tasks they count by themselves */
    }
    if (result != 0) {
        http_answer_problem(request, result, error_detail());
    } else if (upload->count > 1) {
        api_answer_tasks(api, request, (const char(*)[ID_BYTES])ids, upload->count, repeated ? 200 : 201);
    } else {
        char *location cleanup(drop_memory) = format("/v1/tasks/%s", ids[0]);
        http_set_header(request, "Location", location);
        api_answer_task(api, request, ids[0], repeated ? 200 : 201);
    }
}

/* At once */

void api_direct_over(struct direct *direct) {
    direct->over = true;
    http_wake(direct->request);
}

static enum http_next next_piece(void *context, struct buffer *to) {
    struct upload *upload = context;
    return api_next_piece(upload->direct.request, &upload->writer, to);
}

/* The request's own end lets go of all. */
static void end_pieces(void *context) { (void)context; }

/* It goes out as it is made, for the pictures in it may be larger than memory. */
static void answer_pieces(struct upload *upload) {
    const struct http_stream stream = {.next = next_piece, .end = end_pieces, .context = upload};
    upload->writer = writer_at_hand(&upload->selection, &upload->direct.job->result, &upload->albums, NULL);
    http_answer_stream(upload->direct.request, 200, selection_type(&upload->selection), &stream);
}

static void answer_direct(struct upload *upload, struct http_request *request) {
    struct direct *direct = &upload->direct;
    if (direct->error != 0) {
        http_answer_problem(request, direct->error, direct->detail);
        return;
    }
    if (selection_has_made(&upload->selection, MADE_PDF)) {
        api_answer_file(request, selection_type(&upload->selection), edition_file(direct->job, MADE_PDF));
        return;
    }
    struct buffer text = {0};
    struct result *result = &direct->job->result;
    free(result->name);
    result->name = copy_string(upload->wish.name ? upload->wish.name : "document");
    int status = selection_expect_file(&upload->selection, (uint32_t)result->page_count);
    status = status ? status : edition_albums(direct->job, &upload->albums);
    if (status == 0 && (upload->selection.zip || upload->albums.figures)) {
        answer_pieces(upload);
        return;
    }
    status = status ? status : output_write(&upload->selection, result, &upload->albums, NULL, &text);
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
        if (upload->documents[0].file_name) {
            wish_take_file_name(&upload->wish, upload->documents[0].file_name);
        }
        upload->direct = (struct direct){.api = api,
                                         .request = request,
                                         .fd = upload->documents[0].fd,
                                         .wish = &upload->wish,
                                         .since = clock_now(),
                                         .selection = &upload->selection};
        result = api->host.begin_direct(api->host.context, &upload->direct);
    }
    if (result != 0) {
        upload->direct.request = NULL;
        http_answer_problem(request, result, error_detail());
    } else {
        http_wait(request, INT64_MAX);
    }
}
