#include "pool/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "memory/tree.h"
#include "pool/file.h"
#include "pool/supervisor.h"
#include "process/message.h"

enum {
    MOST_PAGES = 10000000,  /* more than any document has: a raster that says so is not to be believed */
    MOST_NEEDS = 4,         /* a raster that asks for more again and again is not to be believed either */
    RASTER_BYTES = 8 << 20, /* a raster at rest, measured: 5 to 8 MB */
    PIPE_BYTES = 32 << 20,  /* a document that comes through a pipe has no size before it was read */
};

struct job *job_new(const char *file, const struct job_wish *wish) {
    struct job *job = alloc(1, sizeof(*job));
    *job = (struct job){.file = copy_string(file),
                        .wish = wish,
                        .fd = -1,
                        .account = -1,
                        .opening = {.ticket = -1},
                        .drawing = {.ticket = -1},
                        .edition = {.fd = -1},
                        .deadline = INT64_MAX};
    job->result.name = utf8_valid_copy(file, strlen(file));
    return job;
}

int job_new_open(const char *name, int fd, const struct job_wish *wish, struct job **ret) {
    struct stat status;
    int copy cleanup(drop_fd) = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0 || fstat(copy, &status) != 0) {
        return fail(ERR_NO_INPUT, "%s", strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(ERR_NO_INPUT, "no regular file");
    }
    struct job *job = job_new(name, wish);
    job->device = status.st_dev;
    job->inode = status.st_ino;
    job->result.bytes = (uint64_t)status.st_size;
    job->fd = take_fd(&copy);
    *ret = job;
    return 0;
}

void job_skip(struct job *job, uint32_t page) { page_set_add(&job->skipped, page); }

void job_wind_up(struct job *job) { job->winding_up = true; }

void sheet_done(struct sheet *sheet, struct core *core) {
    if (sheet->page > 0) {
        ledger_credit(core->ledger, core->account, CHARGE_BITMAP, sheet->bytes, 0);
        drop_fd(&sheet->fd);
        json_drop(&sheet->message);
    }
    *sheet = (struct sheet){0};
}

void job_expect_answer(struct job *job) { job->deadline = clock_now() + job->wish->page_timeout * POOL_SECOND; }

/* Ends the raster: all that it holds is credited with its account. */
static void end_raster(struct job *job, struct core *core, struct obituary *ret_obituary) {
    if (job->drawing.state == CLAIM_WAITING) {
        claim_drop(&job->drawing, core);
    }
    claim_forget(&job->drawing);
    claim_drop(&job->opening, core);
    child_end(&job->raster, ret_obituary);
    ledger_close_account(core->ledger, job->account);
    job->account = -1;
    job->asked = false;
}

void job_end_raster(struct job *job, struct core *core) { end_raster(job, core, NULL); }

void job_fail(struct job *job, struct core *core, int error, uint32_t page, const char *detail) {
    if (job->state == JOB_ENDING || job->state == JOB_OVER) {
        return;
    }
    job->error = error;
    job->error_page = page;
    free(job->error_detail);
    job->error_detail = copy_string(detail);
    end_raster(job, core, NULL);
    sheet_done(&job->sheet, core);
    job->page = 0;
    job->need = 0;
    job->state = JOB_ENDING;
    job->deadline =
        clock_now() + POOL_SECOND / 2; /* what the worker has in hand may still come, an answer is due soon */
}

/* Opening */

static void send_open(const struct job *job, int fd) {
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", "open");
    json_set_real(body, "dpi", job->wish->dpi, 3);
    /* With --pages the limit is on the pages that are asked for, which are counted here. */
    json_set_int(body, "max_pages", job->wish->pages->count > 0 ? 0 : job->wish->max_pages);
    json_set_int(body, "max_pixels", job->wish->max_pixels);
    message_send(job->raster.socket, body, fd); /* a raster that is gone already shows as the end of its socket */
}

/*
 * Starts the raster: what the front held for it becomes its baseline. The front's own baseline is noted as measured,
 * now and then, so that it could not hold what is only granted.
 */
static int start_raster(struct job *job, struct core *core) {
    int fd cleanup(drop_fd) = -1;
    int result = 0;
    if (job->fd >= 0) {
        fd = fcntl(job->fd, F_DUPFD_CLOEXEC, 3);
        result = fd < 0 ? fail(ERR_PROCESS, "starting octavo-raster: %s", strerror(errno)) : 0;
    } else {
        result = file_of_job(job, &fd);
    }
    result = result ? result : child_start("octavo-raster", &job->raster);
    result = result ? result : ledger_open_account(core->ledger, "raster", job->raster.pid, &job->account);
    if (result != 0) {
        return result;
    }
    ledger_move(core->ledger, core->account, CHARGE_DOCUMENT, job->account, CHARGE_BASELINE, job->opening.request.bytes,
                0);
    claim_forget(&job->opening);
    send_open(job, fd);
    return 0;
}

/*
 * A first document may take what there is; the next ones leave room to draw a page, or all would be open and none could
 * go on.
 */
static void open_when_it_fits(struct job *job, struct core *core, bool others_open) {
    uint64_t bytes = RASTER_BYTES + (job_comes_through_pipe(job) ? PIPE_BYTES : 0);
    uint64_t beside = others_open ? 2 * admission_first_grant(claim_room(core)) : 0;
    int result = claim_ask(&job->opening, core, core->account, CHARGE_DOCUMENT, bytes, 0, beside, job->wish->priority);
    if (result == 1) {
        return;
    }
    job->state = JOB_OPENING;
    job->opened = job->opened ? job->opened : clock_now();
    core->moved = clock_now();
    result = result ? result : start_raster(job, core);
    if (result != 0) {
        job_fail(job, core, result, 0, error_detail());
        return;
    }
    job_expect_answer(job);
}

/* What the raster holds while it rests; of a pipe, what is beyond the usual is the document. */
static void note_baseline(const struct job *job, struct core *core) {
    struct tree_memory memory;
    if (job->account < 0 || tree_read(job->raster.pid, &memory) != 0) {
        return;
    }
    bool keeps_document = job->fd < 0 && memory.pss > RASTER_BYTES;
    uint64_t document = keeps_document ? memory.pss - RASTER_BYTES : 0;
    ledger_note(core->ledger, job->account, CHARGE_DOCUMENT, document);
    ledger_note(core->ledger, job->account, CHARGE_BASELINE, memory.pss - document);
}

/* The raster's messages */

void job_warn(struct job *job, const struct core *core, const char *warning) {
    result_warn(&job->result, warning);
    core->events->warning(core->events->context, job, warning);
}

void job_warn_all(struct job *job, const struct core *core, const struct json *warnings) {
    for (const struct json *member = json_first(warnings); member; member = json_next(member)) {
        if (json_as_string(member)) {
            job_warn(job, core, json_as_string(member));
        }
    }
}

static void fail_as_told(struct job *job, struct core *core, const struct json *message) {
    job_fail(job, core, error_from_word(json_string(message, "error")), job->page, json_string(message, "detail"));
}

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
    note_baseline(job, core);
    if (job->result.pages) { /* it was parked */
        job->state = JOB_READING;
        return total == job->result.page_total ? 0 : fail(ERR_PROTOCOL, "a document that changed while it was read");
    }
    int result = check_range(job, core, (uint32_t)total);
    if (result != 0) {
        return result;
    }
    job->wanted = ranges_count(job->wish->pages, (uint32_t)total);
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

static bool is_suspect(const struct job *job, uint32_t page) {
    for (size_t i = 0; i < job->suspect_count; i++) {
        if (job->suspects[i].page == page) {
            return true;
        }
    }
    return false;
}

/* The memory of the bitmap is the front's from now on, what was needed to draw it is free. */
static void charge_bitmap(struct job *job, struct core *core, uint64_t bytes) {
    uint64_t granted = job->drawing.request.bytes;
    job->edition.most = granted > job->edition.most ? granted : job->edition.most;
    uint64_t moved = granted < bytes ? granted : bytes;
    ledger_move(core->ledger, job->account, CHARGE_DRAWING, core->account, CHARGE_BITMAP, moved, 0);
    ledger_credit(core->ledger, job->account, CHARGE_DRAWING, granted - moved, 0);
    claim_forget(&job->drawing);
    if (bytes > moved) { /* it drew more than it was granted: counted all the same */
        uint64_t held = ledger_held(core->ledger, core->account, CHARGE_BITMAP);
        ledger_note(core->ledger, core->account, CHARGE_BITMAP, held + bytes - moved);
    }
    job->need = admission_next_grant(granted, bytes);
    note_baseline(job, core);
}

static int take_page(struct job *job, struct core *core, struct json **message, int *fd) {
    struct bitmap bitmap;
    size_t bytes = 0;
    int result = bitmap_from_json(*message, &bitmap);
    result = result ? result : bitmap_bytes(&bitmap, &bytes);
    if (result != 0 || *fd < 0 || !job->asked || json_int(*message, "page", 0) != job->page) {
        return result ? result : fail(ERR_PROTOCOL, "a page that was not asked for, or without its bitmap");
    }
    charge_bitmap(job, core, bytes);
    job->sheet = (struct sheet){.page = job->page,
                                .suspect = is_suspect(job, job->page),
                                .bitmap = bitmap,
                                .bytes = bytes,
                                .fd = take_fd(fd),
                                .message = take(*message)};
    job->asked = false;
    job->page = 0;
    return 0;
}

static void skip_page(struct job *job, struct core *core, int error, const char *detail) {
    uint32_t page = job->page;
    claim_drop(&job->drawing, core);
    job->asked = false;
    job->page = 0;
    job->need = 0;
    job_page_failed(job, core, page, error, detail);
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
        skip_page(job, core, ERR_NO_MEMORY, detail);
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
    if (job->edition.state == EDITION_WRITING) {
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
        skip_page(job, core, error_from_word(json_string(*message, "error")), json_string(*message, "detail"));
        return 0;
    }
    return fail(ERR_PROTOCOL, "octavo-raster sent \"%s\" out of turn", op);
}

static void bury_raster(struct job *job, struct core *core) {
    struct obituary obituary = {0};
    uint32_t page = job->asked ? job->page : 0;
    end_raster(job, core, &obituary);
    char *text cleanup(drop_memory) = obituary_text("octavo-raster", &obituary);
    if (job->edition.state == EDITION_WRITING) {
        edition_fail(job, core, ERR_RASTER_CRASHED, text);
        return;
    }
    job_fail(job, core, ERR_RASTER_CRASHED, page, text);
}

void job_receive(struct job *job, struct core *core) {
    struct json *message cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    core->moved = clock_now();
    int result = message_receive(job->raster.socket, &message, &fd);
    if (result == ERR_CLOSED) {
        bury_raster(job, core);
        return;
    }
    job->deadline = INT64_MAX; /* until something else is asked, or it ends */
    result = result ? result : take_message(job, core, &message, &fd);
    if (result != 0) {
        job_fail(job, core, result, job->asked ? job->page : 0, error_detail());
    }
}

/* Pages */

static uint32_t next_page(const struct job *job) {
    if (job->winding_up) {
        return 0;
    }
    for (size_t i = 0; i < job->suspect_count; i++) {
        if (job->suspects[i].waiting) {
            return job->suspects[i].page;
        }
    }
    uint32_t page = job->last;
    do {
        page = ranges_next(job->wish->pages, page, job->result.page_total);
    } while (page > 0 && page_set_has(&job->skipped, page));
    return page;
}

/* Chooses the page that is to be drawn next; false if there is none. */
static bool choose_page(struct job *job) {
    if (job->page > 0) {
        return true;
    }
    job->page = next_page(job);
    job->needs = 0;
    for (size_t i = 0; i < job->suspect_count; i++) {
        job->suspects[i].waiting = job->suspects[i].waiting && job->suspects[i].page != job->page;
    }
    job->last = job->page > job->last ? job->page : job->last;
    return job->page > 0;
}

static void ask_when_it_fits(struct job *job, struct core *core) {
    if (job->winding_up && !job->asked) { /* a page that only waits for memory */
        claim_drop(&job->drawing, core);
        job->page = 0;
        return;
    }
    if (job->asked || job->sheet.page > 0 || !choose_page(job)) {
        return;
    }
    uint64_t own = ledger_held(core->ledger, job->account, CHARGE_BASELINE);
    if (job->needs == 0) { /* a guess: the raster knows better */
        uint64_t room = claim_room(core);
        job->need = admission_guess(job->need, room > own ? room - own : 0);
    }
    int result = claim_ask(&job->drawing, core, job->account, CHARGE_DRAWING, job->need, own, 0, job->wish->priority);
    if (result < 0) {
        skip_page(job, core, result, error_detail());
        return;
    }
    if (result == 0) {
        struct json *body cleanup(json_drop) = json_object_new();
        json_set_string(body, "op", "page");
        json_set_int(body, "page", job->page);
        json_set_int(body, "bytes", (int64_t)job->need);
        message_send(job->raster.socket, body, -1); /* a raster that is gone shows as the end of its socket */
        job->asked = true;
        job_expect_answer(job);
    }
}

static bool all_read(const struct job *job) {
    return job->page == 0 && job->sheet.page == 0 && job->in_hand == 0 && next_page(job) == 0;
}

void job_advance(struct job *job, struct core *core, bool others_open) {
    if (job->state == JOB_WAITING) {
        open_when_it_fits(job, core, others_open);
    } else if (job->state == JOB_READING && all_read(job) && edition_is_due(job)) {
        edition_advance(job, core);
    } else if (job->state == JOB_READING) {
        ask_when_it_fits(job, core);
    }
}

/* Pages come nearly in order: the place is looked for from the end. */
static void insert_page(struct result *result, struct page *page) {
    size_t place = result->page_count++;
    for (; place > 0 && result->pages[place - 1].number > page->number; place--) {
        result->pages[place] = result->pages[place - 1];
    }
    result->pages[place] = *page;
    *page = (struct page){0};
}

void job_page_read(struct job *job, struct core *core, const struct json *message, struct page *page, uint64_t bytes) {
    double seconds = json_real(message, "seconds", 0);
    stage_add(&page->stages, STAGE_RASTER, seconds > 0 ? seconds : 0, 1);
    const struct json *warnings = json_at(message, "warnings");
    for (const struct json *member = json_first(warnings); member; member = json_next(member)) {
        if (json_as_string(member)) {
            page_warn(page, json_as_string(member));
        }
    }
    job->read++;
    const struct pool_events *events = core->events;
    if (!events->page_read || !events->page_read(events->context, job, page)) {
        insert_page(&job->result, page);
        job->results += bytes;
        core_results(core, (int64_t)bytes);
    }
    job->result.seconds = clock_seconds(clock_now() - job->opened);
}

void job_page_failed(struct job *job, struct core *core, uint32_t page, int error, const char *detail) {
    if (job->state == JOB_ENDING) { /* why it ended was told */
        return;
    }
    job->error = error;
    core->events->page_failed(core->events->context, job, page, error, detail);
}

void job_page_lost(struct job *job, struct core *core, const struct sheet *sheet, const char *obituary) {
    if (sheet->suspect) {
        char *detail cleanup(drop_memory) = format("%s, twice with this page in hand", obituary);
        job_page_failed(job, core, sheet->page, ERR_WORKER_CRASHED, detail);
        return;
    }
    if (job->state == JOB_ENDING) {
        return;
    }
    job->suspects = resize(job->suspects, job->suspect_count + 1, sizeof(*job->suspects));
    job->suspects[job->suspect_count++] = (struct suspect){.page = sheet->page, .waiting = true};
}

/* Waiting for memory */

bool job_waits(const struct job *job) {
    return job->opening.state == CLAIM_WAITING || job->drawing.state == CLAIM_WAITING;
}

void job_refuse(struct job *job, struct core *core) {
    bool opening = job->opening.state == CLAIM_WAITING;
    int result = claim_refuse(opening ? &job->opening : &job->drawing, core);
    if (opening) {
        job_fail(job, core, result, 0, error_detail());
    } else if (job->page == 0) {
        edition_fail(job, core, result, error_detail());
    } else {
        skip_page(job, core, result, error_detail());
    }
    core->moved = clock_now();
}

uint64_t job_need(const struct job *job, struct core *core) {
    uint64_t own = job->account >= 0 ? ledger_held(core->ledger, job->account, CHARGE_BASELINE) : RASTER_BYTES;
    return own + (job->page > 0 ? job->need : edition_is_due(job) ? job->edition.need : 0);
}

bool job_can_park(const struct job *job) {
    return job->state == JOB_READING && job->fd >= 0 && !job->asked && job->sheet.page == 0 &&
           job->drawing.state != CLAIM_HELD;
}

void job_park(struct job *job, struct core *core) {
    end_raster(job, core, NULL);
    job->state = JOB_WAITING;
    core->parked++;
    core->moved = clock_now();
}

/* Time and end */

static char *late_text(int64_t limit, const char *what) {
    return format("%lld second%s%s", (long long)limit, limit == 1 ? "" : "s", what);
}

static void fail_late(struct job *job, struct core *core, uint32_t page, int64_t limit, const char *what) {
    char *detail cleanup(drop_memory) = late_text(limit, what);
    job_fail(job, core, ERR_TIMEOUT, page, detail);
}

void job_tick(struct job *job, struct core *core, int64_t now) {
    int64_t limit = job->wish->deadline;
    if ((job->state == JOB_OPENING || job->asked) && now >= job->deadline) {
        fail_late(job, core, job->asked ? job->page : 0, job->wish->page_timeout, "");
    }
    if (job->edition.state == EDITION_WRITING && now >= job->deadline) {
        char *detail cleanup(drop_memory) = late_text(job->wish->page_timeout, " for writing the PDF");
        edition_fail(job, core, ERR_TIMEOUT, detail);
    }
    bool lives = job->state != JOB_ENDING && job->state != JOB_OVER;
    if (lives && job->opened > 0 && limit > 0 && now >= job->opened + limit * POOL_SECOND) {
        fail_late(job, core, 0, limit, " for the whole document");
        supervisor_cancel(job->lease.instance->worker, job);
    }
    bool ended = job->state == JOB_ENDING && (job->in_hand == 0 || now >= job->deadline);
    ended = ended || (job->state == JOB_WAITING && job->winding_up && job->in_hand == 0);
    if (ended || (job->state == JOB_READING && all_read(job) && !edition_is_due(job))) {
        end_raster(job, core, NULL);
        bool left = job->edition.state == EDITION_DUE && job->read > 0;
        job->result.complete = job->state == JOB_READING && job->read == job->wanted && !left;
        job->state = JOB_OVER;
        job->deadline = INT64_MAX;
        core->moved = now;
    }
}

void job_release(struct job *job, struct core *core) {
    core_results(core, -(int64_t)job->results);
    job->results = 0;
}

void job_free(struct job **job) {
    if (*job) {
        drop_fd(&(*job)->fd);
        drop_fd(&(*job)->edition.fd);
        result_done(&(*job)->result);
        free((*job)->suspects);
        page_set_done(&(*job)->skipped);
        free((*job)->error_detail);
        free((*job)->file);
        free(*job);
    }
    *job = NULL;
}
