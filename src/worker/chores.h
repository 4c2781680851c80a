/*
 * What is done for the administrator beside the pages: models that are loaded and unloaded on request, memory that is
 * given back. Each may have to wait, so each has a thread of its own. One thread, except where said.
 */
#ifndef OCTAVO_WORKER_CHORES_H
#define OCTAVO_WORKER_CHORES_H

#include <stdint.h>

#include "model/manager.h"

struct chores;

/* done: called once for each chore, by its thread: the error with its detail, or 0 and the bytes that came back. */
struct chores *chores_new(struct manager *manager, struct ledger *ledger,
                          void (*done)(void *context, int64_t id, int result, uint64_t bytes), void *context);

/*
 * Begins one: "load" or "unload" a model, waiting so many seconds at most for memory, or for its users to go; or
 * "release" all that nobody uses. ERR_NOT_FOUND (no such model is used here), ERR_BUSY, ERR_INTERNAL, ERR_PROTOCOL.
 */
int chores_begin(struct chores *chores, int64_t id, const char *what, const char *model, int64_t seconds);

/* Loads that wait for memory end. */
void chores_cancel(struct chores *chores);

/* Waits for all to end; after chores_cancel(), and when no page is read any more. */
void chores_drop(struct chores **chores);

#endif
