/* What a worker says (process/message.h) and what follows from it, its end included. One thread. */
#ifndef OCTAVO_POOL_WORKER_INBOX_H
#define OCTAVO_POOL_WORKER_INBOX_H

#include "pool/supervisor.h"

/*
 * Takes what has come of a worker (supervisor_poll()): a message, which is passed on to whom it is for, or its end. A
 * failure means that no page can be read: ERR_NO_ENGINE, ERR_NO_MODEL, ERR_NO_MEMORY, ..., ERR_WORKER_CRASHED.
 */
int worker_inbox_receive(struct supervisor *supervisor);

#endif
