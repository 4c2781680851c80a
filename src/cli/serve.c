#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "conf/options.h"
#include "pool/settings.h"
#include "server/server.h"

/* The command line, which a running server reads again with all else. */
struct source {
    int argc;
    char **argv, *data, *dumps; /* presets of the folders */
};

static int read_options(void *context, struct options *ret) {
    struct source *source = context;
    int result = options_parse(FOR_SERVE, source->argc, source->argv, ret);
    if (result == 0) {
        ret->data = ret->data ? ret->data : source->data;
        ret->dump_dir = ret->dump_dir ? ret->dump_dir : source->dumps;
        settings_complete(ret, command_processors());
    }
    return result;
}

static void open_log(const struct options *options) {
    bool json = strcmp(options->log_format, "json") == 0 ||
                (strcmp(options->log_format, "auto") == 0 && !isatty(STDERR_FILENO));
    enum log_level level = log_level_of(options->log_level);
    log_open("octavo", options->quiet && level > LOG_WARNING ? LOG_WARNING : level);
    log_set_format(json ? LOG_JSON : LOG_TEXT);
}

static void tell_missing_language(const struct options *options) {
    char *missing cleanup(drop_memory) = command_missing_language(options);
    if (missing) {
        log_line(LOG_WARNING, "%s", missing);
    }
}

int command_serve(int argc, char **argv) {
    struct options options cleanup(options_done) = {0};
    char *data cleanup(drop_memory) = command_state_folder("data"),
               *dumps cleanup(drop_memory) = command_state_folder("dumps");
    struct source source = {.argc = argc, .argv = argv, .data = data, .dumps = dumps};
    int result = read_options(&source, &options);
    if (result != 0) {
        return command_refuse(result);
    }
    if (options.help) {
        return command_help(2, (char *[]){NULL, argv[0]});
    }
    if (options.file_count > 0) {
        return command_usage_error("`octavo serve` takes no files");
    }
    if (!options.data) {
        return command_usage_error("there is no home folder to keep data in: name one with --data");
    }
    open_log(&options);
    tell_missing_language(&options);
    result = server_run(&options, &(struct server_source){.read = read_options, .context = &source});
    return result ? command_refuse(result) : 0;
}
