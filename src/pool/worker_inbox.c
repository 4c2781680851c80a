#include "pool/worker_inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "memory/tree.h"
#include "pool/health.h"
#include "pool/mail.h"
#include "process/message.h"

static const int64_t MOST_LEFT = 64 << 20; /* bytes in a worker whose models have gone */

static void take_plan(struct supervisor *supervisor, const struct json *message) {
    int64_t floor = json_int(message, "floor", 0), comfort = json_int(message, "comfort", 0);
    supervisor->floor = floor > 0 ? (uint64_t)floor : 0;
    supervisor->comfort = comfort > 0 ? (uint64_t)comfort : 0;
    supervisor->reduced = json_bool(json_at(message, "plan"), "reduced", false);
    supervisor->plan_open = false;
    if (supervisor->stake) {
        supervisor->stake->floor = supervisor->floor;
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
    supervisor_note(supervisor, "ready");
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
    struct reading reading = hands_take(&supervisor->hands, (long)json_int(message, "id", 0));
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
    struct reading reading = hands_take(&supervisor->hands, (long)json_int(message, "id", 0));
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

/* Nothing is in its hands: the moment to compare it with what it was. */
static void take_quiet(struct supervisor *supervisor, const struct json *message) {
    struct tree_memory memory;
    if (!supervisor->stake || tree_read(supervisor->child.pid, &memory) != 0) {
        return;
    }
    supervisor->since_quiet = 0;
    if (supervisor->hands.count > 0) { /* it was; the next page is in its hands already */
        return;
    }
    supervisor->quiet = true;
    const struct rest rest = mail_open_quiet(message, supervisor->documents, memory.pss);
    char *reason cleanup(drop_memory) = recycle_judge(&supervisor->recycle, &rest);
    if (reason) {
        supervisor_recycle(supervisor, reason);
    }
}

/* Engines keep caches of their own when all models have gone; a process that is little else goes before its time. */
static void take_emptied(struct supervisor *supervisor, const struct json *message) {
    if (supervisor_is_idle(supervisor) && json_int(message, "left", 0) > MOST_LEFT) {
        supervisor_let_idle_go(supervisor, clock_now());
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
    if (strcmp(op, "emptied") == 0) {
        take_emptied(supervisor, message);
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

static int take_pong(struct supervisor *supervisor, const struct json *message) {
    supervisor->pinged_at = 0;
    int64_t limit = supervisor->core->conf->run_timeout;
    if (json_real(message, "busy", 0) <= (double)limit) {
        return 0;
    }
    supervisor->counts.hangs++;
    char *how cleanup(drop_memory) =
        format("octavo-worker was busy with one step for more than %lld s and was ended", (long long)limit);
    return supervisor_bury(supervisor, how);
}

int worker_inbox_receive(struct supervisor *supervisor) {
    if (supervisor->state == WORKER_LEAVING) {
        supervisor_gone(supervisor);
        return 0;
    }
    struct json *message cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = message_receive(supervisor->child.socket, &message, &fd);
    if (result == ERR_CLOSED) {
        return supervisor_bury(supervisor, NULL);
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
        return supervisor_bury(supervisor, reason);
    }
    return 0;
}
