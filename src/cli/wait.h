/* Waiting for tasks to end, also while their server is started again. One thread. */
#ifndef OCTAVO_CLI_WAIT_H
#define OCTAVO_CLI_WAIT_H

#include "cli/remote.h"

struct wait {
    struct remote *remote;
    bool reached; /* the server has answered before: that it does not is no mistake in its address */
    int64_t lost; /* clock: it does not answer since then; 0: it does */
};

/* Waits for the end of a task, of which *ret tells; the caller drops it. What client_ask() fails with. */
int wait_for(struct wait *wait, const char *id, struct json **ret);

/* Tells the warnings of a task that has ended; notes and tells how it has ended, unless it is done. */
void wait_take_end(struct wait *wait, const struct json *task);

#endif
