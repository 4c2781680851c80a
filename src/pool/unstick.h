/*
 * When documents wait for memory and nothing goes on any more, somebody must give: the workers their idle models, then
 * documents that only wait their rasters, then the workers all; at last the first in the row is refused. One thread.
 */
#ifndef OCTAVO_POOL_UNSTICK_H
#define OCTAVO_POOL_UNSTICK_H

#include "pool/pool.h"

/* Takes the step that is due at now, if any. */
void unstick(struct pool *pool, int64_t now);

#endif
