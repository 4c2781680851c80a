/*
 * Life of a page, under the crew's lock:
 *
 *   WAITING    in the queue                                          crew_read()
 *   BEGINNING  one thread finds its lines, outside the lock          step_begin()
 *   READING    threads take its lines one by one, outside the lock   step_line()
 *   (gone)     whoever finishes the last line ends it                finish()
 *
 * A page whose step failed takes no further lines and is finished when the lines in hand are done.
 */
#include "worker/crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/heap.h"
#include "pipeline/reading.h"

enum job_state { JOB_WAITING, JOB_BEGINNING, JOB_READING };

struct job {
    struct job *next;
    struct crew_page *page;
    enum job_state state;
    int64_t turn;                 /* clock; the queue's order */
    struct page_plan plan;        /* under which it began */
    struct page_reading *reading; /* from JOB_READING on */
    size_t lines, taken, done;
    int result; /* of the first step that failed, with its detail */
    char *detail;
};

struct crew {
    struct crew_options options; /* constant, but for plan */
    pthread_mutex_t lock;        /* protects all below and the jobs' fields */
    pthread_cond_t work;
    struct job *first; /* by turn */
    size_t pages;      /* not answered yet, also those that are out of the list */
    bool beginning;    /* one page is in JOB_BEGINNING */
    bool stopping;
    struct mate *mates;
    int started; /* of them; used by the owner only */
};

/* A thread. */
struct mate {
    struct crew *crew;
    pthread_t thread;
    int number;
    int64_t since; /* clock of the begin of the step in hand; 0: none. Under the lock */
};

/*
 * Lines for each thread that should be left when the next page begins: they keep the other threads busy while one finds
 * that page's lines (detection takes as long as some eight lines).
 */
#define STOCK 8

static void fail_job(struct job *job, int result) {
    if (result != 0 && job->result == 0) {
        job->result = result;
        job->detail = copy_string(error_detail());
    }
}

static struct job *find_line_locked(const struct crew *crew) {
    for (struct job *job = crew->first; job; job = job->next) {
        if (job->state == JOB_READING && job->result == 0 && job->taken < job->lines) {
            return job;
        }
    }
    return NULL;
}

/* Whether few lines are left of the pages before this one. */
static bool runs_dry_locked(const struct crew *crew, const struct job *page) {
    size_t left = 0;
    for (const struct job *job = crew->first; job != page; job = job->next) {
        left += job->state == JOB_READING && job->result == 0 ? job->lines - job->taken : 0;
    }
    return left < STOCK * (size_t)crew->options.plan.threads;
}

static struct job *find_waiting_locked(const struct crew *crew) {
    struct job *job = crew->beginning ? NULL : crew->first;
    while (job && job->state != JOB_WAITING) {
        job = job->next;
    }
    return job;
}

static bool is_over_locked(const struct job *job) {
    return job->done == job->taken && (job->result != 0 || job->taken == job->lines);
}

static void unlink_locked(struct crew *crew, const struct job *job) {
    struct job **link = &crew->first;
    while (*link != job) {
        link = &(*link)->next;
    }
    *link = job->next;
}

static const char tiles_warning[] = "text was looked for in pieces of the page, to fit the memory: lines may be lost";

/* Reads a page, where that is wanted and the models were unsure, with Tesseract; what to say of it, or NULL. */
static char *read_again(struct job *job, const struct hand *hand) {
    bool kept = false;
    if (job->result != 0 || !job->page->again || !reading_is_doubtful(job->reading)) {
        return NULL;
    }
    int result =
        job->page->unread ? fail(ERR_NO_MODEL, "%s", job->page->unread) : reading_again(hand, job->reading, &kept);
    if (result == ERR_INTERRUPTED) {
        fail_job(job, result);
        return NULL;
    }
    if (result != 0) {
        return format("the models were unsure of the page, and Tesseract could not read it: %s", error_detail());
    }
    if (kept) {
        snprintf(job->plan.engine, sizeof(job->plan.engine), "%s", engine_tesseract.name);
    }
    return format("the models were unsure of the page: Tesseract has read it too, and %s",
                  kept ? "was surer" : "was no surer");
}

/* Answers for a job that no thread holds and that is out of the list, on a seat of one's own. Outside the lock. */
static void finish(struct job *job, const struct hand *hand) {
    struct page page;
    char *warning cleanup(drop_memory) = read_again(job, hand);
    if (job->result == 0) {
        reading_end(job->reading, &page);
        page.plan = job->plan;
        if (page.plan.tiles > 1) {
            page_warn(&page, tiles_warning);
        }
        if (warning) {
            page_warn(&page, warning);
        }
    }
    if (job->reading) {
        reading_free(job->reading);
    }
    job->page->done(job->page, job->detail ? fail(job->result, "%s", job->detail) : job->result,
                    job->result == 0 ? &page : NULL);
    free(job->detail);
    free(job);
}

static struct hand hand_for(const struct crew *crew, const struct job *job, int seat) {
    return (struct hand){.manager = crew->options.manager,
                         .kind = job->page->kind,
                         .without = job->page->without,
                         .off = job->page->off,
                         .seat = seat,
                         .tiles = (int)job->plan.tiles,
                         .priority = job->page->priority,
                         .patience = MODEL_LONGEST_WAIT,
                         .unnoticed = job->page->unnoticed,
                         .cancel = &job->page->cancel};
}

/* Outside the lock: the job's end, and the crew's rest if it was the last. */
static void answer(struct crew *crew, struct job *job, int seat) {
    struct hand hand = hand_for(crew, job, seat);
    finish(job, &hand);
    pthread_mutex_lock(&crew->lock);
    bool quiet = --crew->pages == 0;
    pthread_mutex_unlock(&crew->lock);
    if (quiet) {
        crew->options.quiet(crew->options.context);
    }
}

/* After a step, with the lock held: lets others take what it made possible, ends the job if it was the last. */
static void step_done(struct crew *crew, const struct mate *mate, struct job *job) {
    bool over = is_over_locked(job);
    if (over) {
        unlink_locked(crew, job);
    }
    pthread_cond_broadcast(&crew->work);
    if (over) {
        pthread_mutex_unlock(&crew->lock);
        answer(crew, job, mate->number);
        pthread_mutex_lock(&crew->lock);
    }
}

static struct page_plan plan_for(const struct crew *crew, const struct crew_page *page) {
    struct page_plan plan = page->kind ? page->plan : crew->options.plan;
    plan.tiles = (int)plan.tiles < page->tiles ? (uint32_t)page->tiles : plan.tiles;
    return plan;
}

static bool is_cancelled(const struct job *job) { return atomic_load(&job->page->cancel); }

static int read_line(const struct hand *hand, const struct job *job, size_t index) {
    return is_cancelled(job) ? fail(ERR_INTERRUPTED, "cancelled") : reading_line(hand, job->reading, index);
}

static void step_line(struct crew *crew, const struct mate *mate, struct job *job) {
    struct hand hand = hand_for(crew, job, mate->number);
    size_t index = job->taken++;
    pthread_mutex_unlock(&crew->lock);
    int result = read_line(&hand, job, index);
    pthread_mutex_lock(&crew->lock);
    fail_job(job, result);
    job->done++;
    step_done(crew, mate, job);
}

/*
 * One page at a time, all on the first runner: detection keeps many times the memory that lines take, so there should
 * be one runner of it.
 */
static void step_begin(struct crew *crew, const struct mate *mate, struct job *job) {
    job->state = JOB_BEGINNING;
    job->plan = plan_for(crew, job->page);
    crew->beginning = true;
    struct hand hand = hand_for(crew, job, 0);
    pthread_mutex_unlock(&crew->lock);
    struct page_reading *reading = NULL;
    int result = is_cancelled(job)
                     ? fail(ERR_INTERRUPTED, "cancelled")
                     : reading_begin(&hand, &job->page->image, job->page->number, job->page->dpi, &reading);
    pthread_mutex_lock(&crew->lock);
    fail_job(job, result);
    job->reading = reading;
    job->lines = reading ? reading_lines(reading) : 0;
    job->state = JOB_READING;
    crew->beginning = false;
    step_done(crew, mate, job);
}

static void work_locked(struct crew *crew, struct mate *mate) {
    bool resting = mate->number >= (int)crew->options.plan.threads;
    struct job *line = resting ? NULL : find_line_locked(crew);
    struct job *page = resting ? NULL : find_waiting_locked(crew);
    mate->since = clock_now();
    if (page && runs_dry_locked(crew, page)) {
        step_begin(crew, mate, page);
    } else if (line) {
        step_line(crew, mate, line);
    } else {
        mate->since = 0;
        pthread_cond_wait(&crew->work, &crew->lock);
    }
    mate->since = 0;
}

static void *work(void *context) {
    struct mate *mate = context;
    struct crew *crew = mate->crew;
    heap_own_thread();
    pthread_mutex_lock(&crew->lock);
    while (!crew->stopping) {
        work_locked(crew, mate);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

int crew_start(const struct crew_options *options, struct crew **ret) {
    struct crew *crew = alloc(1, sizeof(*crew));
    crew->options = *options;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->work, NULL);
    crew->mates = alloc((size_t)options->threads, sizeof(*crew->mates));
    for (; crew->started < options->threads; crew->started++) {
        struct mate *mate = &crew->mates[crew->started];
        *mate = (struct mate){.crew = crew, .number = crew->started};
        int error = pthread_create(&mate->thread, NULL, work, mate);
        if (error != 0) {
            crew_stop(crew);
            crew_drop(&crew);
            return fail(ERR_INTERNAL, "starting a thread: %s", strerror(error));
        }
    }
    *ret = crew;
    return 0;
}

void crew_read(struct crew *crew, struct crew_page *page) {
    struct job *job = alloc(1, sizeof(*job));
    job->page = page;
    job->turn = clock_now() - page->priority * CREW_AGEING + (page->first ? 0 : CREW_PATIENCE);
    pthread_mutex_lock(&crew->lock);
    struct job **link = &crew->first;
    while (*link && (*link)->turn <= job->turn) {
        link = &(*link)->next;
    }
    job->next = *link;
    *link = job;
    crew->pages++;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
}

/* A page that nobody has begun is answered here and now. */
void crew_cancel(struct crew *crew, int64_t id) {
    pthread_mutex_lock(&crew->lock);
    struct job *job = crew->first;
    while (job && job->page->id != id) {
        job = job->next;
    }
    bool waiting = job && job->state == JOB_WAITING;
    if (job) {
        atomic_store(&job->page->cancel, true);
    }
    if (waiting) {
        unlink_locked(crew, job);
        fail_job(job, fail(ERR_INTERRUPTED, "cancelled"));
    }
    pthread_mutex_unlock(&crew->lock);
    ledger_wake(crew->options.ledger);
    if (waiting) {
        answer(crew, job, 0);
    }
}

void crew_follow(struct crew *crew, const struct page_plan *plan) {
    pthread_mutex_lock(&crew->lock);
    crew->options.plan = *plan;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
}

double crew_busy(struct crew *crew) {
    int64_t now = clock_now(), longest = 0;
    pthread_mutex_lock(&crew->lock);
    for (int i = 0; i < crew->options.threads; i++) {
        int64_t since = crew->mates[i].since;
        longest = since > 0 && now - since > longest ? now - since : longest;
    }
    pthread_mutex_unlock(&crew->lock);
    return clock_seconds(longest);
}

size_t crew_pages(struct crew *crew) {
    pthread_mutex_lock(&crew->lock);
    size_t pages = crew->pages;
    pthread_mutex_unlock(&crew->lock);
    return pages;
}

void crew_stop(struct crew *crew) {
    pthread_mutex_lock(&crew->lock);
    crew->stopping = true;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
    for (int i = 0; i < crew->started; i++) {
        pthread_join(crew->mates[i].thread, NULL);
    }
    while (crew->first) {
        struct job *job = crew->first;
        crew->first = job->next;
        if (job->reading) {
            reading_free(job->reading);
        }
        free(job->detail);
        free(job);
    }
}

void crew_drop(struct crew **crew) {
    struct crew *old = *crew;
    if (old) {
        pthread_cond_destroy(&old->work);
        pthread_mutex_destroy(&old->lock);
        free(old->mates);
        free(old);
        *crew = NULL;
    }
}
