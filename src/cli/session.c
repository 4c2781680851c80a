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
#include "cli/signals.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "cli/warnings.h"
#include "output/output.h"
#include "pool/settings.h"

static const int64_t MILLISECOND = 1000000;
enum { SAMPLE_EVERY = 250, DRAW_EVERY = 100 }; /* milliseconds */

/* Signals */

static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

static void close_signals(struct session *session) {
    sigset_t none;
    sigemptyset(&none);
    drop_fd(&session->signal_fd);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_signal(struct session *session) {
    struct signalfd_siginfo info;
    if (read(session->signal_fd, &info, sizeof(info)) != sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGUSR1) {
        pool_dump(&session->pool, "signal");
    } else {
        session->interrupted = (int)info.ssi_signo;
    }
}

/* The end of a job */

static void tell_end(const struct session *session, const struct job *job) {
    const struct result *result = &job->result;
    bool told = session->fatal && result->page_count == 0; /* one line for all */
    if (job->error != 0 && job->error_detail && !told) {
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

static void note_status(struct session *session, int error) {
    int status = error_exit_status(error);
    session->statuses_differ = session->statuses_differ || (session->status && status != session->status);
    session->status = status;
    session->unwritten = session->unwritten || error == ERR_OUTPUT;
}

/* Writes the job's result, as far as there is one, and tells how it ended. The job is gone afterwards. */
static void deliver(struct session *session, struct job *job) {
    if (!session->options->quiet) {
        warnings_tell(job, session->options->verbose);
    }
    if (job->result.page_count > 0) {
        int result = target_write(session->options, job->owner, job);
        if (result != 0) {
            job->error = result;
            job->error_page = 0;
            job->wanted = 0; /* no page is kept */
            free(job->error_detail);
            job->error_detail = copy_string(error_detail());
        }
    }
    tell_end(session, job);
    if (job->error != 0) {
        session->jobs_failed++;
        note_status(session, job->error);
    }
    job_release(job, &session->pool.core);
    job_free(&job);
}

static void take_over(void *context, struct job *job) {
    struct session *session = context;
    session->jobs_over++;
    session->pages_read += job->result.page_count;
    session->pages_known += job->wanted;
    for (size_t i = 0; i < job->result.page_count; i++) {
        stages_add(&session->stages, &job->result.pages[i].stages);
    }
    if (session->options->output) {
        deliver(session, job);
    } else {
        session->only = job;
    }
}

/* What the pool tells */

static void tell_page_failed(void *context, const struct job *job, uint32_t page, int error, const char *detail) {
    (void)context;
    terminal_error(job->file, page, error, detail);
}

static void tell_warning(void *context, const struct job *job, const char *text) {
    const struct session *session = context;
    if (!session->options->quiet) {
        terminal_note(job->file, 0, text);
    }
}

static void tell_note(void *context, const char *text) {
    const struct session *session = context;
    if (!session->options->quiet) {
        terminal_note(NULL, 0, text);
    }
}

/* Files */

static char *add_name(struct session *session, const char *file) {
    char *name = target_name(file, session->names, session->names_known, session->page_files);
    session->names = resize(session->names, session->names_known + 1, sizeof(*session->names));
    session->names[session->names_known++] = name;
    return name;
}

/* Where no more names can be read, the documents that were named before are. */
static void receive_names(struct session *session) {
    feed_receive(&session->feed);
    if (session->feed.trouble) {
        char *detail cleanup(drop_memory) =
            format("%s: %s", session->options->files_from, strerror(session->feed.trouble));
        terminal_error(NULL, 0, ERR_NO_INPUT, detail);
        note_status(session, ERR_NO_INPUT);
    }
}

static bool has_file(const struct session *session) {
    return session->begun < (size_t)session->options->file_count || feed_has(&session->feed);
}

static bool all_done(const struct session *session) {
    return session->pool.row_count == 0 && !has_file(session) && feed_is_over(&session->feed);
}

/* Files come in their order: none waits before the one that is next. */
static bool has_place(struct session *session) {
    const struct lease_wish wish = {.device = PLACE_AUTO, .place = {.since = clock_now()}, .deadline = INT64_MAX};
    return pool_acquire(&session->pool, session->next.state ? &session->next.wish : &wish, &session->next) == 0;
}

/* A file for what is to be made of the document. Without one all else is read and written. */
static void want_edition(const struct session *session, struct job *job, enum made made) {
    int fd cleanup(drop_fd) = -1;
    int result = target_scratch(session->options, &fd);
    result = result ? result : job_want_edition(job, made, fd);
    if (result != 0) {
        job->error = result;
        job->error_detail = copy_string(error_detail());
    }
}

static void want_editions(const struct session *session, struct job *job) {
    const struct options *options = session->options;
    const struct selection *selection = &session->selection;
    bool has_place = options->output || selection->zip; /* for files beside the text */
    if (selection_has_figures(selection, has_place) && !options->no_figures) {
        want_edition(session, job, MADE_FIGURE);
    }
    for (size_t i = 0; i < selection->count; i++) {
        if (selection->outputs[i]->made != MADE_NONE) {
            want_edition(session, job, selection->outputs[i]->made);
        }
    }
}

static void begin_jobs(struct session *session) {
    while (has_file(session) && has_place(session)) {
        size_t index = session->begun++;
        bool fed = index >= (size_t)session->options->file_count;
        char *line cleanup(drop_memory) = fed ? feed_next(&session->feed) : NULL;
        struct job *job = job_new(fed ? line : session->options->files[index], &session->wish);
        job->owner = fed ? add_name(session, line) : session->names[index];
        want_editions(session, job);
        pool_add(&session->pool, job, &session->next);
    }
}

/* The event loop */

static void observe(struct session *session, int64_t now) {
    if (now >= session->next_sample) {
        pool_measure(&session->pool);
        session->next_sample = now + SAMPLE_EVERY * MILLISECOND;
    }
    if (now >= session->next_draw) {
        progress_draw(session, now);
        session->next_draw = now + DRAW_EVERY * MILLISECOND;
    }
}

static int milliseconds_to_wait(const struct session *session, int64_t now) {
    if (leases_can_grant(&session->pool.leases)) {
        return 0;
    }
    int64_t until = pool_until(&session->pool, now);
    until = session->next_sample < until ? session->next_sample : until;
    until = session->next_draw < until ? session->next_draw : until;
    /* Rounded up: waking before the time would spin. */
    return until <= now ? 0 : (int)((until - now + MILLISECOND - 1) / MILLISECOND);
}

static int wait_and_take(struct session *session, struct pollfd *polled, int64_t now) {
    polled[0] = (struct pollfd){.fd = session->signal_fd, .events = POLLIN};
    polled[1] = feed_poll(&session->feed);
    size_t count = 2 + pool_poll(&session->pool, polled + 2);
    if (poll(polled, count, milliseconds_to_wait(session, now)) <= 0) {
        return 0;
    }
    if (polled[0].revents) {
        take_signal(session);
    }
    if (polled[1].revents) {
        receive_names(session);
    }
    return session->interrupted ? 0 : pool_take(&session->pool, polled + 2);
}

static void loop(struct session *session) {
    struct pollfd *polled cleanup(drop_memory) = alloc(2 + POOL_POLLED(session->options->jobs), sizeof(*polled));
    while (!session->fatal && !session->interrupted) {
        int64_t now = clock_now();
        begin_jobs(session);
        session->fatal = pool_step(&session->pool, now);
        if (session->fatal || all_done(session)) {
            return;
        }
        observe(session, now);
        session->fatal = wait_and_take(session, polled, now);
    }
}

/* The end */

static void stop_early(struct session *session) {
    if (session->fatal) {
        terminal_error(NULL, 0, session->fatal, session->fatal_detail);
        pool_give_up(&session->pool, session->fatal, session->fatal_detail);
        return;
    }
    size_t all = (size_t)session->options->file_count;
    size_t rest = all > session->begun ? all - session->begun : 0;
    pool_give_up(&session->pool, ERR_INTERRUPTED, "");
    if (rest > 0) {
        char *text cleanup(drop_memory) = format("%zu more file%s not begun", rest, rest == 1 ? " was" : "s were");
        terminal_note(NULL, 0, text);
    }
}

static void settle(struct session *session) {
    const struct ledger_state *end = &session->pool.settled;
    pool_release(&session->pool, &session->next);
    if (pool_settle(&session->pool, !session->fatal && !session->interrupted) != 0) {
        session->unbalanced = true;
        terminal_error(NULL, 0, ERR_INTERNAL, error_detail());
    } else if (session->options->verbose) {
        char *text cleanup(drop_memory) =
            format("the ledger is balanced: at most %llu of %llu MB were charged, %llu charges, %llu waits",
                   (unsigned long long)(end->peak / 1000000), (unsigned long long)(end->budget / 1000000),
                   (unsigned long long)end->charges, (unsigned long long)end->waits);
        terminal_note(NULL, 0, text);
    }
}

static int open_session(struct session *session, const struct options *options) {
    size_t count = (size_t)options->file_count;
    int result = selection_read(options->format, options->words, &session->selection);
    session->wish = settings_of_job(options);
    session->wish.whole = options->output ? NULL : &session->selection;
    session->names = alloc(count + 1, sizeof(*session->names));
    session->names_known = count;
    session->page_files = selection_has_page_files(&session->selection);
    target_names(options->files, count, session->page_files, session->names);
    result = result == 0 && options->files_from ? feed_open(options->files_from, &session->feed) : result;
    struct pool_conf conf = settings_of_pool(options);
    if (strcmp(options->layout, "auto") == 0 && !selection_is_structured(&session->selection)) {
        conf.switches.to[SWITCH_LAYOUT] = session->wish.switches.to[SWITCH_LAYOUT] = "off";
    }
    const struct pool_events events = {.context = session,
                                       .over = take_over,
                                       .page_failed = tell_page_failed,
                                       .warning = tell_warning,
                                       .note = tell_note};
    return result ? result : pool_open(&session->pool, &conf, &events);
}

int session_run(struct session *session, const struct options *options, int64_t started) {
    *session = (struct session){.options = options, .started = started, .feed = {.fd = -1}, .signal_fd = -1};
    bool draws = !options->quiet && isatty(STDERR_FILENO);
    session->next_draw = draws ? session->started : INT64_MAX;
    session->next_sample = draws || options->timing ? session->started : INT64_MAX;
    session->signal_fd = signals_open(taken, array_length(taken)); /* before the pool's threads begin */
    int result = open_session(session, options);
    if (result != 0) {
        close_signals(session);
        return result;
    }
    loop(session);
    session->fatal_detail = copy_string(session->fatal ? error_detail() : "");
    terminal_progress(NULL);
    if (session->fatal || session->interrupted) {
        stop_early(session);
    } else {
        pool_let_go(&session->pool);
    }
    if (session->only) {
        deliver(session, take(session->only));
    }
    settle(session);
    close_signals(session);
    return 0;
}

/* 0 if all was read; the common status if nothing was; 1 otherwise. */
int session_status(const struct session *session) {
    if (session->interrupted) {
        return 128 + session->interrupted;
    }
    if (session->fatal) {
        return error_exit_status(session->fatal);
    }
    if (session->unbalanced) {
        return error_exit_status(ERR_INTERNAL);
    }
    if (session->status == 0 || session->unwritten) {
        return session->unwritten ? error_exit_status(ERR_OUTPUT) : 0;
    }
    bool all = session->jobs_failed == session->jobs_over && session->pages_read == 0;
    return all && !session->statuses_differ ? session->status : 1;
}

void session_done(struct session *session) {
    pool_done(&session->pool);
    feed_done(&session->feed);
    for (size_t i = 0; i < session->names_known; i++) {
        free(session->names[i]);
    }
    free(session->names);
    free(session->fatal_detail);
}
