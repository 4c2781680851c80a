#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/session.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "cli/timing.h"
#include "conf/options.h"

/* Defaults that depend on the machine. */
static void complete_options(struct options *options) {
    if (options->threads == 0) {
        options->threads = command_processors();
    }
    if (options->jobs == 0) {
        /* One more than can be read at once, so that a picture is drawn while others are read. */
        options->jobs = options->threads + 1;
    }
}

/* What is wrong with a command line whose options are right one by one; NULL if nothing is. */
static const char *contradiction(const struct options *options) {
    int inputs = 0;
    for (int i = 0; i < options->file_count; i++) {
        inputs += strcmp(options->files[i], "-") == 0;
    }
    if (options->file_count == 0) {
        return "a FILE is missing";
    }
    if (options->file_count > 1 && !options->output) {
        return "several files need -o DIR for their results";
    }
    if (!options->output && strchr(options->format, ',')) {
        return "several formats need -o DIR for their files";
    }
    if (inputs > 1) {
        return "\"-\" (standard input) can be read once";
    }
    if (inputs > 0 && isatty(STDIN_FILENO)) {
        return "\"-\" is standard input, which is a terminal here: give it a document";
    }
    return options->quiet && options->verbose ? "-q and -v contradict each other" : NULL;
}

/* 0 if all was read; the common status if nothing was; 1 otherwise. */
static int exit_status(const struct session *session) {
    if (session->interrupted) {
        return 128 + session->interrupted;
    }
    if (session->fatal) {
        return error_exit_status(session->fatal);
    }
    size_t failed = 0;
    int status = 0;
    bool alike = true, unwritten = false;
    for (size_t i = 0; i < session->job_count; i++) {
        int one = session->jobs[i].error ? error_exit_status(session->jobs[i].error) : 0;
        failed += one != 0;
        alike = alike && (status == 0 || one == 0 || one == status);
        status = one ? one : status;
        unwritten = unwritten || session->jobs[i].error == ERR_OUTPUT;
    }
    if (failed == 0 || unwritten) {
        return unwritten ? error_exit_status(ERR_OUTPUT) : 0;
    }
    return alike && failed == session->job_count && session->pages_read == 0 ? status : 1;
}

static int read_files(const struct options *options, int64_t started) {
    size_t count = (size_t)options->file_count;
    struct session session = {.options = options, .job_count = count, .started = started};
    session.jobs = alloc(count, sizeof(*session.jobs));
    session.names = alloc(count, sizeof(*session.names));
    target_names(options->files, count, session.names);
    for (size_t i = 0; i < count; i++) {
        session.jobs[i] = (struct job){.file = options->files[i], .deadline = INT64_MAX};
    }
    session_run(&session);
    if (!options->output && session.jobs[0].state == JOB_OVER) {
        session_deliver(&session, 0);
    }
    if (options->timing) {
        timing_print(&session);
    }
    int status = exit_status(&session);
    for (size_t i = 0; i < count; i++) {
        job_done(&session.jobs[i]);
        free(session.names[i]);
    }
    free(session.jobs);
    free(session.names);
    session_done(&session);
    return status;
}

int command_ocr(int argc, char **argv) {
    int64_t started = clock_now();
    struct options options cleanup(options_done) = {0};
    if (options_parse(FOR_OCR, argc, argv, &options) != 0) {
        return command_usage_error(error_detail());
    }
    if (options.help) {
        return command_help(2, (char *[]){NULL, argv[0]});
    }
    complete_options(&options);
    const char *wrong = contradiction(&options);
    if (wrong) {
        return command_usage_error(wrong);
    }
    if (options.output && target_prepare(options.output) != 0) {
        terminal_error(NULL, 0, ERR_OUTPUT, error_detail());
        return error_exit_status(ERR_OUTPUT);
    }
    return read_files(&options, started);
}
