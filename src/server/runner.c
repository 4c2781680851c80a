#include "server/runner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "pool/settings.h"
#include "pool/shelf.h"
#include "server/run.h"

static const int64_t SECOND = 1000000000;
enum {
    MOST_WAITING = 64,    /* that are to be read at once */
    TURN_SECONDS = 5,     /* a document that takes longer makes room for one that waits */
    FORGIVEN_CRASHES = 1, /* of a task's rasters */
    FIRST_PAUSE = 1,      /* seconds after a failure of all */
    LONGEST_PAUSE = 30,
};

/* Trouble */

/* Nothing is begun for a while; told once for each kind of trouble. */
static void pause_for(struct runner *runner, int error, const char *detail) {
    char *copy = copy_string(detail);
    if (runner->trouble != error) {
        log_line(LOG_ERROR, "%s: %s; %s", error_sentence(error), copy, error_advice(error));
        runner->pause = FIRST_PAUSE;
    } else if (runner->pause < LONGEST_PAUSE) {
        runner->pause *= 2;
    }
    runner->trouble = error;
    free(runner->trouble_detail);
    runner->trouble_detail = copy;
    runner->resume_at = clock_now() + runner->pause * SECOND;
}

static void all_is_well(struct runner *runner) {
    if (runner->trouble != 0) {
        log_line(LOG_INFO, "work goes on: %s", error_sentence(runner->trouble));
        runner->trouble = 0;
    }
}

static void add_reason(struct json *reasons, int error, const char *detail) {
    struct json *reason = json_object_new();
    char *text cleanup(drop_memory) = format("%s%s%s", error_sentence(error), *detail ? ": " : "", detail);
    json_set_string(reason, "code", error_word(error));
    json_set_string(reason, "detail", text);
    json_append(reasons, reason);
}

/* The disk is tried here as well: where nothing is to be read, only clients would find out. */
void runner_add_reasons(void *context, struct json *reasons) {
    const struct runner *runner = context;
    int error = runner->draining || runner->trouble ? 0 : blobs_check(tasks_blobs(runner->tasks));
    if (runner->draining) {
        add_reason(reasons, ERR_DRAINING, "");
    } else if (runner->trouble) {
        add_reason(reasons, runner->trouble, runner->trouble_detail);
    } else if (error != 0) {
        add_reason(reasons, error, error_detail());
    }
}

/* Runs */

static void add_to_pool(struct runner *runner, struct run *run, struct lease *lease) {
    run->job->owner = run;
    runner->runs[runner->run_count++] = run;
    pool_add(&runner->pool, run->job, lease);
}

/* Takes it out of a list of runs, which keeps its order. */
static void leave(struct run **runs, size_t *count, const struct run *run) {
    for (size_t i = 0; i < *count; i++) {
        if (runs[i] == run) {
            memmove(&runs[i], &runs[i + 1], (--*count - i) * sizeof(struct run *));
            break;
        }
    }
}

/* Beginning a task */

static void skip_page(void *context, uint32_t page) {
    struct run *run = context;
    job_skip(run->job, page);
}

static int open_task(struct runner *runner, struct run *run) {
    struct task *task = run->task;
    int fd cleanup(drop_fd) = -1;
    char *name cleanup(drop_memory) = format("task %s", task->row.id);
    int result = wish_set_json(&run->wish, task->row.options, strlen(task->row.options));
    result = result ? result : run_apply_wish(run);
    result = result ? result : blobs_read(tasks_blobs(runner->tasks), task->row.id, &fd);
    result = result ? result : job_new_open(name, fd, &run->job_wish, &run->job);
    result = result ? result : run_want_pdf(run, tasks_blobs(runner->tasks), &run->wish);
    return result ? result : tasks_done_pages(runner->tasks, task, skip_page, run);
}

/* Whether a failure is the document's own; all others are of the disk, and pass. */
static bool is_of_document(int error) {
    return error != ERR_STORE && error != ERR_STORE_BUSY && error != ERR_DISK_FULL && error != ERR_NO_INPUT;
}

static void end_task(struct runner *runner, struct task *task, const struct task_end *end) {
    task->owner = NULL;
    int result = tasks_finish(runner->tasks, task, end);
    if (result != 0) {
        pause_for(runner, result, error_detail());
    }
}

/* With the lease that is held for it. */
static void begin_task(struct runner *runner) {
    struct task *task;
    int result = tasks_next(runner->tasks, &task);
    if (result != 0) {
        pause_for(runner, result, error_detail());
        return;
    }
    struct run *run = run_new(runner->options);
    run->task = task;
    task->owner = run;
    result = open_task(runner, run);
    if (result == 0) {
        add_to_pool(runner, run, &runner->next);
        return;
    }
    char *detail cleanup(drop_memory) = copy_string(error_detail());
    task->owner = NULL;
    pool_release(&runner->pool, &runner->next); /* the next task may want another device */
    job_free(&run->job);
    run_free(run);
    if (is_of_document(result)) {
        log_line(LOG_WARNING, "task %s: %s: %s", task->row.id, error_sentence(result), detail);
        end_task(runner, task, &(struct task_end){.error = result, .detail = detail});
    } else {
        tasks_return(runner->tasks, task);
        pause_for(runner, result, detail);
    }
}

/* Documents that somebody waits for */

static void answer_direct(struct direct *direct, int error, const char *detail) {
    direct->owner = NULL;
    direct->error = error;
    direct->detail = copy_string(detail);
    api_direct_over(direct);
}

/* It does not wait for its lease any more. */
static void stop_waiting(struct runner *runner, struct run *run) {
    leave(runner->waiting, &runner->waiting_count, run);
    pool_release(&runner->pool, &run->lease);
    run_free(run);
}

static void refuse_waiting(struct runner *runner, int error, const char *detail) {
    while (runner->waiting_count > 0) {
        struct run *run = runner->waiting[0];
        struct direct *direct = run->direct;
        stop_waiting(runner, run);
        answer_direct(direct, error, detail);
    }
}

/* 0, 1 while it waits, an error: as pool_acquire(). */
static int ask_for_direct(struct runner *runner, struct run *run) {
    const struct direct *direct = run->direct;
    int64_t seconds = direct->wish->deadline;
    const struct lease_wish wish = {.device = wish_device(direct->wish),
                                    .place = {.priority = direct->wish->priority, .since = direct->since},
                                    .deadline = seconds > 0 ? direct->since + seconds * SECOND : INT64_MAX};
    return pool_acquire(&runner->pool, &wish, &run->lease);
}

int runner_begin_direct(void *context, struct direct *direct) {
    struct runner *runner = context;
    if (runner->draining) { /* since the document began to come */
        return fail(ERR_DRAINING, "%s", "");
    }
    if (runner->waiting_count == MOST_WAITING) {
        return fail(ERR_BUSY, "%d documents wait to be read at once", MOST_WAITING);
    }
    if (runner->trouble && clock_now() < runner->resume_at) { /* then it is tried, whoever asks */
        return fail(runner->trouble, "%s", runner->trouble_detail);
    }
    struct run *run = run_new(runner->options);
    run->direct = direct;
    wish_copy(direct->wish, &run->wish);
    int result = run_apply_wish(run);
    result = result ? result : ask_for_direct(runner, run);
    if (result < 0) {
        run_free(run);
        return result;
    }
    direct->owner = run;
    runner->waiting[runner->waiting_count++] = run;
    return 0;
}

void runner_end_direct(void *context, struct direct *direct) {
    struct runner *runner = context;
    struct run *run = direct->owner;
    direct->owner = NULL;
    if (run && run->job) {
        run->direct = NULL;
        pool_cancel(&runner->pool, run->job, ERR_INTERRUPTED, "nobody waits for it any more");
    } else if (run) {
        stop_waiting(runner, run);
    } else if (direct->job) {
        job_release(direct->job, &runner->pool.core);
        job_free(&direct->job);
    }
}

/* What is left of its time is for reading it; its lease is held. */
static void begin_direct(struct runner *runner, struct run *run, int64_t now) {
    struct direct *direct = run->direct;
    int result = job_new_open("a document sent to /v1/ocr", direct->fd, &run->job_wish, &run->job);
    result = result ? result : run_want_pdf(run, tasks_blobs(runner->tasks), direct->wish);
    if (result != 0) {
        job_free(&run->job);
        stop_waiting(runner, run);
        answer_direct(direct, result, error_detail());
        return;
    }
    if (direct->wish->deadline > 0) {
        int64_t left = direct->wish->deadline - (now - direct->since) / SECOND;
        run->job_wish.deadline = left > 1 ? left : 1;
    }
    leave(runner->waiting, &runner->waiting_count, run);
    add_to_pool(runner, run, &run->lease);
}

/* Turns */

/* Asks one document that has had its turn to make room, unless one does already. */
static void make_room(struct runner *runner, const struct queue_place *next, int64_t now) {
    struct run *longest = NULL;
    for (size_t i = 0; i < runner->run_count; i++) {
        struct run *run = runner->runs[i];
        if (run->job->winding_up || run->job->state == JOB_ENDING) {
            return;
        }
        const struct queue_place behind = {.priority = run->job_wish.priority, .since = now, .number = INT64_MAX};
        bool had_turn = run->task && now - run->since >= TURN_SECONDS * SECOND && queue_before(next, &behind);
        if (had_turn && (!longest || run->since < longest->since)) {
            longest = run;
        }
    }
    if (longest) {
        job_wind_up(longest->job);
    }
}

/* Asks for a lease for the task that is first in the queue, which stands for all of them. 1 if there is none. */
static int ask_for_task(struct runner *runner) {
    struct lease_wish wish = {.deadline = INT64_MAX}; /* its own ends it as EXPIRED */
    if (!tasks_waiting(runner->tasks, &wish.place, &wish.device)) {
        pool_release(&runner->pool, &runner->next);
        return 1;
    }
    return pool_acquire(&runner->pool, &wish, &runner->next);
}

/* There is no lease for the first task, and never will be. */
static void refuse_task(struct runner *runner, int error) {
    struct task *task;
    char *detail cleanup(drop_memory) = copy_string(error_detail());
    int result = tasks_next(runner->tasks, &task);
    if (result == 0) {
        end_task(runner, task, &(struct task_end){.error = error, .detail = detail});
    } else {
        pause_for(runner, result, error_detail());
    }
}

/* Begins, or refuses, one that waits; false if there is none for whom there is a place. */
static bool begin_next(struct runner *runner, int64_t now) {
    int result = ask_for_task(runner);
    if (result == 0) {
        begin_task(runner);
    } else if (result < 0) {
        refuse_task(runner, result);
    }
    for (size_t i = 0; result == 1 && i < runner->waiting_count; i++) {
        struct run *run = runner->waiting[i];
        result = ask_for_direct(runner, run);
        if (result == 0) {
            begin_direct(runner, run, now);
        } else if (result < 0) {
            struct direct *direct = run->direct;
            stop_waiting(runner, run);
            answer_direct(direct, result, error_detail());
        }
    }
    return result <= 0;
}

static bool may_begin(const struct runner *runner, int64_t now) {
    return !runner->draining && now >= runner->resume_at;
}

static void begin_runs(struct runner *runner, int64_t now) {
    while (may_begin(runner, now) && begin_next(runner, now)) {
    }
    if (!may_begin(runner, now)) {
        pool_release(&runner->pool, &runner->next);
    } else if (runner->pool.leases.waiting) {
        make_room(runner, &runner->pool.leases.waiting->wish.place, now);
    }
}

/* What the pool tells */

static void note_job(struct run *run, const struct job *job) {
    tasks_charged(run->task, job->peak);
    if (!run->opened) {
        run->opened = true;
        tasks_opened(run->task, job->result.format, supervisor_engine(job->lease.instance->worker, job->wish),
                     job->result.page_total, job->wanted);
    }
}

static bool take_page(void *context, struct job *job, const struct page *page) {
    struct runner *runner = context;
    struct run *run = job->owner;
    if (run->direct) {
        all_is_well(runner);
    }
    if (run->direct || !run->task || run->unwritten) {
        return run->direct == NULL;
    }
    note_job(run, job);
    int result = tasks_page(runner->tasks, run->task, page);
    if (result == 0) {
        all_is_well(runner);
    } else {
        run->unwritten = true;
        pause_for(runner, result, error_detail());
    }
    return true;
}

/* For the PDF: a page that is in the store. */
static int read_kept(void *context, struct job *job, uint32_t after, uint32_t *ret_page, char **ret) {
    struct runner *runner = context;
    struct run *run = job->owner;
    size_t length;
    *ret_page = 0;
    return run->task ? tasks_read_after(runner->tasks, &run->task->row, after, ret_page, ret, &length) : 0;
}

static void take_page_failure(void *context, const struct job *job, uint32_t page, int error, const char *detail) {
    struct runner *runner = context;
    struct run *run = job->owner;
    if (!run->task || run->unwritten) {
        if (run->direct && !run->direct->detail) {
            run->direct->detail = format("page %u: %s", page, detail ? detail : "");
        }
        return;
    }
    note_job(run, job);
    int result = tasks_page_failed(runner->tasks, run->task, page, error, detail);
    if (result != 0) {
        run->unwritten = true;
        pause_for(runner, result, error_detail());
    }
}

static void finish_direct(struct run *run, struct job *job) {
    struct direct *direct = run->direct;
    direct->owner = NULL;
    if (job->error != 0) {
        const char *detail = job->error_detail ? job->error_detail : "";
        direct->error = job->error;
        direct->detail = direct->detail ? direct->detail : copy_string(detail);
    }
    direct->job = job;
    api_direct_over(direct);
}

/* No process could be started for it: nothing of the document is known yet. */
static bool could_not_start(const struct job *job) { return job->error == ERR_PROCESS && job->error_detail; }

/* Whether its pages are not all dealt with for a reason that is not its own: a raster that dies may have been killed.
 */
static bool goes_back(const struct runner *runner, const struct run *run) {
    const struct job *job = run->job;
    if (job->error == ERR_RASTER_CRASHED && job->error_detail && run->task->crashes++ < FORGIVEN_CRASHES) {
        return true;
    }
    if (could_not_start(job)) {
        return true;
    }
    bool failed = job->error_detail != NULL; /* as a whole, not only a page of it */
    return run->unwritten || runner->giving_up || (job->winding_up && !failed && !job->result.complete);
}

/* A PDF that was written is kept; half of one is not. What the store fails with. */
static int keep_pdf(struct runner *runner, const struct run *run, int64_t *ret_bytes) {
    struct blobs *blobs = tasks_blobs(runner->tasks);
    struct stat status;
    const struct edition *edition = &run->job->edition;
    if (edition->state != EDITION_DONE) {
        blobs_remove_pdf(blobs, run->task->row.id);
        return 0;
    }
    int result = blobs_keep_pdf(blobs, edition->fd);
    if (result == 0 && fstat(edition->fd, &status) == 0) {
        *ret_bytes = status.st_size;
    }
    return result;
}

static void finish_task(struct runner *runner, struct run *run) {
    struct job *job = run->job;
    bool back = goes_back(runner, run);
    int64_t bytes = 0;
    int result = back ? 0 : keep_pdf(runner, run, &bytes);
    tasks_charged(run->task, job->peak);
    if (result != 0) {
        pause_for(runner, result, error_detail());
    }
    if (back || result != 0) {
        run->task->owner = NULL;
        tasks_return(runner->tasks, run->task);
        return;
    }
    struct task_end end = {
        .bytes = bytes, .warnings = job->result.warnings, .warning_count = job->result.warning_count};
    if (job->error_detail) {
        end.error = job->error;
        end.page = job->error_page;
        end.detail = job->error_detail;
        log_line(LOG_WARNING, "task %s: %s: %s", run->task->row.id, error_sentence(job->error), job->error_detail);
    }
    if (!run->opened && job->wanted > 0) {
        tasks_opened(run->task, job->result.format, job->result.engine, job->result.page_total, job->wanted);
    }
    end_task(runner, run->task, &end);
}

static void take_over(void *context, struct job *job) {
    struct runner *runner = context;
    struct run *run = job->owner;
    leave(runner->runs, &runner->run_count, run);
    if (could_not_start(job) && !runner->giving_up) {
        pause_for(runner, job->error, job->error_detail);
    }
    if (run->direct) {
        finish_direct(run, job);
        job->owner = NULL;
        run_free(run);
        return;
    }
    if (run->task) {
        finish_task(runner, run);
    }
    job_release(job, &runner->pool.core);
    job_free(&job);
    run_free(run);
}

static void take_warning(void *context, const struct job *job, const char *text) {
    (void)context, (void)job, (void)text;
}

static void take_note(void *context, const char *text) {
    (void)context;
    log_line(LOG_INFO, "%s", text);
}

/* The event loop */

/* No page can be read: what is in work goes back, and it is tried again later. */
static void fall(struct runner *runner, int error) {
    char *detail cleanup(drop_memory) = copy_string(error_detail());
    pause_for(runner, error, detail);
    runner->giving_up = true;
    pool_give_up(&runner->pool, error, detail);
    runner->giving_up = false;
    pool_abandon_worker(&runner->pool, runner->resume_at);
    refuse_waiting(runner, error, detail);
}

void runner_step(struct runner *runner, int64_t now) {
    begin_runs(runner, now);
    for (size_t i = 0; i < runner->run_count; i++) {
        if (runner->runs[i]->unwritten && runner->runs[i]->job->state != JOB_ENDING) {
            pool_cancel(&runner->pool, runner->runs[i]->job, ERR_STORE, "its pages cannot be kept");
        }
    }
    int result = pool_step(&runner->pool, now);
    if (result != 0) {
        fall(runner, result);
    }
}

void runner_take(struct runner *runner, const struct pollfd *polled) {
    int result = pool_take(&runner->pool, polled);
    if (result != 0) {
        fall(runner, result);
    }
}

int64_t runner_until(const struct runner *runner, int64_t now) {
    int64_t until = pool_until(&runner->pool, now);
    struct queue_place place;
    int device;
    bool asks = runner->next.state == LEASE_NONE && tasks_waiting(runner->tasks, &place, &device);
    bool waits = asks || runner->waiting_count > 0;
    if (waits && !runner->draining && now < runner->resume_at) {
        return runner->resume_at < until ? runner->resume_at : until;
    }
    if (!may_begin(runner, now)) {
        return until;
    }
    int64_t late = leases_until(&runner->pool.leases);
    return asks || leases_can_grant(&runner->pool.leases) ? now : late < until ? late : until;
}

/* The end */

void runner_drain(struct runner *runner) {
    runner->draining = true;
    refuse_waiting(runner, ERR_DRAINING, "");
    pool_release(&runner->pool, &runner->next);
    for (size_t i = 0; i < runner->run_count; i++) {
        if (runner->runs[i]->task) {
            job_wind_up(runner->runs[i]->job);
        }
    }
}

bool runner_is_empty(const struct runner *runner) { return runner->run_count == 0; }

void runner_give_up(struct runner *runner) {
    runner->giving_up = true;
    pool_give_up(&runner->pool, ERR_DRAINING, "");
}

int runner_settle(struct runner *runner) { return pool_settle(&runner->pool, true); }

void runner_stopped(struct runner *runner, struct task *task) {
    struct run *run = task->owner;
    if (run) {
        run->task = NULL;
        pool_cancel(&runner->pool, run->job, ERR_CANCELLED, "");
    }
}

void runner_use(struct runner *runner, struct tasks *tasks) { runner->tasks = tasks; }

int runner_open(struct runner *runner, const struct options *options) {
    *runner = (struct runner){.options = options};
    runner->runs = alloc((size_t)options->jobs, sizeof(struct run *));
    runner->waiting = alloc(MOST_WAITING, sizeof(struct run *));
    const struct pool_conf conf = settings_of_pool(options);
    const struct pool_events events = {.context = runner,
                                       .over = take_over,
                                       .page_read = take_page,
                                       .page_kept = read_kept,
                                       .page_failed = take_page_failure,
                                       .warning = take_warning,
                                       .note = take_note};
    int result = pool_open(&runner->pool, &conf, &events);
    if (result == 0) {
        shelf_show(&runner->pool.core);
    }
    return result;
}

void runner_done(struct runner *runner) {
    pool_done(&runner->pool);
    free(runner->runs);
    free(runner->waiting);
    free(runner->trouble_detail);
}
