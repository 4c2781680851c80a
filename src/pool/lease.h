/*
 * Leases of the service pool. An instance is a worker process on a device, with so many places: a counting semaphore.
 * Whoever has a document read holds one of them from lease_acquire() to lease_release(). Who finds none free waits, by
 * priority and age (task/queue.h), until there is one for it or its deadline has passed. Who may have several gets one
 * of the least used instance, of those that are ready if any is.
 *
 * Places move between the instances of a device, as these are opened and closed and as leases move; there are always as
 * many as at first.
 *
 * Nothing blocks: who waits asks again with the same lease, and gets a place only when nobody before it could take it.
 * One thread; now is the clock.
 */
#ifndef OCTAVO_POOL_LEASE_H
#define OCTAVO_POOL_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "memory/placement.h"
#include "task/queue.h"

struct supervisor;

struct instance {
    struct supervisor *worker; /* borrowed */
    int device;                /* PLACE_CPU or a GPU */
    bool open;                 /* its places are given */
    bool ready;                /* it reads at once */
    size_t places, held;
    int64_t counted;     /* clock up to which the next two were counted */
    double held_seconds; /* of all its places, since the pool was opened */
    double utilisation;  /* share of its places that is held: mean of about the last minute */
    /* The owner's (pool/instances.h). */
    bool wanted;      /* its worker is to be there */
    char *left_out;   /* why it is closed though documents could be read in it; NULL */
    int64_t again_at; /* clock: not to be opened before */
};

struct lease_wish {
    int device; /* PLACE_CPU, a GPU, or PLACE_AUTO: any */
    struct queue_place place;
    int64_t deadline; /* clock; INT64_MAX: none */
};

/* Starts as {0}. One that waits stays where it is; one that is held may be moved. */
struct lease {
    enum { LEASE_NONE, LEASE_WAITING, LEASE_HELD } state;
    struct lease_wish wish;
    struct instance *instance; /* while it is held */
    int64_t held_since;        /* clock */
    struct lease *next;        /* of those that wait */
};

struct leases {
    struct instance *instances;
    size_t instance_count;
    struct lease *waiting; /* the next one first */
    uint64_t granted, released, expired;
    struct histogram wait, hold;
};

/* So many open instances of places each on the processor; the workers, and what an instance is, are the owner's to set.
 */
void leases_open(struct leases *leases, size_t instances, size_t places, int64_t now);
void leases_done(struct leases *leases);

/* ERR_NO_DEVICE if there is no instance on it. */
int leases_check_device(const struct leases *leases, int device);

/*
 * Asks for a place, or asks again: 0 when the lease is held; 1 while it waits; ERR_NO_DEVICE; ERR_POOL_EXHAUSTED when
 * its deadline has passed. After an error the lease is as it was before the first time. One that waits with another
 * wish stands where that one belongs.
 */
int lease_acquire(struct leases *leases, const struct lease_wish *wish, struct lease *lease, int64_t now);

/* Gives the place back, or waits no more; one that is neither held nor waiting is left alone. */
void lease_release(struct leases *leases, struct lease *lease, int64_t now);

/* Gives what is held a place of another instance of the device, which comes along. */
void lease_move(struct lease *lease, struct instance *to, int64_t now);

/* Moves free places so that open instances of a device have the same number, or one more, and closed ones none. */
void leases_share(struct leases *leases, int64_t now);

/* Whether one that waits need only ask again; the clock when the first deadline of them passes. */
bool leases_can_grant(const struct leases *leases);
int64_t leases_until(const struct leases *leases);

/* Places, those that are held, leases that wait. */
void leases_count(const struct leases *leases, size_t *ret_places, size_t *ret_held, size_t *ret_waiting);

/* Counts the times of an instance up to now. */
void instance_count(struct instance *instance, int64_t now);

#endif
