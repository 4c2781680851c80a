/*
 * octavo-raster: one per open document. It gets the document as a descriptor, finds out what it is by its content, and
 * answers each request for a page with a bitmap (process/message.h). It leaves at end of file.
 */
#include <malloc.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "process/child.h"
#include "process/message.h"
#include "raster/confine.h"
#include "raster/kind.h"
#include "raster/source.h"

struct raster {
    struct source source;
    const struct document_kind *kind;
    struct document *document; /* NULL until opened */
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

static int open_document(struct raster *raster, const struct json *request, int fd, struct notes *notes) {
    struct limits limits = {0};
    int result = read_limits(request, &limits);
    if (result == 0 && (fd < 0 || raster->source.bytes)) {
        result = fail(ERR_PROTOCOL, fd < 0 ? "\"open\" without a document" : "\"open\" for the second time");
    }
    if (result == 0) {
        result = source_open(fd, &raster->source);
    }
    if (result != 0) {
        return result;
    }
    raster->kind = kind_of(raster->source.bytes, raster->source.length);
    if (!raster->kind) {
        return fail(ERR_UNSUPPORTED, "%s", "");
    }
    confine_memory(raster->source.length, limits.max_pixels, raster->kind->bytes_per_pixel);
    notes_listen();
    result = raster->kind->open(raster->source.bytes, raster->source.length, &limits, notes, &raster->document);
    notes_heard(notes);
    return result;
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

static int draw_page(struct raster *raster, int64_t number, struct notes *notes, struct bitmap *ret_bitmap,
                     int *ret_fd) {
    if (!raster->document) {
        return fail(ERR_PROTOCOL, "\"page\" before \"open\"");
    }
    if (number < 1 || number > raster->document->pages) {
        return fail(ERR_PAGE_RANGE, "page %lld of %u", (long long)number, raster->document->pages);
    }
    notes_listen();
    int result = raster->kind->page(raster->document, (uint32_t)number, notes, ret_bitmap, ret_fd);
    notes_heard(notes);
    return result;
}

static int answer_page(struct raster *raster, const struct json *request, int socket) {
    struct notes notes cleanup(notes_done) = {0};
    int64_t number = json_int(request, "page", 0), start = clock_now();
    struct bitmap bitmap;
    int fd cleanup(drop_fd) = -1;
    fail(0, "%s", "");
    int result = draw_page(raster, number, &notes, &bitmap, &fd);
    if (result != 0) {
        return message_send_failure(socket, "page_failed", "page", (long)number, result, error_detail());
    }
    struct json *answer cleanup(json_drop) = json_object_new();
    json_set_string(answer, "op", "page");
    json_set_int(answer, "page", number);
    bitmap_to_json(&bitmap, answer);
    json_set_real(answer, "seconds", clock_seconds(clock_now() - start), 6);
    notes_to_json(&notes, answer);
    return message_send(socket, answer, fd);
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
        return answer_open(raster, request, fd, socket);
    }
    if (strcmp(op, "page") == 0) {
        result = answer_page(raster, request, socket);
        malloc_trim(0);
        return result;
    }
    char *detail cleanup(drop_memory) = format("no such operation: %.64s", op);
    return message_send_failure(socket, "failed", NULL, 0, ERR_PROTOCOL, detail);
}

int main(void) {
    log_open("octavo-raster", LOG_WARNING);
    child_begin();
    confine();
    struct raster raster = {0};
    int result = 0;
    while (result == 0) {
        result = answer(&raster, MESSAGE_CHILD_SOCKET);
    }
    if (raster.document) {
        raster.kind->close(&raster.document);
    }
    source_drop(&raster.source);
    return result == ERR_CLOSED ? 0 : error_exit_status(result);
}
