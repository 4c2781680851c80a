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
#include "pool/mail.h"

enum {
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

void job_end_raster(struct job *job, struct core *core, struct obituary *ret_obituary) {
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

void job_fail(struct job *job, struct core *core, int error, uint32_t page, const char *detail) {
    if (job->state == JOB_ENDING || job->state == JOB_OVER) {
        return;
    }
    job->error = error;
    job->error_page = page;
    free(job->error_detail);
    job->error_detail = copy_string(detail);
    job_end_raster(job, core, NULL);
    sheet_done(&job->sheet, core);
    job->page = 0;
    job->need = 0;
    job->state = JOB_ENDING;
    job->deadline =
        clock_now() + POOL_SECOND / 2; /* what the worker has in hand may still come, an answer is due soon */
}

/* Opening */

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
    result = result ? result : child_start("octavo-raster", (int)core->conf->nice / 2, &job->raster);
    result = result ? result : ledger_open_account(core->ledger, "raster", job->raster.pid, &job->account);
    if (result != 0) {
        return result;
    }
    ledger_move(core->ledger, core->account, CHARGE_DOCUMENT, job->account, CHARGE_BASELINE, job->opening.request.bytes,
                0);
    claim_forget(&job->opening);
    mail_open(job->raster.socket, job->wish, fd);
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
void job_note_baseline(const struct job *job, struct core *core) {
    struct tree_memory memory;
    if (job->account < 0 || tree_read(job->raster.pid, &memory) != 0) {
        return;
    }
    bool keeps_document = job->fd < 0 && memory.pss > RASTER_BYTES;
    uint64_t document = keeps_document ? memory.pss - RASTER_BYTES : 0;
    ledger_note(core->ledger, job->account, CHARGE_DOCUMENT, document);
    ledger_note(core->ledger, job->account, CHARGE_BASELINE, memory.pss - document);
}

/* What is told */

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

void job_fail_page(struct job *job, struct core *core, int error, const char *detail) {
    uint32_t page = job->page;
    claim_drop(&job->drawing, core);
    job->asked = false;
    job->page = 0;
    job->need = 0;
    job_page_failed(job, core, page, error, detail);
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
    job->shrink = 1;
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
    if (result < 0 && job->shrink < BITMAP_SHRINK_MOST) {
        job->shrink *= 2;
        job->needs = 0;
        job->need = 0;
        ask_when_it_fits(job, core);
    } else if (result < 0) {
        job_fail_page(job, core, result, error_detail());
    } else if (result == 0) {
        mail_page(job->raster.socket, job->page, job->need, job->shrink);
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
    page->plan.reduced = page->plan.reduced || json_int(message, "shrink", 1) > 1;
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
        job_fail_page(job, core, result, error_detail());
    }
    core->moved = clock_now();
}

uint64_t job_need(const struct job *job, struct core *core) {
    uint64_t own = job->account >= 0 ? ledger_held(core->ledger, job->account, CHARGE_BASELINE) : RASTER_BYTES;
    return own + (job->page > 0 ? job->need : edition_is_due(job) ? edition_need(job) : 0);
}

bool job_is_suspect(const struct job *job, uint32_t page) {
    for (size_t i = 0; i < job->suspect_count; i++) {
        if (job->suspects[i].page == page) {
            return true;
        }
    }
    return false;
}

bool job_has_suspect(const struct job *job) {
    bool waits = false;
    for (size_t i = 0; i < job->suspect_count; i++) {
        waits = waits || job->suspects[i].waiting;
    }
    return waits || job->sheet.suspect || job_is_suspect(job, job->page);
}

bool job_is_new(const struct job *job) { return job->read == 0 && job->in_hand == 0; }

bool job_can_park(const struct job *job) {
    return job->state == JOB_READING && job->fd >= 0 && !job->asked && job->sheet.page == 0 &&
           job->drawing.state != CLAIM_HELD;
}

void job_park(struct job *job, struct core *core) {
    job_end_raster(job, core, NULL);
    job->state = JOB_WAITING;
    core->parked++;
    core->moved = clock_now();
}

/* Time and end */

static void fail_late(struct job *job, struct core *core, uint32_t page, int64_t limit, const char *what) {
    char *detail cleanup(drop_memory) = format("%lld second%s%s", (long long)limit, limit == 1 ? "" : "s", what);
    job_fail(job, core, ERR_TIMEOUT, page, detail);
}

bool job_tick(struct job *job, struct core *core, int64_t now) {
    int64_t limit = job->wish->deadline;
    if ((job->state == JOB_OPENING || job->asked) && now >= job->deadline) {
        fail_late(job, core, job->asked ? job->page : 0, job->wish->page_timeout, "");
    }
    if (edition_is_writing(job) && now >= job->deadline) {
        edition_fail_late(job, core);
    }
    bool lives = job->state != JOB_ENDING && job->state != JOB_OVER;
    bool late = lives && job->opened > 0 && limit > 0 && now >= job->opened + limit * POOL_SECOND;
    if (late) {
        fail_late(job, core, 0, limit, " for the whole document");
    }
    bool ended = job->state == JOB_ENDING && (job->in_hand == 0 || now >= job->deadline);
    ended = ended || (job->state == JOB_WAITING && job->winding_up && job->in_hand == 0);
    if (ended || (job->state == JOB_READING && all_read(job) && !edition_is_due(job))) {
        job_end_raster(job, core, NULL);
        job->result.complete = job->state == JOB_READING && job->read == job->wanted && !edition_is_left(job);
        job->state = JOB_OVER;
        job->deadline = INT64_MAX;
        core->moved = now;
    }
    return late;
}

void job_release(struct job *job, struct core *core) {
    core_results(core, -(int64_t)job->results);
    job->results = 0;
}

void job_free(struct job **job) {
    if (*job) {
        drop_fd(&(*job)->fd);
        editions_done(&(*job)->editions);
        result_done(&(*job)->result);
        free((*job)->suspects);
        page_set_done(&(*job)->skipped);
        free((*job)->error_detail);
        free((*job)->file);
        free(*job);
    }
    *job = NULL;
}
