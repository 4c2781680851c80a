#include "pool/raster_inbox.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "output/output.h"
#include "process/message.h"

enum {
    MOST_PAGES = 10000000, /* more than any document has: a raster that says so is not to be believed */
    MOST_NEEDS = 4,        /* a raster that asks for more again and again is not to be believed either */
};

/* Says which of the asked pages the document lacks; ERR_PAGE_RANGE if it has none of them. */
static int check_range(struct job *job, const struct core *core, uint32_t total) {
    uint32_t highest = ranges_highest(job->wish->pages);
    if (highest <= total) {
        return 0;
    }
    char *lack cleanup(drop_memory) = format("page %u was asked for, the last is %u", highest, total);
    if (ranges_next(job->wish->pages, 0, total) == 0) {
        return fail(ERR_PAGE_RANGE, "%s", lack);
    }
    job_warn(job, core, lack);
    return 0;
}

/* How many of the asked pages need not be read. */
static uint32_t count_skipped(const struct job *job, uint32_t total) {
    uint32_t count = 0;
    for (uint32_t page = 0; (page = page_set_next(&job->skipped, page)) > 0 && page <= total;) {
        count += ranges_next(job->wish->pages, page - 1, total) == page;
    }
    return count;
}

static int take_opened(struct job *job, struct core *core, const struct json *message) {
    int64_t total = json_int(message, "pages", 0);
    if (total < 1 || total > MOST_PAGES || !json_string(message, "format")) {
        return fail(ERR_PROTOCOL, "a document of %lld pages", (long long)total);
    }
    job_note_baseline(job, core);
    if (job->result.pages) { /* it was parked */
        job->state = JOB_READING;
        return total == job->result.page_total ? 0 : fail(ERR_PROTOCOL, "a document that changed while it was read");
    }
    uint32_t wanted = ranges_count(job->wish->pages, (uint32_t)total);
    int result = check_range(job, core, (uint32_t)total);
    result = result == 0 && job->wish->whole ? selection_expect_file(job->wish->whole, wanted) : result;
    if (result != 0) {
        return result;
    }
    job->wanted = wanted;
    job->read = count_skipped(job, (uint32_t)total);
    if (job->wanted > job->wish->max_pages) {
        return fail(ERR_TOO_MANY_PAGES, "%u pages to read, the limit is %lld", job->wanted,
                    (long long)job->wish->max_pages);
    }
    job->result.format = copy_string(json_string(message, "format"));
    job->result.page_total = (uint32_t)total;
    job->result.pages = alloc(job->wanted, sizeof(*job->result.pages));
    job_warn_all(job, core, json_at(message, "warnings"));
    job->state = JOB_READING;
    return 0;
}

/* The memory of the bitmap is the front's from now on, what was needed to draw it is free. */
static void charge_bitmap(struct job *job, struct core *core, uint64_t bytes) {
    uint64_t granted = job->drawing.request.bytes;
    job->editions.most = granted > job->editions.most ? granted : job->editions.most;
    uint64_t moved = granted < bytes ? granted : bytes;
    ledger_move(core->ledger, job->account, CHARGE_DRAWING, core->account, CHARGE_BITMAP, moved, 0);
    ledger_credit(core->ledger, job->account, CHARGE_DRAWING, granted - moved, 0);
    claim_forget(&job->drawing);
    if (bytes > moved) { /* it drew more than it was granted: counted all the same */
        uint64_t held = ledger_held(core->ledger, core->account, CHARGE_BITMAP);
        ledger_note(core->ledger, core->account, CHARGE_BITMAP, held + bytes - moved);
    }
    job->need = admission_next_grant(granted, bytes);
    job_note_baseline(job, core);
}

/* Looked at before it is charged: a raster that was taken over shall not claim all memory for a file that is empty. */
static int check_size(const struct job *job, const struct bitmap *bitmap, size_t bytes, int fd) {
    struct stat status;
    bool whole = fstat(fd, &status) == 0 && status.st_size >= 0 && (uint64_t)status.st_size == bytes;
    bool allowed = (uint64_t)bitmap->width * bitmap->height <= (uint64_t)job->wish->max_pixels;
    return whole && allowed ? 0
                            : fail(ERR_PROTOCOL, "a bitmap of %u x %u pixels, %s", bitmap->width, bitmap->height,
                                   whole ? "which is more than was allowed" : "in a file of another size");
}

static int take_page(struct job *job, struct core *core, struct json **message, int *fd) {
    struct bitmap bitmap;
    size_t bytes = 0;
    int result = bitmap_from_json(*message, &bitmap);
    result = result ? result : bitmap_bytes(&bitmap, &bytes);
    if (result != 0 || *fd < 0 || !job->asked || json_int(*message, "page", 0) != job->page) {
        return result ? result : fail(ERR_PROTOCOL, "a page that was not asked for, or without its bitmap");
    }
    result = check_size(job, &bitmap, bytes, *fd);
    if (result != 0) {
        return result;
    }
    charge_bitmap(job, core, bytes);
    job->sheet = (struct sheet){.page = job->page,
                                .suspect = job_is_suspect(job, job->page),
                                .bitmap = bitmap,
                                .bytes = bytes,
                                .fd = take_fd(fd),
                                .message = take(*message)};
    job->asked = false;
    job->page = 0;
    return 0;
}

static void fail_as_told(struct job *job, struct core *core, const struct json *message) {
    job_fail(job, core, error_from_word(json_string(message, "error")), job->page, json_string(message, "detail"));
}

/* The page is not drawn: it needs more than was granted, and is asked for again when that fits. */
static int take_needs(struct job *job, struct core *core, const struct json *message) {
    int64_t bytes = json_int(message, "bytes", 0);
    if (bytes <= (int64_t)job->drawing.request.bytes || json_int(message, "page", 0) != job->page) {
        return fail(ERR_PROTOCOL, "octavo-raster needs %lld bytes after it was granted %llu", (long long)bytes,
                    (unsigned long long)job->drawing.request.bytes);
    }
    if (++job->needs > MOST_NEEDS) {
        char *detail cleanup(drop_memory) =
            format("drawing needs more each time, %lld bytes at last", (long long)bytes);
        job_fail_page(job, core, ERR_NO_MEMORY, detail);
        return 0;
    }
    claim_drop(&job->drawing, core);
    job->need = (uint64_t)bytes;
    job->asked = false;
    return 0;
}

static int take_message(struct job *job, struct core *core, struct json **message, int *fd) {
    const char *op = json_string(*message, "op");
    if (job->state == JOB_OPENING && strcmp(op, "opened") == 0) {
        return take_opened(job, core, *message);
    }
    if (job->state == JOB_OPENING && strcmp(op, "failed") == 0) {
        fail_as_told(job, core, *message);
        return 0;
    }
    if (edition_is_writing(job)) {
        edition_take(job, core, *message);
        return 0;
    }
    if (job->state == JOB_READING && strcmp(op, "page") == 0) {
        return take_page(job, core, message, fd);
    }
    if (job->asked && strcmp(op, "page_needs") == 0) {
        return take_needs(job, core, *message);
    }
    if (job->asked && strcmp(op, "page_failed") == 0) {
        job_fail_page(job, core, error_from_word(json_string(*message, "error")), json_string(*message, "detail"));
        return 0;
    }
    return fail(ERR_PROTOCOL, "octavo-raster sent \"%s\" out of turn", op);
}

static void bury(struct job *job, struct core *core) {
    struct obituary obituary = {0};
    uint32_t page = job->asked ? job->page : 0;
    job_end_raster(job, core, &obituary);
    char *text cleanup(drop_memory) = obituary_text("octavo-raster", &obituary);
    if (edition_is_writing(job)) {
        edition_fail(job, core, ERR_RASTER_CRASHED, text);
        return;
    }
    job_fail(job, core, ERR_RASTER_CRASHED, page, text);
}

void raster_inbox_receive(struct job *job, struct core *core) {
    struct json *message cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    core->moved = clock_now();
    int result = message_receive(job->raster.socket, &message, &fd);
    if (result == ERR_CLOSED) {
        bury(job, core);
        return;
    }
    job->deadline = INT64_MAX; /* until something else is asked, or it ends */
    result = result ? result : take_message(job, core, &message, &fd);
    if (result != 0) {
        job_fail(job, core, result, job->asked ? job->page : 0, error_detail());
    }
}
