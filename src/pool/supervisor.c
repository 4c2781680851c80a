#include "pool/supervisor.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "memory/tree.h"
#include "pool/dump.h"
#include "pool/health.h"
#include "pool/last_words.h"
#include "pool/mail.h"
#include "process/message.h"

enum {
    FALSE_STARTS = 5,     /* deaths in a row before it was ready, after which it is given up */
    ANSWER_SECONDS = 10,  /* no pong for so long: it hangs */
    CHECK_SECONDS = 5,    /* for reading one word, many times what it takes */
    START_SECONDS = 60,   /* for getting ready, at the least: engines may have to be measured */
    LEAVE_SECONDS = 2,    /* for ending by itself */
    USEFUL_PAGES = 4,     /* read by a worker before its death: it is not what keeps it from reading */
    QUIET_DOCUMENTS = 64, /* after so many without a quiet moment pages are held back until one comes */
};

static const uint64_t MEGABYTE = 1 << 20;

void supervisor_open(struct supervisor *supervisor, struct core *core, bool shared) {
    size_t window = (size_t)core->conf->threads; /* pages in its hands at a time */
    *supervisor = (struct supervisor){
        .core = core, .shared = shared, .account = -1, .child = {.pid_fd = -1, .socket = -1}, .window = window};
    supervisor->readings = alloc(window, sizeof(*supervisor->readings));
}

static void note_event(const struct supervisor *supervisor, const char *what) {
    recorder_note(supervisor->core->recorder, EVENT_WORKER, what, supervisor->child.pid, (int64_t)supervisor->count);
}

/* Beginning */

static void use_account(struct supervisor *supervisor, int account) {
    supervisor->account = account;
    if (supervisor->shared) {
        supervisor->core->worker_account = account;
    }
}

static int start(struct supervisor *supervisor, uint64_t bytes, int64_t now) {
    struct core *core = supervisor->core;
    int account;
    int result = child_start("octavo-worker", &supervisor->child);
    result = result ? result : ledger_open_account(core->ledger, "worker", supervisor->child.pid, &account);
    if (result != 0) {
        child_end(&supervisor->child, NULL);
        return result;
    }
    use_account(supervisor, account);
    supervisor->pid = supervisor->child.pid;
    mail_start(supervisor->child.socket, core, account, bytes); /* one that is gone shows as the end of its socket */
    supervisor->state = WORKER_STARTING;
    supervisor->plan_asked = bytes;
    supervisor->plan_open = false;
    supervisor->started_at = now;
    supervisor->ready_at = supervisor->pinged_at = supervisor->idle_since = supervisor->checked_at = 0;
    supervisor->pages = supervisor->since_quiet = 0;
    supervisor->counts.starts++;
    note_event(supervisor, "started");
    return 0;
}

/* Pages or orders are in its hands. */
static bool is_busy(const struct supervisor *supervisor) {
    return supervisor->count > 0 || orders_sent(supervisor->orders);
}

/* Puts a page into the worker's hands; job NULL: nobody's. */
static void hand_over(struct supervisor *supervisor, struct job *job, struct sheet *sheet,
                      const struct job_wish *wish) {
    mail_read(supervisor->child.socket, ++supervisor->last_id, sheet, wish);
    supervisor->readings[supervisor->count++] =
        (struct reading){.id = supervisor->last_id, .job = job, .sheet = *sheet};
}

/* Ending */

/* Takes a page off the worker's hands; the caller calls sheet_done(). Without such a page: id 0. */
static struct reading take_reading(struct supervisor *supervisor, long id) {
    for (size_t i = 0; i < supervisor->count; i++) {
        struct reading reading = supervisor->readings[i];
        if (reading.id == id) {
            supervisor->readings[i] = supervisor->readings[--supervisor->count];
            if (reading.job) {
                reading.job->in_hand--;
                reading.job->handed -= reading.sheet.bytes;
            }
            return reading;
        }
    }
    return (struct reading){0};
}

/* The process is gone, all that it held is credited. */
static void reap(struct supervisor *supervisor, struct obituary *ret_obituary) {
    child_end(&supervisor->child, ret_obituary);
    ledger_close_account(supervisor->core->ledger, supervisor->account);
    roster_clear(supervisor->core->roster, supervisor->pid);
    use_account(supervisor, -1);
    supervisor->plan_open = false;
    supervisor->ready_at = 0;
    supervisor->check_id = 0;
}

static void lose_pages(struct supervisor *supervisor, const char *obituary) {
    while (supervisor->count > 0) {
        struct reading reading = take_reading(supervisor, supervisor->readings[0].id);
        if (reading.job) {
            job_page_lost(reading.job, supervisor->core, &reading.sheet, obituary);
        }
        sheet_done(&reading.sheet, supervisor->core);
    }
}

/* Tells of the worker's end and plans the next start. how: why we end it; NULL: it ended by itself. */
static int bury(struct supervisor *supervisor, const char *how) {
    struct core *core = supervisor->core;
    int64_t now = clock_now();
    bool starting = supervisor->state == WORKER_STARTING;
    int64_t ready_at = supervisor->ready_at;
    struct obituary obituary = {0};
    note_event(supervisor, how ? "ended" : "died");
    child_end(&supervisor->child, &obituary); /* its account is still open: the dump shows what it held */
    char *text cleanup(drop_memory) = how ? copy_string(how) : obituary_text("octavo-worker", &obituary);
    char *words cleanup(drop_memory) = last_words(supervisor, text, now);
    supervisor->counts.deaths++;
    if (supervisor->pages >= USEFUL_PAGES) {
        backoff_forgive(&supervisor->backoff);
    }
    supervisor->start_at = backoff_next(&supervisor->backoff, ready_at, now);
    supervisor->false_starts = starting ? supervisor->false_starts + 1 : 0;
    bool last = supervisor->false_starts == FALSE_STARTS;
    double pause = clock_seconds(supervisor->start_at - now);
    if (!last) {
        core_note(core, pause > 0 ? "%s; it is started again in %.2g s" : "%s; it is started again", words, pause);
    }
    dump_write(core, "worker");
    reap(supervisor, NULL);
    supervisor->state = WORKER_RESTING;
    lose_pages(supervisor, text);
    orders_lose(&supervisor->orders, text);
    return last ? fail(ERR_WORKER_CRASHED, "%s, %d times in a row", words, FALSE_STARTS) : 0;
}

/* It may go: nothing is in its hands. */
static void let_go(struct supervisor *supervisor, int64_t now) {
    drop_fd(&supervisor->child.socket);
    supervisor->state = WORKER_LEAVING;
    supervisor->leave_by = now + LEAVE_SECONDS * POOL_SECOND;
}

static void gone(struct supervisor *supervisor) {
    reap(supervisor, NULL);
    supervisor->state = WORKER_NONE;
    orders_lose(&supervisor->orders, "the worker has left");
    malloc_trim(0); /* a lull: what the front keeps of its peak goes as well */
}

void supervisor_recycle(struct supervisor *supervisor, const char *reason) {
    if (supervisor->state != WORKER_READY || !supervisor->shared) {
        return;
    }
    supervisor->state = WORKER_DRAINING;
    supervisor->counts.recycles++;
    recycle_begin(&supervisor->recycle);
    note_event(supervisor, "recycled");
    core_note(supervisor->core, "octavo-worker is replaced by a new one: %s", reason);
}

/* The clock */

static int check_pulse(struct supervisor *supervisor, int64_t now) {
    if (!is_busy(supervisor)) {
        supervisor->pinged_at = 0;
        supervisor->next_ping = now + POOL_SECOND;
        return 0;
    }
    if (supervisor->pinged_at > 0 && now - supervisor->pinged_at >= ANSWER_SECONDS * POOL_SECOND) {
        supervisor->counts.hangs++;
        return bury(supervisor, "octavo-worker did not answer for 10 s and was ended");
    }
    if (supervisor->pinged_at == 0 && now >= supervisor->next_ping) {
        mail_ping(supervisor->child.socket);
        supervisor->pinged_at = now;
        supervisor->next_ping = now + POOL_SECOND;
    }
    return 0;
}

static int check_start(struct supervisor *supervisor, int64_t now) {
    int64_t limit = supervisor->core->conf->run_timeout;
    limit = limit > START_SECONDS ? limit : START_SECONDS;
    if (now - supervisor->started_at < limit * POOL_SECOND) {
        return 0;
    }
    supervisor->counts.hangs++;
    return bury(supervisor, "octavo-worker did not get ready in time and was ended");
}

static bool wants_plan(const struct supervisor *supervisor, uint64_t bytes) {
    uint64_t asked = supervisor->plan_asked;
    return bytes + 2 * MEGABYTE < asked || bytes > asked + asked / 16;
}

/* Since when nobody has wanted anything of it; 0: somebody does. A health check is nobody's. */
static int64_t idle_since(const struct supervisor *supervisor, bool wanted, int64_t now) {
    size_t checks = supervisor->check_id > 0;
    if (wanted || supervisor->count > checks || orders_sent(supervisor->orders) || !supervisor->shared) {
        return 0;
    }
    return supervisor->idle_since ? supervisor->idle_since : now;
}

/* What a page needs was loaded when it has read one. */
static int64_t next_check(const struct supervisor *supervisor) {
    int64_t interval = supervisor->core->conf->health_interval * POOL_SECOND, idle = supervisor->idle_since;
    bool wanted = interval > 0 && idle > 0 && supervisor->pages > 0;
    return !wanted ? INT64_MAX : interval + (supervisor->checked_at > idle ? supervisor->checked_at : idle);
}

/* Not when models would have to be loaded for it, or memory is short: that says nothing about the worker. */
static void begin_check(struct supervisor *supervisor, int64_t now) {
    struct sheet sheet;
    supervisor->checked_at = now;
    if (health_is_free(supervisor->core, supervisor->engine) && health_sheet(supervisor->core, &sheet) == 0) {
        hand_over(supervisor, NULL, &sheet, &health_wish);
        supervisor->check_id = supervisor->last_id;
        supervisor->counts.checks++;
    }
}

/* Beside pages that are wanted a check takes as long as it does: pings watch over both. */
static int check_health(struct supervisor *supervisor, int64_t now) {
    if (supervisor->check_id == 0 && now >= next_check(supervisor)) {
        begin_check(supervisor, now);
    }
    if (supervisor->check_id == 0 || supervisor->idle_since == 0 ||
        now < supervisor->checked_at + CHECK_SECONDS * POOL_SECOND) {
        return 0;
    }
    supervisor->counts.unhealthy++;
    return bury(supervisor, "octavo-worker did not read its health check in 5 s and was ended");
}

static void tick_ready(struct supervisor *supervisor, int64_t now, bool wanted, uint64_t bytes) {
    if (!supervisor->plan_open && wants_plan(supervisor, bytes)) {
        mail_plan(supervisor->child.socket, bytes);
        supervisor->plan_asked = bytes;
        supervisor->plan_open = true;
    }
    for (struct order *order = orders_unsent(supervisor->orders); order; order = orders_unsent(order)) {
        order->id = ++supervisor->last_id;
        mail_order(supervisor->child.socket, order);
    }
    supervisor->idle_since = idle_since(supervisor, wanted, now);
    bool idle = supervisor->idle_since > 0 && supervisor->check_id == 0;
    if (idle && now - supervisor->idle_since >= supervisor->core->conf->worker_idle * POOL_SECOND) {
        supervisor->counts.idle_leaves++;
        note_event(supervisor, "idle");
        let_go(supervisor, now);
    }
}

int supervisor_tick(struct supervisor *supervisor, int64_t now, bool wanted, uint64_t bytes) {
    int result = 0;
    switch (supervisor->state) {
    case WORKER_RESTING:
    case WORKER_NONE:
        return (wanted || supervisor->orders) && now >= supervisor->start_at ? start(supervisor, bytes, now) : 0;
    case WORKER_STARTING:
        return check_start(supervisor, now);
    case WORKER_READY:
        result = check_pulse(supervisor, now);
        if (supervisor->state == WORKER_READY) {
            tick_ready(supervisor, now, wanted, bytes);
        }
        return result == 0 && supervisor->state == WORKER_READY ? check_health(supervisor, now) : result;
    case WORKER_DRAINING:
        result = check_pulse(supervisor, now);
        if (supervisor->state == WORKER_DRAINING && !is_busy(supervisor)) {
            let_go(supervisor, now);
        }
        return result;
    case WORKER_LEAVING:
        if (now >= supervisor->leave_by) {
            gone(supervisor);
        }
        return 0;
    }
    return 0;
}

int64_t supervisor_until(const struct supervisor *supervisor, bool wanted) {
    const struct pool_conf *conf = supervisor->core->conf;
    switch (supervisor->state) {
    case WORKER_RESTING:
    case WORKER_NONE:
        return wanted || supervisor->orders ? supervisor->start_at : INT64_MAX;
    case WORKER_LEAVING:
        return supervisor->leave_by;
    case WORKER_STARTING:
        return supervisor->started_at +
               (conf->run_timeout > START_SECONDS ? conf->run_timeout : START_SECONDS) * POOL_SECOND;
    default:
        if (!is_busy(supervisor)) {
            int64_t check = next_check(supervisor), leave = supervisor->idle_since + conf->worker_idle * POOL_SECOND;
            return supervisor->idle_since == 0 ? INT64_MAX : check < leave ? check : leave;
        }
        if (supervisor->check_id > 0 && supervisor->idle_since > 0) {
            return supervisor->checked_at + CHECK_SECONDS * POOL_SECOND;
        }
        return supervisor->pinged_at ? supervisor->pinged_at + ANSWER_SECONDS * POOL_SECOND : supervisor->next_ping;
    }
}

struct pollfd supervisor_poll(const struct supervisor *supervisor) {
    int fd = supervisor->child.pid == 0            ? -1
             : supervisor->state == WORKER_LEAVING ? supervisor->child.pid_fd
                                                   : supervisor->child.socket;
    return (struct pollfd){.fd = fd, .events = POLLIN};
}

/* The worker's messages */

static void take_plan(struct supervisor *supervisor, const struct json *message) {
    int64_t floor = json_int(message, "floor", 0), comfort = json_int(message, "comfort", 0);
    supervisor->floor = floor > 0 ? (uint64_t)floor : 0;
    supervisor->comfort = comfort > 0 ? (uint64_t)comfort : 0;
    supervisor->plan_open = false;
    if (supervisor->shared) {
        supervisor->core->floor = supervisor->floor;
    }
    const struct json *object = json_at(message, "plan");
    char *plan cleanup(drop_memory) = object ? json_text(object, false) : copy_string("none");
    recorder_note(supervisor->core->recorder, EVENT_PLAN, plan, floor, (int64_t)supervisor->plan_asked);
}

static int take_ready(struct supervisor *supervisor, const struct json *message) {
    const char *engine = json_string(message, "engine"), *version = json_string(message, "engine_version");
    if (supervisor->state != WORKER_STARTING || !engine) {
        return fail(ERR_PROTOCOL, "octavo-worker sent \"ready\" out of turn, or without its engine");
    }
    free(supervisor->engine);
    supervisor->engine = version ? format("%s %s", engine, version) : copy_string(engine);
    supervisor->ready_at = clock_now();
    if (supervisor->ready_since == 0) {
        supervisor->ready_since = supervisor->ready_at;
        supervisor->started = json_real(message, "started", 0);
    }
    supervisor->state = WORKER_READY;
    supervisor->false_starts = 0;
    take_plan(supervisor, message);
    offer_read(&supervisor->offer, message);
    note_event(supervisor, "ready");
    return 0;
}

/* The health check was answered; wrong: NULL, or why it is not as it should be. */
static void end_check(struct supervisor *supervisor, const char *wrong) {
    supervisor->check_id = 0;
    if (wrong) {
        char *reason cleanup(drop_memory) = format("its health check went wrong: %s", wrong);
        supervisor->counts.unhealthy++;
        supervisor_recycle(supervisor, reason);
    }
}

static int take_result(struct supervisor *supervisor, const struct json *message, int fd) {
    struct reading reading = take_reading(supervisor, (long)json_int(message, "id", 0));
    if (reading.id == 0) {
        return fail(ERR_PROTOCOL, "octavo-worker sent a page that was not asked for");
    }
    struct page page cleanup(page_done) = {0};
    uint64_t bytes = 0;
    bool is_check = reading.id == supervisor->check_id;
    int result = reading.job || is_check ? mail_open_page(fd, &page, &bytes) : 0;
    if (is_check) {
        char *wrong cleanup(drop_memory) = result ? copy_string(error_detail()) : health_judge(&page);
        end_check(supervisor, wrong);
    } else if (result == 0 && reading.job) {
        page.number = reading.sheet.page;
        job_page_read(reading.job, supervisor->core, reading.sheet.message, &page, bytes);
    } else if (result != 0) {
        job_page_failed(reading.job, supervisor->core, reading.sheet.page, result, error_detail());
    }
    sheet_done(&reading.sheet, supervisor->core);
    supervisor->pages += !is_check;
    supervisor->core->moved = clock_now();
    return 0;
}

static int take_refusal(struct supervisor *supervisor, const struct json *message) {
    struct reading reading = take_reading(supervisor, (long)json_int(message, "id", 0));
    if (reading.id == 0) {
        return fail(ERR_PROTOCOL, "octavo-worker refused a page that was not asked for");
    }
    int error = error_from_word(json_string(message, "error"));
    const char *detail = json_string(message, "detail");
    if (reading.id == supervisor->check_id) {
        end_check(supervisor, error == ERR_NO_MEMORY ? NULL : detail); /* that is not the worker's fault */
    } else if (reading.job) {
        job_page_failed(reading.job, supervisor->core, reading.sheet.page, error, detail);
    }
    sheet_done(&reading.sheet, supervisor->core);
    supervisor->core->moved = clock_now();
    return 0;
}

static int take_pong(struct supervisor *supervisor, const struct json *message) {
    supervisor->pinged_at = 0;
    int64_t limit = supervisor->core->conf->run_timeout;
    if (json_real(message, "busy", 0) <= (double)limit) {
        return 0;
    }
    supervisor->counts.hangs++;
    char *how cleanup(drop_memory) =
        format("octavo-worker was busy with one step for more than %lld s and was ended", (long long)limit);
    return bury(supervisor, how);
}

/* Nothing is in its hands: the moment to compare it with what it was. */
static void take_quiet(struct supervisor *supervisor, const struct json *message) {
    struct tree_memory memory;
    if (!supervisor->shared || tree_read(supervisor->child.pid, &memory) != 0) {
        return;
    }
    supervisor->since_quiet = 0;
    if (supervisor->count > 0) { /* it was; the next page is in its hands already */
        return;
    }
    supervisor->quiet = true;
    const struct rest rest = mail_open_quiet(message, supervisor->documents, memory.pss);
    char *reason cleanup(drop_memory) = recycle_judge(&supervisor->recycle, &rest);
    if (reason) {
        supervisor_recycle(supervisor, reason);
    }
}

/* A plan that cannot be had: the worker keeps its last one, and what does not fit beside it is refused. */
static void take_plan_failure(struct supervisor *supervisor) {
    supervisor->plan_open = false;
    recorder_note(supervisor->core->recorder, EVENT_REFUSAL, "plan", (int64_t)supervisor->floor,
                  (int64_t)supervisor->plan_asked);
}

static int take_message(struct supervisor *supervisor, const struct json *message, int fd) {
    const char *op = json_string(message, "op");
    if (strcmp(op, "ready") == 0) {
        return take_ready(supervisor, message);
    }
    if (strcmp(op, "page") == 0) {
        return take_result(supervisor, message, fd);
    }
    if (strcmp(op, "page_failed") == 0) {
        return take_refusal(supervisor, message);
    }
    if (strcmp(op, "plan") == 0) {
        take_plan(supervisor, message);
        return 0;
    }
    if (strcmp(op, "plan_failed") == 0) {
        take_plan_failure(supervisor);
        return 0;
    }
    if (strcmp(op, "quiet") == 0) {
        take_quiet(supervisor, message);
        return 0;
    }
    if (strcmp(op, "ordered") == 0 || strcmp(op, "order_failed") == 0) {
        return orders_take_answer(&supervisor->orders, supervisor->last_id, message);
    }
    if (strcmp(op, "relieved") == 0) {
        const char *step = json_string(message, "step");
        recorder_note(supervisor->core->recorder, EVENT_ACTION, step ? step : "", 0, json_int(message, "bytes", 0));
        return 0;
    }
    return fail(ERR_PROTOCOL, "octavo-worker sent \"%s\"", op);
}

int supervisor_receive(struct supervisor *supervisor) {
    if (supervisor->state == WORKER_LEAVING) {
        gone(supervisor);
        return 0;
    }
    struct json *message cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = message_receive(supervisor->child.socket, &message, &fd);
    if (result == ERR_CLOSED) {
        return bury(supervisor, NULL);
    }
    const char *op = result == 0 ? json_string(message, "op") : "";
    if (strcmp(op, "pong") == 0) {
        return take_pong(supervisor, message);
    }
    if (strcmp(op, "failed") == 0 && supervisor->state == WORKER_STARTING) {
        const char *detail = json_string(message, "detail");
        return fail(error_from_word(json_string(message, "error")), "%s", detail ? detail : "");
    }
    result = result ? result : take_message(supervisor, message, fd);
    if (result != 0) {
        char *reason cleanup(drop_memory) = format("octavo-worker was ended: %s", error_detail());
        return bury(supervisor, reason);
    }
    return 0;
}

/* Pages */

bool supervisor_is_planning(const struct supervisor *supervisor, uint64_t bytes) {
    return supervisor->state != WORKER_READY || supervisor->plan_open || wants_plan(supervisor, bytes);
}

bool supervisor_takes(const struct supervisor *supervisor, const struct sheet *sheet) {
    bool alone = supervisor->count == 0;
    bool place = supervisor->count < supervisor->window && (alone || !supervisor->readings[0].sheet.suspect);
    bool rested = alone || supervisor->since_quiet < QUIET_DOCUMENTS;
    return supervisor->state == WORKER_READY && place && rested && (alone || !sheet->suspect);
}

void supervisor_read(struct supervisor *supervisor, struct job *job) {
    hand_over(supervisor, job, &job->sheet, job->wish);
    job->handed += job->sheet.bytes;
    job->sheet = (struct sheet){0};
    job->in_hand++;
    supervisor->first_read = supervisor->first_read ? supervisor->first_read : clock_now();
}

const char *supervisor_engine(const struct supervisor *supervisor, const struct job_wish *wish) {
    const char *own = supervisor->engine, *wanted = wish->engine;
    bool other = own && wanted && strcmp(wanted, "auto") != 0 && strncmp(own, wanted, strlen(wanted)) != 0;
    return other ? wanted : own;
}

void supervisor_cancel(struct supervisor *supervisor, const struct job *job) {
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->readings[i].job == job) {
            mail_cancel(supervisor->child.socket, supervisor->readings[i].id);
        }
    }
}

void supervisor_forget(struct supervisor *supervisor, const struct job *job) {
    supervisor->documents++;
    supervisor->since_quiet++;
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->readings[i].job == job) {
            supervisor->readings[i].job = NULL;
        }
    }
}

void supervisor_relieve(struct supervisor *supervisor, const char *step) {
    if (supervisor->state == WORKER_READY || supervisor->state == WORKER_DRAINING) {
        mail_relieve(supervisor->child.socket, step);
    }
}

void supervisor_let_go(struct supervisor *supervisor) {
    bool lives = supervisor->child.pid != 0 && supervisor->state != WORKER_LEAVING;
    if (lives && supervisor->count == 0) {
        let_go(supervisor, clock_now());
    }
}

void supervisor_done(struct supervisor *supervisor) {
    free(supervisor->readings);
    free(supervisor->engine);
    offer_done(&supervisor->offer);
    *supervisor = (struct supervisor){0};
}

void supervisor_close(struct supervisor *supervisor, int milliseconds) {
    if (supervisor->child.pid != 0) {
        child_leave(&supervisor->child, supervisor->count > 0 ? 0 : milliseconds, NULL);
        reap(supervisor, NULL);
    }
    for (size_t i = 0; i < supervisor->count; i++) {
        sheet_done(&supervisor->readings[i].sheet, supervisor->core);
    }
    supervisor->count = 0;
    supervisor->state = WORKER_NONE;
}

void supervisor_renew(struct supervisor *supervisor, int64_t until) {
    supervisor_close(supervisor, 0);
    supervisor->start_at = until;
    supervisor->false_starts = 0;
}
