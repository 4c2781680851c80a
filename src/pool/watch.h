/* The guard's orders carried out: the ladder against pressure. One thread, except that the guard samples in its own. */
#ifndef OCTAVO_POOL_WATCH_H
#define OCTAVO_POOL_WATCH_H

#include "pool/pool.h"

/* Starts the pool's guard, with no step in force. ERR_INTERNAL. */
int watch_start(struct pool *pool);

/* Does and tells what is due. */
void watch_take(struct pool *pool);

void watch_stop(struct pool *pool);

#endif
