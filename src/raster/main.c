/*
 * octavo-raster: one per open document. It gets the document as a descriptor, finds out what it is by its content, and
 * answers each request for a page with a bitmap (process/message.h). It leaves at end of file.
 */
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "document/made.h"
#include "process/child.h"
#include "process/message.h"
#include "raster/confine.h"
#include "raster/kind.h"
#include "raster/show.h"
#include "raster/source.h"

/* By how much a grant that was too small has to grow at least. */
#define STEP_BYTES ((uint64_t)8 << 20)

/* The longest result of a page. */
#define PAGE_TEXT_BYTES ((size_t)1 << 30)

struct raster {
    struct source source;
    const struct document_kind *kind;
    struct document *document; /* NULL until opened */
    enum made made;            /* what is being written */
    int output;                /* the file of it; -1: none */
    uint64_t granted, needs;   /* bytes for writing it; that are known to be needed, where these are more */
    struct notes notes;        /* about what is written, told at its end */
};

static int read_limits(const struct json *request, struct limits *ret) {
    double dpi = json_real(request, "dpi", 0);
    int64_t pages = json_int(request, "max_pages", 0), pixels = json_int(request, "max_pixels", 0);
    if (!(dpi >= 0 && dpi <= 10000) || pages < 0 || pages > INT32_MAX || pixels < 1) {
        return fail(ERR_PROTOCOL, "limits of %g dpi, %lld pages, %lld pixels", dpi, (long long)pages,
                    (long long)pixels);
    }
    *ret = (struct limits){.dpi = (float)dpi, .max_pages = (uint32_t)pages, .max_pixels = (uint64_t)pixels};
    return 0;
}

/* What the front process granted; 0: no bound. */
static uint64_t bytes_of(const struct json *request) {
    int64_t bytes = json_int(request, "bytes", 0);
    return bytes > 0 ? (uint64_t)bytes : 0;
}

static int open_document(struct raster *raster, const struct json *request, int fd, struct notes *notes) {
    struct limits limits = {0};
    int result = read_limits(request, &limits);
    if (result == 0 && (fd < 0 || raster->source.bytes)) {
        result = fail(ERR_PROTOCOL, fd < 0 ? "\"open\" without a document" : "\"open\" for the second time");
    }
    uint64_t granted = bytes_of(request);
    if (result == 0) {
        result = source_open(fd, granted, &raster->source);
    }
    if (result != 0) {
        return result;
    }
    raster->kind = kind_of(raster->source.bytes, raster->source.length);
    if (!raster->kind) {
        return fail(ERR_UNSUPPORTED, "%s", "");
    }
    confine_memory(raster->source.length, limits.max_pixels, raster->kind->bytes_per_pixel);
    confine_begin(granted);
    notes_listen();
    result = raster->kind->open(raster->source.bytes, raster->source.length, &limits, notes, &raster->document);
    struct heap_use use = confine_end();
    notes_heard(notes);
    if (use.missing == 0) {
        return result;
    }
    if (result == 0) {
        raster->kind->close(&raster->document);
    }
    return fail(ERR_NO_MEMORY, "%llu bytes were granted for opening it, and it takes more",
                (unsigned long long)granted);
}

static int answer_open(struct raster *raster, const struct json *request, int fd, int socket) {
    struct notes notes cleanup(notes_done) = {0};
    fail(0, "%s", "");
    int result = open_document(raster, request, fd, &notes);
    if (result != 0) {
        return message_send_failure(socket, "failed", NULL, 0, result, error_detail());
    }
    struct json *answer cleanup(json_drop) = json_object_new();
    json_set_string(answer, "op", "opened");
    json_set_int(answer, "pages", raster->document->pages);
    json_set_string(answer, "format", raster->document->format);
    notes_to_json(&notes, answer);
    return message_send(socket, answer, -1);
}

/* A page asked for and what came of it. */
struct request {
    int64_t number, shrink;
    uint64_t granted, needs; /* needs: 0, or bytes without which it is not drawn */
    struct bitmap bitmap;
    int fd;
};

/* Draws it if the grant is enough for what it is known to need. */
static int draw_page(struct raster *raster, struct request *request, struct notes *notes) {
    size_t need = 0;
    int result = 0;
    if (request->granted > 0) {
        result = raster->kind->need(raster->document, (uint32_t)request->number, notes, &need);
    }
    if (result == 0 && need > request->granted) {
        request->needs = need;
        return 0;
    }
    return result == 0
               ? raster->kind->page(raster->document, (uint32_t)request->number, notes, &request->bitmap, &request->fd)
               : result;
}

/* Draws it under the grant. One that turns out to be too small makes whatever was drawn void. */
static int draw_granted(struct raster *raster, struct request *request, struct notes *notes) {
    if (!raster->document) {
        return fail(ERR_PROTOCOL, "\"page\" before \"open\"");
    }
    if (request->number < 1 || request->number > raster->document->pages) {
        return fail(ERR_PAGE_RANGE, "page %lld of %u", (long long)request->number, raster->document->pages);
    }
    if (request->shrink < 1 || request->shrink > BITMAP_SHRINK_MOST || (request->shrink & (request->shrink - 1)) != 0) {
        return fail(ERR_PROTOCOL, "a page that is %lld times smaller", (long long)request->shrink);
    }
    raster->document->shrink = (uint32_t)request->shrink;
    confine_begin(request->granted);
    notes_listen();
    int result = draw_page(raster, request, notes);
    struct heap_use use = confine_end();
    notes_heard(notes);
    if (use.missing > 0) {
        uint64_t guess = use.missing + use.missing / 2, least = request->granted + STEP_BYTES;
        guess = guess > least ? guess : least;
        request->needs = request->needs > guess ? request->needs : guess;
        drop_fd(&request->fd);
        result = 0;
    }
    raster->kind->rest(raster->document);
    return result;
}

static int answer_needs(const struct request *request, int socket) {
    struct json *answer cleanup(json_drop) = json_object_new();
    json_set_string(answer, "op", "page_needs");
    json_set_int(answer, "page", request->number);
    json_set_int(answer, "bytes", (int64_t)request->needs);
    return message_send(socket, answer, -1);
}

static int answer_page(struct raster *raster, const struct json *body, int socket) {
    struct notes notes cleanup(notes_done) = {0};
    struct request request = {.number = json_int(body, "page", 0),
                              .shrink = json_int(body, "shrink", 1),
                              .granted = bytes_of(body),
                              .fd = -1};
    int64_t start = clock_now();
    fail(0, "%s", "");
    int result = draw_granted(raster, &request, &notes);
    int fd cleanup(drop_fd) = take_fd(&request.fd);
    if (result != 0) {
        return message_send_failure(socket, "page_failed", "page", (long)request.number, result, error_detail());
    }
    if (request.needs > 0) {
        return answer_needs(&request, socket);
    }
    struct json *answer cleanup(json_drop) = json_object_new();
    json_set_string(answer, "op", "page");
    json_set_int(answer, "page", request.number);
    json_set_int(answer, "shrink", request.shrink);
    bitmap_to_json(&request.bitmap, answer);
    json_set_real(answer, "seconds", clock_seconds(clock_now() - start), 6);
    notes_to_json(&notes, answer);
    return message_send(socket, answer, fd);
}

/* Writing. All of it is done under one grant, since what is written piles up until its end. */

/* Whether writing can begin; go on. */
static bool may_write(const struct raster *raster, bool begins) {
    return raster->kind && raster->document && (raster->output < 0) == begins;
}

static int begin_writing(struct raster *raster, const struct json *request, int *fd, struct notes *notes) {
    if (!may_write(raster, true) || *fd < 0) {
        return fail(ERR_PROTOCOL, "writing out of turn, or without a file");
    }
    raster->made = made_of(json_string(request, "what"));
    if (raster->made == MADE_NONE) {
        return fail(ERR_PROTOCOL, "nothing that can be written");
    }
    raster->output = take_fd(fd);
    raster->granted = bytes_of(request);
    confine_begin(raster->granted);
    return raster->made == MADE_PDF ? raster->kind->write_begin(raster->document, raster->output, notes) : 0;
}

/* A page's result, as the worker wrote it. */
static int read_page(int fd, struct page *ret) {
    const void *bytes;
    size_t length;
    int result = file_memory_map(fd, PAGE_TEXT_BYTES, &bytes, &length);
    if (result != 0) {
        return result;
    }
    struct json *json cleanup(json_drop) = NULL;
    result = json_parse(bytes, length, &json);
    munmap((void *)(uintptr_t)bytes, length);
    return result ? result : page_from_json(json, ret);
}

static int write_page(struct raster *raster, int fd, struct notes *notes) {
    struct page page cleanup(page_done) = {0};
    if (!may_write(raster, false)) {
        return fail(ERR_PROTOCOL, "a text out of turn");
    }
    confine_lend(true);
    int result = read_page(fd, &page);
    confine_lend(false);
    if (result == 0 && heap_use().missing > 0) {
        result = fail(ERR_NO_MEMORY, "the text of page %u takes more than was granted", page.number);
    }
    if (result == 0 && page.number > raster->document->pages) {
        result = fail(ERR_PAGE_RANGE, "page %u of %u", page.number, raster->document->pages);
    }
    if (result != 0) {
        return result;
    }
    return raster->made == MADE_PDF ? raster->kind->write_page(raster->document, &page, notes)
                                    : show_page(raster->kind, raster->document, &page, raster->made, raster->output,
                                                raster->granted, &raster->needs);
}

static int end_writing(struct raster *raster, struct notes *notes) {
    if (!may_write(raster, false)) {
        return fail(ERR_PROTOCOL, "the end of writing out of turn");
    }
    int result = raster->made == MADE_PDF ? raster->kind->write_end(raster->document, notes) : 0;
    drop_fd(&raster->output);
    return result;
}

/* Bytes to ask for; 0: the grant was enough. */
static uint64_t bytes_needed(const struct raster *raster) {
    size_t missing = heap_use().missing;
    uint64_t least = raster->granted + STEP_BYTES, guess = missing + missing / 2;
    guess = guess > least ? guess : least;
    return missing > 0 && guess > raster->needs ? guess : raster->needs;
}

/* After one that failed the front ends this process: it may be asked for the same with a larger grant. */
static int answer_write(struct raster *raster, const char *op, const struct json *request, int *fd, int socket) {
    struct json *answer cleanup(json_drop) = json_object_new();
    const bool ends = strcmp(op, "finish") == 0;
    fail(0, "%s", "");
    notes_listen();
    int result = strcmp(op, "write") == 0  ? begin_writing(raster, request, fd, &raster->notes)
                 : strcmp(op, "text") == 0 ? write_page(raster, *fd, &raster->notes)
                                           : end_writing(raster, &raster->notes);
    uint64_t needed = bytes_needed(raster);
    notes_heard(ends ? &raster->notes : NULL); /* of decoding a page it was told when the page was read */
    if (needed > 0) {
        json_set_string(answer, "op", "write_needs");
        json_set_int(answer, "bytes", (int64_t)needed);
        return message_send(socket, answer, -1);
    }
    if (result != 0) {
        return message_send_failure(socket, "write_failed", NULL, 0, result, error_detail());
    }
    json_set_string(answer, "op", ends ? "finished" : "written");
    if (ends) {
        notes_to_json(&raster->notes, answer);
        notes_done(&raster->notes);
    }
    return message_send(socket, answer, -1);
}

/* Gives back what the last answer left behind. */
static void rest(const struct raster *raster) {
    source_rest(&raster->source);
    malloc_trim(0);
}

static int answer(struct raster *raster, int socket) {
    struct json *request cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = message_receive(socket, &request, &fd);
    if (result == ERR_PROTOCOL) {
        return message_send_failure(socket, "failed", NULL, 0, result, error_detail());
    }
    if (result != 0) {
        return result;
    }
    const char *op = json_string(request, "op");
    if (strcmp(op, "open") == 0) {
        result = answer_open(raster, request, fd, socket);
        rest(raster);
        return result;
    }
    if (strcmp(op, "page") == 0) {
        result = answer_page(raster, request, socket);
        rest(raster);
        return result;
    }
    if (strcmp(op, "write") == 0 || strcmp(op, "text") == 0 || strcmp(op, "finish") == 0) {
        result = answer_write(raster, op, request, &fd, socket);
        rest(raster);
        return result;
    }
    char *detail cleanup(drop_memory) = format("no such operation: %.64s", op);
    return message_send_failure(socket, "failed", NULL, 0, ERR_PROTOCOL, detail);
}

int main(void) {
    log_open("octavo-raster", LOG_WARNING);
    child_begin();
    confine();
    struct raster raster = {.output = -1};
    int result = 0;
    while (result == 0) {
        result = answer(&raster, MESSAGE_CHILD_SOCKET);
    }
    if (raster.document) {
        raster.kind->close(&raster.document);
    }
    source_drop(&raster.source);
    notes_done(&raster.notes);
    return result == ERR_CLOSED ? 0 : error_exit_status(result);
}
