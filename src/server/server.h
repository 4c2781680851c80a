/* `octavo serve`: wiring, the event loop, the order of starting and stopping. */
#ifndef OCTAVO_SERVER_SERVER_H
#define OCTAVO_SERVER_SERVER_H

#include "conf/options.h"

/*
 * Serves until it is told to end by SIGTERM, SIGINT or SIGHUP; a second of them ends the process at once. options are
 * complete (settings_complete(), data is set). 0 after an orderly end; before anything was served ERR_IN_USE,
 * ERR_LISTEN, ERR_USAGE, ERR_NO_MEMORY, what the store fails with; ERR_INTERNAL if something was charged at the end.
 */
int server_run(const struct options *options);

#endif
