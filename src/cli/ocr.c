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
#include "pool/settings.h"

/* What is wrong with a command line whose options are right one by one; NULL if nothing is. */
static const char *contradiction(const struct options *options) {
    int inputs = 0;
    for (int i = 0; i < options->file_count; i++) {
        inputs += strcmp(options->files[i], "-") == 0;
        if (!*options->files[i]) {
            return "a FILE has no name";
        }
    }
    const char *from = options->files_from;
    inputs += from && strcmp(from, "-") == 0;
    if (options->file_count == 0 && !from) {
        return "a FILE is missing";
    }
    if (from && !options->output) {
        return "--files-from needs -o DIR for the results";
    }
    if (options->file_count > 1 && !options->output) {
        return "several files need -o DIR for their results";
    }
    if (!options->output && strchr(options->format, ',') && !options_list_has(options->format, "zip")) {
        return "several formats need -o DIR for their files, or zip to pack them";
    }
    if (inputs > 1) {
        return "\"-\" (standard input) can be read once";
    }
    if (inputs > 0 && !from && isatty(STDIN_FILENO)) {
        return "\"-\" is standard input, which is a terminal here: give it a document";
    }
    if (options->quiet && options->verbose) {
        return "-q and -v contradict each other";
    }
    return target_contradiction(options, options->output);
}

/* As an engine Tesseract refuses without it. */
static void tell_missing_language(const struct options *options) {
    bool told = options->quiet || strcmp(options->engine, "tesseract") == 0;
    char *missing cleanup(drop_memory) = told ? NULL : command_missing_language(options);
    if (missing) {
        terminal_note(NULL, 0, missing);
    }
}

static int read_files(const struct options *options, int64_t started) {
    struct session session;
    int result = session_run(&session, options, started);
    if (result != 0) {
        terminal_error(NULL, 0, result, error_detail());
    } else if (options->timing) {
        timing_print(&session);
    }
    int status = result ? error_exit_status(result) : session_status(&session);
    session_done(&session);
    return status;
}

int command_ocr(int argc, char **argv) {
    int64_t started = clock_now();
    struct options options cleanup(options_done) = {0};
    int result = options_parse(FOR_OCR, argc, argv, &options);
    if (result != 0) {
        return command_refuse(result);
    }
    if (options.help) {
        return command_help(2, (char *[]){NULL, argv[0]});
    }
    char *folder cleanup(drop_memory) = command_state_folder("dumps");
    options.dump_dir = options.dump_dir ? options.dump_dir : folder;
    settings_complete(&options, command_processors());
    const char *wrong = contradiction(&options);
    if (wrong) {
        return command_usage_error(wrong);
    }
    if (options.output && target_prepare(options.output) != 0) {
        terminal_error(NULL, 0, ERR_OUTPUT, error_detail());
        return error_exit_status(ERR_OUTPUT);
    }
    tell_missing_language(&options);
    return read_files(&options, started);
}
