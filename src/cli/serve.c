#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "conf/options.h"
#include "pool/settings.h"
#include "server/server.h"

int command_serve(int argc, char **argv) {
    struct options options cleanup(options_done) = {0};
    int result = options_parse(FOR_SERVE, argc, argv, &options);
    if (result != 0) {
        return command_refuse(result);
    }
    if (options.help) {
        return command_help(2, (char *[]){NULL, argv[0]});
    }
    if (options.file_count > 0) {
        return command_usage_error("`octavo serve` takes no files");
    }
    char *data cleanup(drop_memory) = command_state_folder("data"),
               *dumps cleanup(drop_memory) = command_state_folder("dumps");
    options.data = options.data ? options.data : data;
    options.dump_dir = options.dump_dir ? options.dump_dir : dumps;
    if (!options.data) {
        return command_usage_error("there is no home folder to keep data in: name one with --data");
    }
    settings_complete(&options, command_processors());
    log_open("octavo", options.quiet ? LOG_WARNING : LOG_INFO);
    result = server_run(&options);
    return result ? command_refuse(result) : 0;
}
