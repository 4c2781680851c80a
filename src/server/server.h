/* `octavo serve`: wiring, the event loop, the order of starting and stopping. */
#ifndef OCTAVO_SERVER_SERVER_H
#define OCTAVO_SERVER_SERVER_H

#include "conf/options.h"

/* Where settings are read again. The caller of read() frees them with options_done(). Errors as options_parse(). */
struct server_source {
    int (*read)(void *context, struct options *ret);
    void *context;
};

/*
 * Serves until it is told to end by SIGTERM or SIGINT; a second of them ends the process at once. At SIGHUP it follows
 * what can be changed of its settings, and its keys; if any of it is wrong, nothing changes. options are
 * complete (settings_complete(), data is set). 0 after an orderly end; before anything was served ERR_IN_USE,
 * ERR_LISTEN, ERR_USAGE, ERR_NO_MEMORY, what the store fails with; ERR_INTERNAL if something was charged at the end.
 */
int server_run(struct options *options, const struct server_source *source);

#endif
