/* The part of a task's life in which it is read, and what the clock does to tasks. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "task/book.h"

static const int64_t SECOND = 1000000000, MILLISECOND = 1000000;
enum { SWEEP_SECONDS = 10, SWEPT_AT_ONCE = 100, SMALLEST_JUMP = 1000 /* ms; less is a clock that is steered */ };

/* Beginning */

static struct task *first_waiting(const struct tasks *tasks) {
    struct task *first = NULL;
    struct queue_place best = {0};
    for (size_t i = 0; i < tasks->count; i++) {
        struct task *task = tasks->live[i];
        const struct queue_place place = {
            .priority = task->row.priority, .since = task->since, .number = task->row.number};
        if (!task->running && (!first || queue_before(&place, &best))) {
            first = task;
            best = place;
        }
    }
    return first;
}

bool tasks_waiting(const struct tasks *tasks, struct queue_place *ret_place, int *ret_device) {
    const struct task *task = first_waiting(tasks);
    if (task) {
        *ret_place =
            (struct queue_place){.priority = task->row.priority, .since = task->since, .number = task->row.number};
        *ret_device = task->device;
    }
    return task != NULL;
}

int tasks_next(struct tasks *tasks, struct task **ret) {
    struct task *task = first_waiting(tasks);
    if (!task) {
        return fail(ERR_NOT_FOUND, "no task waits");
    }
    int result = 0;
    if (task->row.state != TASK_RUNNING) {
        struct task_row next = task->row;
        next.started = next.started ? next.started : clock_wall();
        result = tasks->kind->move(tasks->store, &next, TASK_RUNNING);
        if (result != 0) {
            return result;
        }
        task->row = next;
    }
    task->running = true;
    task->since = clock_now();
    *ret = task;
    book_announce(tasks, task->row.id);
    return 0;
}

struct recount {
    struct task *task;
    void (*each)(void *context, uint32_t page);
    void *context;
};

static void set_text(char **place, const char *text) {
    free(*place);
    *place = copy_string(text);
}

static void note_failed_page(struct task_row *row, int64_t page, const char *error, const char *detail) {
    set_text(&row->error, error);
    set_text(&row->detail, detail);
    row->error_page = page;
}

static bool recount_page(void *context, const struct task_page *page) {
    struct recount *recount = context;
    recount->task->row.pages_done++;
    if (page->error) {
        note_failed_page(&recount->task->row, page->page, page->error, page->detail);
    }
    recount->each(recount->context, (uint32_t)page->page);
    return true;
}

int tasks_done_pages(struct tasks *tasks, struct task *task, void (*each)(void *context, uint32_t page),
                     void *context) {
    struct recount recount = {.task = task, .each = each, .context = context};
    struct json *timings cleanup(json_drop) = NULL;
    const char *text = task->row.timings;
    task->row.pages_done = 0;
    task->stages = (struct stages){0};
    if (text && json_parse(text, strlen(text), &timings) == 0) {
        int result = stages_from_json(timings, &task->stages);
        (void)result; /* times that nobody understands any more are left out */
    }
    return tasks->kind->pages(tasks->store, task->row.number, 1, recount_page, &recount);
}

void tasks_opened(struct task *task, const char *format, const char *engine, uint32_t document_pages, uint32_t pages) {
    set_text(&task->row.format, format);
    if (engine) { /* none was needed for a task whose pages were all read before */
        set_text(&task->row.engine, engine);
    }
    task->row.document_pages = document_pages;
    task->row.pages = pages;
}

/* Pages */

void tasks_charged(struct task *task, uint64_t bytes) {
    int64_t *peak = &task->row.peak_bytes;
    *peak = (int64_t)bytes > *peak ? (int64_t)bytes : *peak;
}

static double seconds_of(const struct task *task) { return task->seconds + clock_seconds(clock_now() - task->since); }

/* Writes the page and the sums that follow from it, or leaves all as it was. */
static int write_page(struct tasks *tasks, struct task *task, const struct task_page *page, const struct stages *stages,
                      const char *plan) {
    struct json *json cleanup(json_drop) = stages_to_json(stages);
    char *timings cleanup(drop_memory) = json_text(json, false);
    char *new_plan cleanup(drop_memory) = copy_string(plan);
    struct task_row next = task->row;
    next.timings = timings;
    next.plan = new_plan;
    next.pages_done++;
    next.result_bytes += page->bytes;
    next.seconds = seconds_of(task);
    int result = tasks->kind->add_page(tasks->store, &next, page);
    if (result != 0) {
        return result;
    }
    free(task->row.timings);
    free(task->row.plan);
    task->row = next;
    timings = new_plan = NULL;
    task->stages = *stages;
    tasks->counts.pages++;
    book_announce(tasks, task->row.id);
    return 0;
}

int tasks_page(struct tasks *tasks, struct task *task, const struct page *page) {
    struct json *json cleanup(json_drop) = page_to_json(page, true);
    char *text cleanup(drop_memory) = json_text(json, false);
    size_t length = strlen(text);
    struct stages stages = task->stages;
    stages_add(&stages, &page->stages);
    uint64_t offset;
    int result = blobs_add_page(tasks->blobs, task->row.id, text, length, &offset);
    if (result != 0) {
        return result;
    }
    const struct task_page row = {.page = page->number, .offset = (int64_t)offset, .bytes = (int64_t)length};
    struct json *plan cleanup(json_drop) = page_plan_to_json(&page->plan);
    char *plan_text cleanup(drop_memory) = page->plan.engine[0] ? json_text(plan, false) : NULL;
    return write_page(tasks, task, &row, &stages, plan_text);
}

int tasks_page_failed(struct tasks *tasks, struct task *task, uint32_t page, int error, const char *detail) {
    const struct task_page row = {.page = page, .error = error_word(error), .detail = detail};
    int result = write_page(tasks, task, &row, &task->stages, task->row.plan);
    if (result == 0) {
        note_failed_page(&task->row, page, row.error, detail);
    }
    return result;
}

/* Ending */

void tasks_return(struct tasks *tasks, struct task *task) {
    struct task_row next = task->row;
    task->seconds = next.seconds = seconds_of(task);
    next.error = next.detail = NULL; /* of pages; they are counted again */
    next.error_page = 0;
    task->running = false;
    task->owner = NULL;
    task->since = clock_now();
    if (tasks->kind->move(tasks->store, &next, TASK_QUEUED) == 0) {
        task->row.state = next.state;
    }
    set_text(&task->row.error, NULL);
    set_text(&task->row.detail, NULL);
    task->row.error_page = 0;
    task->row.seconds = next.seconds;
    book_announce(tasks, task->row.id);
}

static void measure_rate(struct tasks *tasks, const struct task *task) {
    int64_t now = clock_now(), from = tasks->last_end > task->since ? tasks->last_end : task->since;
    double seconds = clock_seconds(now - from);
    tasks->seconds_per_task = tasks->seconds_per_task > 0 ? 0.8 * tasks->seconds_per_task + 0.2 * seconds : seconds;
    tasks->last_end = now;
}

static char *warnings_text(const struct task_end *end) {
    struct json *list cleanup(json_drop) = json_array_new();
    for (size_t i = 0; i < end->warning_count; i++) {
        json_append_string(list, end->warnings[i]);
    }
    return json_text(list, false);
}

int tasks_finish(struct tasks *tasks, struct task *task, const struct task_end *end) {
    struct task_row *row = &task->row;
    char *warnings cleanup(drop_memory) = warnings_text(end);
    set_text(&row->warnings, warnings);
    row->ended = clock_wall();
    row->seconds = seconds_of(task);
    row->result_bytes += end->bytes;
    if (end->error) {
        note_failed_page(row, end->page, error_word(end->error), end->detail);
    }
    int result = tasks->kind->move(tasks->store, row, row->error ? TASK_FAILED : TASK_DONE);
    if (result != 0) {
        row->ended = 0;
        row->result_bytes -= end->bytes;
        char *detail cleanup(drop_memory) = copy_string(error_detail());
        tasks_return(tasks, task);
        return fail(result, "%s", detail);
    }
    measure_rate(tasks, task);
    char id[ID_BYTES];
    memcpy(id, row->id, sizeof(id));
    book_close(tasks, task);
    book_announce(tasks, id);
    return 0;
}

/* The clock */

/* Backwards: a task that ends leaves its place to the last one. A store that fails is asked again later. */
static void expire(struct tasks *tasks, int64_t now) {
    for (size_t i = tasks->count; i > 0; i--) {
        struct task *task = tasks->live[i - 1];
        if (now >= task->deadline && book_stop(tasks, task, TASK_EXPIRED, ERR_EXPIRED) != 0) {
            task->deadline = now + SWEEP_SECONDS * SECOND;
        }
    }
}

/* Tasks that have ended and go now: by age, or the oldest of too many. */
struct sweep {
    char ids[SWEPT_AT_ONCE][ID_BYTES];
    size_t count;
    int64_t surplus, surplus_bytes; /* <= 0: not too many */
};

static bool sweep_old(void *context, const struct task_row *row) {
    struct sweep *sweep = context;
    memcpy(sweep->ids[sweep->count++], row->id, ID_BYTES);
    return sweep->count < SWEPT_AT_ONCE;
}

static bool sweep_surplus(void *context, const struct task_row *row) {
    struct sweep *sweep = context;
    if (sweep->surplus <= 0 && sweep->surplus_bytes <= 0) {
        return false;
    }
    sweep->surplus--;
    sweep->surplus_bytes -= row->result_bytes;
    return sweep_old(context, row);
}

static bool remove_swept(struct tasks *tasks, const struct sweep *sweep) {
    for (size_t i = 0; i < sweep->count; i++) {
        if (tasks_remove(tasks, sweep->ids[i]) != 0) {
            return false;
        }
    }
    return sweep->count == SWEPT_AT_ONCE; /* there may be more */
}

/*
 * The time of the wall clock by which it is told how old tasks are. When it is put forward, those that have ended
 * before would seem older than they are: until they are gone it goes on as it was. When it is put back they seem
 * younger, and are kept longer.
 */
static int64_t time_for_ages(struct tasks *tasks) {
    int64_t now = clock_now(), from = clock_wall() - now / MILLISECOND;
    if (from - tasks->ages_seen > SMALLEST_JUMP) {
        tasks->ages_until = now + tasks->limits.kept_seconds * SECOND;
    }
    tasks->ages_seen = from;
    if (now >= tasks->ages_until || from < tasks->ages_from) {
        tasks->ages_from = from;
    }
    return tasks->ages_from + now / MILLISECOND;
}

/* Some at a time, so that requests are answered between; whether there may be more. */
static bool retain(struct tasks *tasks) {
    unsigned over = 0;
    struct task_sums sums;
    struct sweep sweep = {0};
    int64_t kept = 0, bytes = 0;
    for (int i = 0; i < TASK_STATE_COUNT; i++) {
        over |= task_state_is_over((enum task_state)i) ? 1U << i : 0;
    }
    const struct task_query old = {.states = over,
                                   .oldest_first = true,
                                   .ended_before = time_for_ages(tasks) - 1000 * tasks->limits.kept_seconds,
                                   .limit = SWEPT_AT_ONCE};
    if (tasks->kind->list(tasks->store, &old, sweep_old, &sweep) != 0 || remove_swept(tasks, &sweep) ||
        tasks->kind->sum(tasks->store, &sums) != 0) {
        return sweep.count == SWEPT_AT_ONCE;
    }
    for (int i = 0; i < TASK_STATE_COUNT; i++) {
        kept += over & (1U << i) ? sums.tasks[i] : 0;
        bytes += over & (1U << i) ? sums.bytes[i] : 0;
    }
    sweep =
        (struct sweep){.surplus = kept - tasks->limits.kept_tasks, .surplus_bytes = bytes - tasks->limits.kept_bytes};
    const struct task_query all = {.states = over, .oldest_first = true, .told = true, .limit = SWEPT_AT_ONCE};
    return tasks->kind->list(tasks->store, &all, sweep_surplus, &sweep) == 0 && remove_swept(tasks, &sweep);
}

void tasks_tick(struct tasks *tasks, int64_t now) {
    expire(tasks, now);
    if (now >= tasks->next_sweep) {
        tasks->next_sweep = retain(tasks) ? now : now + SWEEP_SECONDS * SECOND;
    }
}

int64_t tasks_until(const struct tasks *tasks) {
    int64_t until = tasks->next_sweep;
    for (size_t i = 0; i < tasks->count; i++) {
        until = tasks->live[i]->deadline < until ? tasks->live[i]->deadline : until;
    }
    return until;
}
