/*
 * Documents that somebody waits for (struct direct, api/api.h): each waits here for its lease, is read as any other
 * run, and is answered. One thread.
 */
#ifndef OCTAVO_SERVER_DIRECT_H
#define OCTAVO_SERVER_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "conf/options.h"
#include "pool/pool.h"
#include "server/run.h"
#include "server/trouble.h"

struct directs {
    const struct options *options;
    struct pool *pool;
    const struct trouble *trouble;
    struct run **waiting; /* for their leases; count of them */
    size_t count;
};

/* Nobody waits. All is borrowed; the pool may be opened later. */
void directs_open(struct directs *directs, const struct options *options, struct pool *pool,
                  const struct trouble *trouble);
void directs_done(struct directs *directs);

/* One more waits. ERR_BUSY where too many do, the trouble there is, ERR_BAD_REQUEST, those of pool_acquire(). */
int directs_add(struct directs *directs, struct direct *direct);

/* Nobody waits for it any more, whether it waits here, is being read, or was. */
void directs_end(struct directs *directs, struct direct *direct);

/* Whether one waits no longer: *ret is to be given to the pool, with its job and its lease; where it is left alone, the
 * document was refused. */
bool directs_next(struct directs *directs, struct blobs *blobs, int64_t now, struct run **ret);

/* Answers all that wait with a failure. */
void directs_refuse(struct directs *directs, int error, const char *detail);

/* The pool is through with its job, which is the direct's from now on; frees the run. */
void direct_finish(struct run *run, struct job *job);

#endif
