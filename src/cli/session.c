#include "cli/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/progress.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "memory/tree.h"

static const int64_t MILLISECOND = 1000000;
enum { SAMPLE_EVERY = 250, DRAW_EVERY = 100 }; /* milliseconds */

/* Signals */

/* Those that are ignored (nohup, background jobs) stay so. */
static int open_signals(void) {
    static const int all[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < array_length(all); i++) {
        struct sigaction action;
        if (sigaction(all[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(&set, all[i]);
        }
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static void close_signals(struct session *session) {
    sigset_t none;
    sigemptyset(&none);
    drop_fd(&session->signal_fd);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_signal(struct session *session) {
    struct signalfd_siginfo info;
    if (read(session->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        session->interrupted = (int)info.ssi_signo;
    }
}

/* The end of a job */

static void tell_end(const struct session *session, const struct job *job) {
    const struct result *result = &job->result;
    if (job->error != 0 && job->error_detail) {
        struct buffer detail cleanup(buffer_done) = {0};
        buffer_add_string(&detail, job->error_detail);
        if (job->wanted > 0) {
            buffer_add_format(&detail, "%s%zu of %u pages are kept", detail.length > 0 ? ", " : "", result->page_count,
                              job->wanted);
        }
        terminal_error(job->file, job->error_page, job->error, detail.data);
    } else if (session->options->verbose && job->wanted > 0) {
        char *text cleanup(drop_memory) =
            format("%zu of %u pages in %.2f s", result->page_count, job->wanted, result->seconds);
        terminal_note(job->file, 0, text);
    }
}

static void tell_page_warnings(const struct job *job) {
    for (size_t i = 0; i < job->result.page_count; i++) {
        const struct page *page = &job->result.pages[i];
        for (size_t k = 0; k < page->warning_count; k++) {
            terminal_note(job->file, page->number, page->warnings[k]);
        }
    }
}

void session_deliver(struct session *session, size_t index) {
    struct job *job = &session->jobs[index];
    if (session->options->verbose) {
        tell_page_warnings(job);
    }
    if (job->result.page_count > 0) {
        job->result.engine = copy_string(session->reader.engine);
        int result = target_write(session->options, session->names[index], job->device, job->inode, &job->result);
        if (result != 0) {
            job->error = result;
            job->error_page = 0;
            free(job->error_detail);
            job->error_detail = copy_string(error_detail());
        }
    }
    tell_end(session, job);
}

static void finish_job(struct session *session, size_t index) {
    struct job *job = &session->jobs[index];
    reader_forget(&session->reader, job);
    session->jobs_over++;
    session->jobs_failed += job->error != 0;
    session->pages_read += job->result.page_count;
    session->pages_known += job->wanted;
    for (size_t i = 0; i < job->result.page_count; i++) {
        stages_add(&session->stages, &job->result.pages[i].stages);
    }
    if (session->options->output) {
        session_deliver(session, index);
        job_done(job);
    }
}

/* Takes the job at place out of the row of those in work. */
static void leave_row(struct session *session, size_t place) {
    session->in_work_count--;
    memmove(&session->in_work[place], &session->in_work[place + 1],
            (session->in_work_count - place) * sizeof(*session->in_work));
}

static void finish_jobs(struct session *session, int64_t now) {
    for (size_t i = 0; i < session->in_work_count;) {
        size_t index = session->in_work[i];
        job_tick(&session->jobs[index], session->options, now);
        if (session->jobs[index].state == JOB_OVER) {
            finish_job(session, index);
            leave_row(session, i);
        } else {
            i++;
        }
    }
}

/* Moving on */

static void begin_jobs(struct session *session) {
    while (session->in_work_count < (size_t)session->options->jobs && session->begun < session->job_count) {
        size_t index = session->begun++;
        session->in_work[session->in_work_count++] = index;
        job_open(&session->jobs[index], session->options);
    }
}

static bool hand_over(struct session *session, struct job *job) {
    bool taken = job->sheet.page > 0 && reader_takes(&session->reader, &job->sheet);
    if (taken) {
        reader_read(&session->reader, job);
    }
    return taken;
}

/*
 * Bitmaps that wait go to the worker, rasters draw the next ones. A document that was served goes to the end of the
 * row, so that a book does not hold up a letter.
 */
static void move_pages(struct session *session) {
    size_t i = 0;
    for (size_t left = session->in_work_count; left > 0; left--) {
        size_t index = session->in_work[i];
        bool served = hand_over(session, &session->jobs[index]);
        job_ask(&session->jobs[index], session->options);
        if (served) {
            leave_row(session, i);
            session->in_work[session->in_work_count++] = index;
        } else {
            i++;
        }
    }
}

/* Memory and progress */

static uint64_t pss_of(const struct child *child) {
    struct tree_memory memory;
    return child->pid != 0 && tree_read(child->pid, &memory) == 0 ? memory.pss : 0;
}

static void raise_peak(uint64_t *peak, uint64_t value) { *peak = value > *peak ? value : *peak; }

static void sample_memory(struct session *session) {
    struct tree_memory own = {0};
    tree_read(getpid(), &own);
    struct footprint now = {.front = own.pss, .worker = pss_of(&session->reader.worker)};
    for (size_t i = 0; i < session->in_work_count; i++) {
        now.rasters += pss_of(&session->jobs[session->in_work[i]].raster);
    }
    now.all = now.front + now.worker + now.rasters;
    session->now = now;
    raise_peak(&session->peak.all, now.all);
    raise_peak(&session->peak.front, now.front);
    raise_peak(&session->peak.worker, now.worker);
    raise_peak(&session->peak.rasters, now.rasters);
}

static void observe(struct session *session, int64_t now) {
    if (now >= session->next_sample) {
        sample_memory(session);
        session->next_sample = now + SAMPLE_EVERY * MILLISECOND;
    }
    if (now >= session->next_draw) {
        progress_draw(session, now);
        session->next_draw = now + DRAW_EVERY * MILLISECOND;
    }
}

/* Waiting */

static int milliseconds_to_wait(const struct session *session, int64_t now) {
    int64_t until = session->next_sample < session->next_draw ? session->next_sample : session->next_draw;
    for (size_t i = 0; i < session->in_work_count; i++) {
        int64_t deadline = session->jobs[session->in_work[i]].deadline;
        until = deadline < until ? deadline : until;
    }
    if (until == INT64_MAX) {
        return -1;
    }
    /* Rounded up: waking before the time would spin. */
    return until <= now ? 0 : (int)((until - now + MILLISECOND - 1) / MILLISECOND);
}

static int socket_of(const struct child *child) { return child->pid != 0 ? child->socket : -1; }

/* Waits for what comes next and takes it: one message of each process that has one. */
static void wait_and_take(struct session *session, struct pollfd *polled, int64_t now) {
    size_t count = session->in_work_count;
    polled[0] = (struct pollfd){.fd = session->signal_fd, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = socket_of(&session->reader.worker), .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        int socket = socket_of(&session->jobs[session->in_work[i]].raster);
        polled[2 + i] = (struct pollfd){.fd = socket, .events = POLLIN};
    }
    if (poll(polled, 2 + count, milliseconds_to_wait(session, now)) <= 0) {
        return;
    }
    if (polled[0].revents) {
        take_signal(session);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (polled[2 + i].revents) {
            job_receive(&session->jobs[session->in_work[i]], session->options);
        }
    }
    if (polled[1].revents) {
        session->fatal = reader_receive(&session->reader, session->options);
    }
}

/* The end */

/* Ends what is in work and keeps its complete pages. One line has told why, or detail is for a line of each. */
static void give_up(struct session *session, int error, const char *detail) {
    for (size_t i = 0; i < session->in_work_count; i++) {
        struct job *job = &session->jobs[session->in_work[i]];
        job->in_hand = 0;
        job_fail(job, error, 0, job->result.page_count > 0 || !session->fatal ? detail : NULL);
    }
    finish_jobs(session, clock_now());
}

static void stop_early(struct session *session) {
    if (session->fatal) {
        char *detail cleanup(drop_memory) = copy_string(error_detail());
        terminal_error(NULL, 0, session->fatal, detail);
        give_up(session, session->fatal, detail);
        return;
    }
    size_t rest = session->job_count - session->begun;
    give_up(session, ERR_INTERRUPTED, "");
    if (rest > 0) {
        char *text cleanup(drop_memory) = format("%zu more file%s not begun", rest, rest == 1 ? " was" : "s were");
        terminal_note(NULL, 0, text);
    }
}

void session_run(struct session *session) {
    const struct options *options = session->options;
    bool draws = !options->quiet && isatty(STDERR_FILENO);
    session->next_draw = draws ? session->started : INT64_MAX;
    session->next_sample = draws || options->timing ? session->started : INT64_MAX;
    session->signal_fd = open_signals();
    session->in_work = alloc((size_t)options->jobs, sizeof(*session->in_work));
    struct pollfd *polled cleanup(drop_memory) = alloc((size_t)options->jobs + 2, sizeof(*polled));
    session->fatal = reader_start(&session->reader, options);
    while (!session->fatal && !session->interrupted) {
        int64_t now = clock_now();
        begin_jobs(session);
        move_pages(session);
        finish_jobs(session, now);
        if (session->jobs_over == session->job_count) {
            break;
        }
        observe(session, now);
        if (session->begun == session->job_count || session->in_work_count == (size_t)options->jobs) {
            wait_and_take(session, polled, now);
        }
    }
    child_end(&session->reader.worker, NULL);
    terminal_progress(NULL);
    if (session->fatal || session->interrupted) {
        stop_early(session);
    }
    close_signals(session);
}

void session_done(struct session *session) {
    reader_done(&session->reader);
    free(session->in_work);
}
