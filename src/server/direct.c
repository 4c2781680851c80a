#include "server/direct.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

static const int64_t SECOND = 1000000000;
enum { MOST_WAITING = 64 };

void directs_open(struct directs *directs, const struct options *options, struct pool *pool,
                  const struct trouble *trouble) {
    *directs = (struct directs){
        .options = options, .pool = pool, .trouble = trouble, .waiting = alloc(MOST_WAITING, sizeof(struct run *))};
}

void directs_done(struct directs *directs) {
    free(directs->waiting);
    *directs = (struct directs){0};
}

static void answer(struct direct *direct, int error, const char *detail) {
    direct->owner = NULL;
    direct->error = error;
    direct->detail = copy_string(detail);
    api_direct_over(direct);
}

/* It does not wait for its lease any more. */
static void stop_waiting(struct directs *directs, struct run *run) {
    run_leave(directs->waiting, &directs->count, run);
    pool_release(directs->pool, &run->lease);
    run_free(run);
}

static void refuse(struct directs *directs, struct run *run, int error, const char *detail) {
    struct direct *direct = run->direct;
    stop_waiting(directs, run);
    answer(direct, error, detail);
}

void directs_refuse(struct directs *directs, int error, const char *detail) {
    while (directs->count > 0) {
        refuse(directs, directs->waiting[0], error, detail);
    }
}

/* 0, 1 while it waits, an error: as pool_acquire(). */
static int ask(struct directs *directs, struct run *run) {
    const struct direct *direct = run->direct;
    int64_t seconds = direct->wish->deadline;
    const struct lease_wish wish = {.device = wish_device(direct->wish),
                                    .place = {.priority = direct->wish->priority, .since = direct->since},
                                    .deadline = seconds > 0 ? direct->since + seconds * SECOND : INT64_MAX};
    return pool_acquire(directs->pool, &wish, &run->lease);
}

int directs_add(struct directs *directs, struct direct *direct) {
    if (directs->count == MOST_WAITING) {
        return fail(ERR_BUSY, "%d documents wait to be read at once", MOST_WAITING);
    }
    if (directs->trouble->error && clock_now() < directs->trouble->resume_at) { /* then it is tried, whoever asks */
        return fail(directs->trouble->error, "%s", directs->trouble->detail);
    }
    struct run *run = run_new(directs->options);
    run->direct = direct;
    wish_copy(direct->wish, &run->wish);
    int result = run_apply_wish(run);
    result = result ? result : ask(directs, run);
    if (result < 0) {
        run_free(run);
        return result;
    }
    direct->owner = run;
    directs->waiting[directs->count++] = run;
    return 0;
}

void directs_end(struct directs *directs, struct direct *direct) {
    struct run *run = direct->owner;
    direct->owner = NULL;
    if (run && run->job) {
        run->direct = NULL;
        pool_cancel(directs->pool, run->job, ERR_INTERRUPTED, "nobody waits for it any more");
    } else if (run) {
        stop_waiting(directs, run);
    } else if (direct->job) {
        job_release(direct->job, &directs->pool->core);
        job_free(&direct->job);
    }
}

/* What is left of its time is for reading it; its lease is held. */
static int begin(struct run *run, struct blobs *blobs, int64_t now) {
    const struct direct *direct = run->direct;
    int result = job_new_open("a document sent to /v1/ocr", direct->fd, &run->job_wish, &run->job);
    result = result ? result : run_want_editions(run, blobs, direct->wish);
    if (result != 0) {
        job_free(&run->job);
        return result;
    }
    if (direct->wish->deadline > 0) {
        int64_t left = direct->wish->deadline - (now - direct->since) / SECOND;
        run->job_wish.deadline = left > 1 ? left : 1;
    }
    return 0;
}

bool directs_next(struct directs *directs, struct blobs *blobs, int64_t now, struct run **ret) {
    for (size_t i = 0; i < directs->count; i++) {
        struct run *run = directs->waiting[i];
        int result = ask(directs, run);
        if (result == 1) {
            continue;
        }
        result = result ? result : begin(run, blobs, now);
        if (result != 0) {
            refuse(directs, run, result, error_detail());
            return true;
        }
        run_leave(directs->waiting, &directs->count, run);
        *ret = run;
        return true;
    }
    return false;
}

void direct_finish(struct run *run, struct job *job) {
    struct direct *direct = run->direct;
    direct->owner = NULL;
    if (job->error != 0) {
        const char *detail = job->error_detail ? job->error_detail : "";
        direct->error = job->error;
        direct->detail = direct->detail ? direct->detail : copy_string(detail);
    }
    direct->job = job;
    api_direct_over(direct);
    job->owner = NULL;
    run_free(run);
}
