/*
 * Which instances of the pool are used. With per_task each document has one; else they share the budget, and as many
 * are open as there are documents for and memory carries:
 *
 *   closed --documents for it, memory carries it--> open --it left, the others suffice-----------> closed
 *                                                       \--memory is short, or it does not start--> closing --> closed
 *
 * One is always open. The bytes that workers may plan with are divided evenly among those that are there; one is opened
 * only when each of them would have all that it asks for then, so that no page is read in another way because of it,
 * and closed when a page needs the room. The documents of one that closes go on in another; and a document goes from
 * one that has two more than another to that one, as soon as none of its pages is being read. One thread.
 */
#ifndef OCTAVO_POOL_INSTANCES_H
#define OCTAVO_POOL_INSTANCES_H

#include "pool/pool.h"

/* Those of the settings; the first is open, with all places. */
void instances_open(struct pool *pool);
void instances_done(struct pool *pool);

/* Opens and closes what is to be, shares places, says whose worker is wanted. */
void instances_step(struct pool *pool, int64_t now);

/* Bytes that the worker of an instance may plan with now. */
uint64_t instances_bytes(struct pool *pool, const struct instance *instance);

/* Whether floors may still change: a worker plans, or leaves. */
bool instances_are_planning(struct pool *pool);

/* Whether the job's next page may be read in its instance, which may be another one from now on. */
bool instances_settle(struct pool *pool, struct job *job, int64_t now);

/* A worker has failed as supervisor_tick() and worker_inbox_receive() tell: 0 if others go on without it, else error.
 */
int instances_take_failure(struct pool *pool, struct instance *instance, int error);

/* supervisor_relieve() and supervisor_recycle() of all workers. */
void instances_relieve(struct pool *pool, const char *step);
void instances_recycle(struct pool *pool, const char *reason);

#endif
