/* octavo: what people type. Starts octavo-worker and octavo-raster, links neither engine nor decoder. */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/command.h"

/*
 * Gives closed standard descriptors a place, so that no file or socket of ours ends up there. The wrong direction is
 * meant: what is written to a standard output that was closed must fail, not vanish.
 */
static void occupy_standard_descriptors(void) {
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd < (int)array_length(modes); fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            int lowest_free = open("/dev/null", modes[fd]);
            (void)lowest_free;
        }
    }
}

int main(int argc, char **argv) {
    occupy_standard_descriptors();
    if (argc < 2) {
        return command_usage_error("a command is missing");
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0) {
        name = "version";
    }
    const struct command *command = command_find(name);
    if (!command) {
        char *detail cleanup(drop_memory) = format("there is no command \"%s\"", name);
        return command_usage_error(detail);
    }
    return command_run(command, argc - 1, argv + 1);
}
