#include "pool/mail.h"

#include <sys/mman.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "process/message.h"

enum { RESULT_LIMIT = 64 << 20 }; /* bytes of one page as JSON */

static struct json *message_new(const char *op) {
    struct json *body = json_object_new();
    json_set_string(body, "op", op);
    return body;
}

void mail_open(int socket, const struct job_wish *wish, int fd) {
    struct json *body cleanup(json_drop) = message_new("open");
    json_set_real(body, "dpi", wish->dpi, 3);
    /* With --pages the limit is on the pages that are asked for, which are counted here. */
    json_set_int(body, "max_pages", wish->pages->count > 0 ? 0 : wish->max_pages);
    json_set_int(body, "max_pixels", wish->max_pixels);
    message_post(socket, body, fd);
}

void mail_page(int socket, uint32_t page, uint64_t bytes, uint32_t shrink) {
    struct json *body cleanup(json_drop) = message_new("page");
    json_set_int(body, "page", page);
    json_set_int(body, "bytes", (int64_t)bytes);
    json_set_int(body, "shrink", shrink);
    message_post(socket, body, -1);
}

static void share(int socket, const char *what, int fd) {
    struct json *body cleanup(json_drop) = message_new("share");
    json_set_string(body, "what", what);
    message_post(socket, body, fd);
}

void mail_start(int socket, const struct core *core, const struct mail_setup *setup) {
    share(socket, "ledger", ledger_fd(core->ledger));
    share(socket, "recorder", recorder_fd(core->recorder));
    share(socket, "roster", roster_fd(core->roster));
    struct json *body cleanup(json_drop) = message_new("setup");
    json_set_string(body, "engine", core->conf->engine);
    json_set_string(body, "models", core->conf->models);
    json_set_string(body, "version", core->conf->version);
    json_set_string(body, "languages", core->conf->languages);
    json_set_int(body, "threads", (int64_t)setup->threads);
    json_set_int(body, "instance", setup->instance);
    json_set_int(body, "account", setup->account);
    json_set_int(body, "bytes", (int64_t)setup->bytes);
    json_set_int(body, "model_idle", core->conf->model_idle);
    json_set_int(body, "residency", core->conf->residency);
    json_set_int(body, "tiles", core->conf->tiles);
    switches_to_json(&core->conf->switches, body);
    message_post(socket, body, -1);
}

void mail_plan(int socket, uint64_t bytes) {
    struct json *body cleanup(json_drop) = message_new("plan");
    json_set_int(body, "bytes", (int64_t)bytes);
    message_post(socket, body, -1);
}

void mail_read(int socket, long id, struct sheet *sheet, bool first, const struct job_wish *wish) {
    struct json *body cleanup(json_drop) = message_new("read");
    json_set_int(body, "id", id);
    json_set_int(body, "page", sheet->page);
    json_set_int(body, "priority", wish->priority);
    json_set_bool(body, "first", first);
    json_set_bool(body, "words", wish->words);
    json_set_string(body, "engine", wish->engine);
    json_set_int(body, "tiles", wish->tiles);
    switches_to_json(&wish->switches, body);
    json_set_bool(body, "check", wish->check);
    bitmap_to_json(&sheet->bitmap, body);
    message_post(socket, body, sheet->fd);
    drop_fd(&sheet->fd);
}

void mail_cancel(int socket, long id) {
    struct json *body cleanup(json_drop) = message_new("cancel");
    json_set_int(body, "id", id);
    message_post(socket, body, -1);
}

void mail_relieve(int socket, const char *step) {
    struct json *body cleanup(json_drop) = message_new("relieve");
    json_set_string(body, "step", step);
    message_post(socket, body, -1);
}

void mail_order(int socket, const struct order *order) {
    static const char *const words[] = {[ORDER_LOAD] = "load", [ORDER_UNLOAD] = "unload", [ORDER_RELEASE] = "release"};
    struct json *body cleanup(json_drop) = message_new("order");
    json_set_int(body, "id", order->id);
    json_set_string(body, "what", words[order->kind]);
    json_set_string(body, "model", order->model);
    json_set_int(body, "seconds", order->seconds);
    message_post(socket, body, -1);
}

void mail_ping(int socket) {
    struct json *body cleanup(json_drop) = message_new("ping");
    message_post(socket, body, -1);
}

int mail_open_page(int fd, struct page *ret_page, uint64_t *ret_bytes) {
    const void *bytes;
    size_t length;
    int result = file_memory_map(fd, RESULT_LIMIT, &bytes, &length);
    if (result != 0) {
        return result;
    }
    struct json *json cleanup(json_drop) = NULL;
    result = json_parse(bytes, length, &json);
    munmap((void *)(uintptr_t)bytes, length);
    result = result ? result : page_from_json(json, ret_page);
    if (result == 0) {
        *ret_bytes = length;
    }
    return result;
}

struct rest mail_open_quiet(const struct json *message, uint64_t documents, uint64_t pss) {
    uint64_t kept = (uint64_t)json_int(message, "kept", 0);
    return (struct rest){.documents = documents,
                         .heap = (uint64_t)json_int(message, "heap", 0),
                         .pss = pss > kept ? pss - kept : 0,
                         .deficit = (uint64_t)json_int(message, "deficit", 0),
                         .handles = (uint64_t)json_int(message, "handles", 0)};
}
