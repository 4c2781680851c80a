#include "pool/supervisor.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "pool/dump.h"
#include "pool/health.h"
#include "pool/last_words.h"
#include "pool/mail.h"

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

void supervisor_open(struct supervisor *supervisor, struct core *core, int instance, struct stake *stake,
                     size_t threads) {
    *supervisor = (struct supervisor){.core = core,
                                      .instance = instance,
                                      .stake = stake,
                                      .threads = threads,
                                      .account = -1,
                                      .child = {.pid_fd = -1, .socket = -1}};
}

void supervisor_note(const struct supervisor *supervisor, const char *what) {
    recorder_note(supervisor->core->recorder, EVENT_WORKER, what, supervisor->child.pid,
                  (int64_t)supervisor->hands.count);
}

/* Beginning */

static void use_account(struct supervisor *supervisor, int account) {
    supervisor->account = account;
    if (supervisor->stake) {
        supervisor->stake->account = account;
    }
}

static int start(struct supervisor *supervisor, uint64_t bytes, int64_t now) {
    struct core *core = supervisor->core;
    int account;
    int result = child_start("octavo-worker", (int)core->conf->nice, &supervisor->child);
    result = result ? result : ledger_open_account(core->ledger, "worker", supervisor->child.pid, &account);
    if (result != 0) {
        child_end(&supervisor->child, NULL);
        return result;
    }
    use_account(supervisor, account);
    supervisor->pid = supervisor->child.pid;
    const struct mail_setup setup = {
        .instance = supervisor->instance, .account = account, .threads = supervisor->threads, .bytes = bytes};
    mail_start(supervisor->child.socket, core, &setup); /* one that is gone shows as the end of its socket */
    supervisor->state = WORKER_STARTING;
    supervisor->plan_asked = bytes;
    supervisor->plan_open = false;
    supervisor->started_at = now;
    supervisor->ready_at = supervisor->pinged_at = supervisor->idle_since = supervisor->checked_at = 0;
    supervisor->pages = supervisor->since_quiet = 0;
    supervisor->counts.starts++;
    supervisor_note(supervisor, "started");
    return 0;
}

/* Pages or orders are in its hands. */
static bool is_busy(const struct supervisor *supervisor) {
    return supervisor->hands.count > 0 || orders_sent(supervisor->orders);
}

bool supervisor_is_idle(const struct supervisor *supervisor) {
    return supervisor->state == WORKER_READY && supervisor->idle_since > 0 && !is_busy(supervisor);
}

/* Puts a page into the worker's hands; job NULL: nobody's. */
static void hand_over(struct supervisor *supervisor, struct job *job, struct sheet *sheet,
                      const struct job_wish *wish) {
    mail_read(supervisor->child.socket, ++supervisor->last_id, sheet, job && job_is_new(job), wish);
    hands_add(&supervisor->hands, supervisor->last_id, job, sheet);
}

/* Ending */

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

int supervisor_bury(struct supervisor *supervisor, const char *how) {
    struct core *core = supervisor->core;
    int64_t now = clock_now();
    bool starting = supervisor->state == WORKER_STARTING;
    int64_t ready_at = supervisor->ready_at;
    struct obituary obituary = {0};
    supervisor_note(supervisor, how ? "ended" : "died");
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
    hands_lose(&supervisor->hands, core, text);
    orders_lose(&supervisor->orders, text);
    return last ? fail(ERR_WORKER_CRASHED, "%s, %d times in a row", words, FALSE_STARTS) : 0;
}

/* It may go: nothing is in its hands. */
static void let_go(struct supervisor *supervisor, int64_t now) {
    drop_fd(&supervisor->child.socket);
    supervisor->state = WORKER_LEAVING;
    supervisor->leave_by = now + LEAVE_SECONDS * POOL_SECOND;
}

void supervisor_let_idle_go(struct supervisor *supervisor, int64_t now) {
    supervisor->counts.idle_leaves++;
    supervisor_note(supervisor, "idle");
    let_go(supervisor, now);
}

void supervisor_gone(struct supervisor *supervisor) {
    reap(supervisor, NULL);
    supervisor->state = WORKER_NONE;
    orders_lose(&supervisor->orders, "the worker has left");
    malloc_trim(0); /* a lull: what the front keeps of its peak goes as well */
}

void supervisor_recycle(struct supervisor *supervisor, const char *reason) {
    if (supervisor->state != WORKER_READY || !supervisor->stake) {
        return;
    }
    supervisor->state = WORKER_DRAINING;
    supervisor->counts.recycles++;
    recycle_begin(&supervisor->recycle);
    supervisor_note(supervisor, "recycled");
    bool alone = supervisor->core->stake_count == 1;
    core_note(supervisor->core,
              alone ? "octavo-worker is replaced by a new one: %s"
                    : "octavo-worker is replaced by a new one: %s (instance %d)",
              reason, supervisor->instance);
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
        return supervisor_bury(supervisor, "octavo-worker did not answer for 10 s and was ended");
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
    return supervisor_bury(supervisor, "octavo-worker did not get ready in time and was ended");
}

static bool wants_plan(const struct supervisor *supervisor, uint64_t bytes) {
    uint64_t asked = supervisor->plan_asked;
    return bytes + 2 * MEGABYTE < asked || bytes > asked + asked / 16;
}

/* Since when nobody has wanted anything of it; 0: somebody does. A health check is nobody's. */
static int64_t idle_since(const struct supervisor *supervisor, bool wanted, int64_t now) {
    size_t checks = supervisor->check_id > 0;
    if (wanted || supervisor->hands.count > checks || orders_sent(supervisor->orders) || !supervisor->stake) {
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
    if (health_is_free(supervisor->core, supervisor->instance, supervisor->engine) &&
        health_sheet(supervisor->core, &sheet) == 0) {
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
    return supervisor_bury(supervisor, "octavo-worker did not read its health check in 5 s and was ended");
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
    if (supervisor_is_idle(supervisor) &&
        now - supervisor->idle_since >= supervisor->core->conf->worker_idle * POOL_SECOND) {
        supervisor_let_idle_go(supervisor, now);
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
            supervisor_gone(supervisor);
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

/* Pages */

bool supervisor_is_planning(const struct supervisor *supervisor, uint64_t bytes) {
    return supervisor->state != WORKER_READY || supervisor->plan_open || wants_plan(supervisor, bytes);
}

/* A page for each thread, and those that the worker reads before what it has in hand already. */
bool supervisor_takes(const struct supervisor *supervisor, const struct job *job) {
    const struct hands *hands = &supervisor->hands;
    bool place = hands->count < supervisor->threads || job_is_new(job);
    bool rested = supervisor->since_quiet < QUIET_DOCUMENTS;
    if (hands->count == 0) {
        return supervisor->state == WORKER_READY;
    }
    bool suspect = job->sheet.suspect || hands->readings[0].sheet.suspect; /* is read alone */
    return supervisor->state == WORKER_READY && place && rested && !suspect;
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
    for (size_t i = 0; i < supervisor->hands.count; i++) {
        if (supervisor->hands.readings[i].job == job) {
            mail_cancel(supervisor->child.socket, supervisor->hands.readings[i].id);
        }
    }
}

void supervisor_forget(struct supervisor *supervisor, const struct job *job) {
    supervisor->documents++;
    supervisor->since_quiet++;
    hands_forget(&supervisor->hands, job);
}

void supervisor_relieve(struct supervisor *supervisor, const char *step) {
    if (supervisor->state == WORKER_READY || supervisor->state == WORKER_DRAINING) {
        mail_relieve(supervisor->child.socket, step);
    }
}

void supervisor_let_go(struct supervisor *supervisor) {
    bool lives = supervisor->child.pid != 0 && supervisor->state != WORKER_LEAVING;
    if (lives && supervisor->hands.count == 0) {
        let_go(supervisor, clock_now());
    }
}

void supervisor_done(struct supervisor *supervisor) {
    hands_done(&supervisor->hands);
    free(supervisor->engine);
    offer_done(&supervisor->offer);
    *supervisor = (struct supervisor){0};
}

void supervisor_close(struct supervisor *supervisor, int milliseconds) {
    if (supervisor->child.pid != 0) {
        child_leave(&supervisor->child, supervisor->hands.count > 0 ? 0 : milliseconds, NULL);
        reap(supervisor, NULL);
    }
    hands_drop(&supervisor->hands, supervisor->core);
    supervisor->state = WORKER_NONE;
}

void supervisor_renew(struct supervisor *supervisor, int64_t until) {
    supervisor_close(supervisor, 0);
    supervisor->start_at = until;
    supervisor->false_starts = 0;
}
