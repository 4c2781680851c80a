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
    TURN_SECONDS = 5,     /* a document that takes longer makes room for one that waits */
    FORGIVEN_CRASHES = 1, /* of a task's rasters */
};

/* Readiness */

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
    const struct trouble *trouble = &runner->trouble;
    struct queue_place place;
    int device;
    /* Over its pause, with nothing to be tried on, it may be past: whoever asks before sending would never find out. */
    bool tried = runner->directs.count > 0 || tasks_waiting(runner->tasks, &place, &device);
    bool troubled = trouble->error && (clock_now() < trouble->resume_at || tried);
    int error = runner->draining || troubled ? 0 : blobs_check(tasks_blobs(runner->tasks));
    if (runner->draining) {
        add_reason(reasons, ERR_DRAINING, "");
    } else if (troubled) {
        add_reason(reasons, trouble->error, trouble->detail);
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
    result = result ? result : run_want_editions(run, tasks_blobs(runner->tasks), &run->wish);
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
        trouble_note(&runner->trouble, result, error_detail());
    }
}

/* With the lease that is held for it. */
static void begin_task(struct runner *runner) {
    struct task *task;
    int result = tasks_next(runner->tasks, &task);
    if (result != 0) {
        trouble_note(&runner->trouble, result, error_detail());
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
        trouble_note(&runner->trouble, result, detail);
    }
}

/* Documents that somebody waits for */

int runner_begin_direct(void *context, struct direct *direct) {
    struct runner *runner = context;
    if (runner->draining) { /* since the document began to come */
        return fail(ERR_DRAINING, "%s", "");
    }
    return directs_add(&runner->directs, direct);
}

void runner_end_direct(void *context, struct direct *direct) {
    directs_end(&((struct runner *)context)->directs, direct);
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
        /* A page that may have ended its worker is not forgotten: it would end the next one in the next turn. */
        bool had_turn = run->task && now - run->since >= TURN_SECONDS * SECOND && queue_before(next, &behind) &&
                        !job_has_suspect(run->job);
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
        trouble_note(&runner->trouble, result, error_detail());
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
    struct run *run = NULL;
    if (result == 1 && directs_next(&runner->directs, tasks_blobs(runner->tasks), now, &run)) {
        result = 0;
    }
    if (run) {
        add_to_pool(runner, run, &run->lease);
    }
    return result <= 0;
}

static bool may_begin(const struct runner *runner, int64_t now) {
    return !runner->draining && now >= runner->trouble.resume_at;
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
        trouble_over(&runner->trouble);
    }
    if (run->direct || !run->task || run->unwritten) {
        return run->direct == NULL;
    }
    note_job(run, job);
    int result = tasks_page(runner->tasks, run->task, page);
    if (result == 0) {
        trouble_over(&runner->trouble);
    } else {
        run->unwritten = true;
        trouble_note(&runner->trouble, result, error_detail());
    }
    return true;
}

/* For what is made of the document: a page that is in the store. */
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
        trouble_note(&runner->trouble, result, error_detail());
    }
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

/* What was made of the document is kept; half of it is not. Adds its bytes. What the store fails with. */
static int keep_editions(struct runner *runner, const struct run *run, int64_t *bytes) {
    struct blobs *blobs = tasks_blobs(runner->tasks);
    int result = 0;
    for (int i = MADE_NONE + 1; i < MADE_COUNT && result == 0; i++) {
        struct stat status;
        enum made made = (enum made)i;
        int fd = edition_file(run->job, made);
        if (fd < 0) {
            blobs_remove_made(blobs, made, run->task->row.id);
            continue;
        }
        result = blobs_keep_made(blobs, made, fd);
        *bytes += result == 0 && fstat(fd, &status) == 0 ? status.st_size : 0;
    }
    return result;
}

static void finish_task(struct runner *runner, struct run *run) {
    struct job *job = run->job;
    bool back = goes_back(runner, run);
    int64_t bytes = 0;
    int result = back ? 0 : keep_editions(runner, run, &bytes);
    tasks_charged(run->task, job->peak);
    if (result != 0) {
        trouble_note(&runner->trouble, result, error_detail());
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
    run_leave(runner->runs, &runner->run_count, run);
    if (could_not_start(job) && !runner->giving_up) {
        trouble_note(&runner->trouble, job->error, job->error_detail);
    }
    if (run->direct) {
        direct_finish(run, job);
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
    trouble_note(&runner->trouble, error, detail);
    runner->giving_up = true;
    pool_give_up(&runner->pool, error, detail);
    runner->giving_up = false;
    pool_abandon_workers(&runner->pool, runner->trouble.resume_at);
    directs_refuse(&runner->directs, error, detail);
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
    bool waits = asks || runner->directs.count > 0;
    if (waits && !runner->draining && now < runner->trouble.resume_at) {
        return runner->trouble.resume_at < until ? runner->trouble.resume_at : until;
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
    directs_refuse(&runner->directs, ERR_DRAINING, "");
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
    directs_open(&runner->directs, options, &runner->pool, &runner->trouble);
    struct pool_conf conf = settings_of_pool(options);
    conf.nice = options->nice;
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
    directs_done(&runner->directs);
    trouble_done(&runner->trouble);
}
