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
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pipeline/reading.h"

enum job_state { JOB_WAITING, JOB_BEGINNING, JOB_READING };

struct job {
    struct job *next;
    struct crew_page *page;
    enum job_state state;
    struct page_reading *reading; /* from JOB_READING on */
    size_t lines, taken, done;
    int result; /* of the first step that failed, with its detail */
    char *detail;
};

struct crew {
    const struct models *models;
    pthread_mutex_t lock; /* protects all below and the jobs' fields */
    pthread_cond_t work;
    struct job *first;    /* oldest page first */
    struct hand beginner; /* of the page in JOB_BEGINNING */
    bool beginning;       /* one page is in JOB_BEGINNING */
    bool stopping;
    pthread_t *threads;
    int thread_count; /* constant after the start */
    int started;      /* of them; used by the owner only */
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

static bool runs_dry_locked(const struct crew *crew) {
    size_t left = 0;
    for (const struct job *job = crew->first; job; job = job->next) {
        left += job->state == JOB_READING && job->result == 0 ? job->lines - job->taken : 0;
    }
    return left < STOCK * (size_t)crew->thread_count;
}

static struct job *find_waiting_locked(const struct crew *crew) {
    for (struct job *job = crew->beginning ? NULL : crew->first; job; job = job->next) {
        if (job->state == JOB_WAITING) {
            return job;
        }
    }
    return NULL;
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

/* Answers for a job that no thread holds and that is out of the list. Outside the lock. */
static void finish(struct job *job) {
    struct page page;
    if (job->result == 0) {
        reading_end(job->reading, &page);
    }
    if (job->reading) {
        reading_free(job->reading);
    }
    job->page->done(job->page, job->detail ? fail(job->result, "%s", job->detail) : job->result,
                    job->result == 0 ? &page : NULL);
    free(job->detail);
    free(job);
}

/* After a step, with the lock held: lets others take what it made possible, ends the job if it was the last. */
static void step_done(struct crew *crew, struct job *job) {
    bool over = is_over_locked(job);
    if (over) {
        unlink_locked(crew, job);
    }
    pthread_cond_broadcast(&crew->work);
    if (over) {
        pthread_mutex_unlock(&crew->lock);
        finish(job);
        pthread_mutex_lock(&crew->lock);
    }
}

static void step_line(struct crew *crew, struct hand *hand, struct job *job) {
    size_t index = job->taken++;
    pthread_mutex_unlock(&crew->lock);
    int result = reading_line(hand, job->reading, index);
    pthread_mutex_lock(&crew->lock);
    fail_job(job, result);
    job->done++;
    step_done(crew, job);
}

/*
 * One page at a time, with one hand for all: detection keeps many times the memory that lines take, so there should be
 * one runner of it.
 */
static void step_begin(struct crew *crew, struct job *job) {
    job->state = JOB_BEGINNING;
    crew->beginning = true;
    pthread_mutex_unlock(&crew->lock);
    struct page_reading *reading = NULL;
    int result = reading_begin(&crew->beginner, &job->page->image, job->page->number, job->page->dpi, &reading);
    pthread_mutex_lock(&crew->lock);
    fail_job(job, result);
    job->reading = reading;
    job->lines = reading ? reading_lines(reading) : 0;
    job->state = JOB_READING;
    crew->beginning = false;
    step_done(crew, job);
}

static void *work(void *context) {
    struct crew *crew = context;
    struct hand hand;
    hand_begin(&hand, crew->models);
    pthread_mutex_lock(&crew->lock);
    while (!crew->stopping) {
        struct job *line = find_line_locked(crew), *page = find_waiting_locked(crew);
        if (page && runs_dry_locked(crew)) {
            step_begin(crew, page);
        } else if (line) {
            step_line(crew, &hand, line);
        } else {
            pthread_cond_wait(&crew->work, &crew->lock);
        }
    }
    pthread_mutex_unlock(&crew->lock);
    hand_done(&hand);
    return NULL;
}

int crew_start(const struct models *models, int threads, struct crew **ret) {
    struct crew *crew = alloc(1, sizeof(*crew));
    crew->models = models;
    hand_begin(&crew->beginner, models);
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->work, NULL);
    crew->threads = alloc((size_t)threads, sizeof(*crew->threads));
    crew->thread_count = threads;
    for (; crew->started < threads; crew->started++) {
        int error = pthread_create(&crew->threads[crew->started], NULL, work, crew);
        if (error != 0) {
            crew_stop(crew);
            return fail(ERR_INTERNAL, "starting a thread: %s", strerror(error));
        }
    }
    *ret = crew;
    return 0;
}

void crew_read(struct crew *crew, struct crew_page *page) {
    struct job *job = alloc(1, sizeof(*job));
    job->page = page;
    pthread_mutex_lock(&crew->lock);
    struct job **link = &crew->first;
    while (*link) {
        link = &(*link)->next;
    }
    *link = job;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
}

void crew_stop(struct crew *crew) {
    pthread_mutex_lock(&crew->lock);
    crew->stopping = true;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
    for (int i = 0; i < crew->started; i++) {
        pthread_join(crew->threads[i], NULL);
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
    hand_done(&crew->beginner);
    pthread_cond_destroy(&crew->work);
    pthread_mutex_destroy(&crew->lock);
    free(crew->threads);
    free(crew);
}
