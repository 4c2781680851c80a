#include "pool/lease.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

enum { MEMORY_SECONDS = 60 }; /* of utilisation: what was so long ago counts a third */

/* Instances */

void instance_count(struct instance *instance, int64_t now) {
    double seconds = clock_seconds(now - instance->counted);
    double share = instance->places > 0 ? (double)instance->held / (double)instance->places : 0;
    instance->held_seconds += seconds * (double)instance->held;
    instance->utilisation = share + (instance->utilisation - share) * exp(-seconds / MEMORY_SECONDS);
    instance->counted = now;
}

void leases_open(struct leases *leases, size_t instances, size_t places, int64_t now) {
    *leases = (struct leases){.instance_count = instances};
    leases->instances = alloc(instances, sizeof(*leases->instances));
    for (size_t i = 0; i < instances; i++) {
        leases->instances[i] = (struct instance){.device = PLACE_CPU, .open = true, .places = places, .counted = now};
    }
}

void leases_done(struct leases *leases) {
    free(leases->instances);
    *leases = (struct leases){0};
}

static bool suits(const struct instance *instance, const struct lease_wish *wish) {
    return wish->device == PLACE_AUTO || wish->device == instance->device;
}

int leases_check_device(const struct leases *leases, int device) {
    for (size_t i = 0; i < leases->instance_count; i++) {
        if (suits(&leases->instances[i], &(struct lease_wish){.device = device})) {
            return 0;
        }
    }
    char *word cleanup(drop_memory) = placement_word(device);
    return fail(ERR_NO_DEVICE, "no instance runs on %s", word);
}

/* Those that wait */

static void join(struct leases *leases, struct lease *lease) {
    struct lease **link = &leases->waiting;
    while (*link && !queue_before(&lease->wish.place, &(*link)->wish.place)) {
        link = &(*link)->next;
    }
    lease->next = *link;
    *link = lease;
    lease->state = LEASE_WAITING;
}

static void leave(struct leases *leases, struct lease *lease) {
    struct lease **link = &leases->waiting;
    while (*link != lease) {
        link = &(*link)->next;
    }
    *link = lease->next;
    lease->next = NULL;
    lease->state = LEASE_NONE;
}

static bool is_same(const struct lease_wish *a, const struct lease_wish *b) {
    return a->device == b->device && a->deadline == b->deadline && !queue_before(&a->place, &b->place) &&
           !queue_before(&b->place, &a->place);
}

static bool is_better(const struct instance *instance, const struct instance *than) {
    bool less_used = !than || instance->held < than->held;
    return than && instance->ready != than->ready ? instance->ready : less_used;
}

/* The best instance with a place for one that waits, those left out that whoever is before it may want. */
static struct instance *find_place(const struct leases *leases, const struct lease *lease) {
    struct instance *best = NULL;
    for (size_t i = 0; i < leases->instance_count; i++) {
        struct instance *instance = &leases->instances[i];
        size_t wanted = instance->held;
        for (const struct lease *other = leases->waiting; other != lease; other = other->next) {
            wanted += suits(instance, &other->wish);
        }
        bool free = instance->open && suits(instance, &lease->wish) && wanted < instance->places;
        best = free && is_better(instance, best) ? instance : best;
    }
    return best;
}

bool leases_can_grant(const struct leases *leases) {
    for (const struct lease *lease = leases->waiting; lease; lease = lease->next) {
        if (find_place(leases, lease)) {
            return true;
        }
    }
    return false;
}

int64_t leases_until(const struct leases *leases) {
    int64_t until = INT64_MAX;
    for (const struct lease *lease = leases->waiting; lease; lease = lease->next) {
        until = lease->wish.deadline < until ? lease->wish.deadline : until;
    }
    return until;
}

void leases_count(const struct leases *leases, size_t *ret_places, size_t *ret_held, size_t *ret_waiting) {
    *ret_places = *ret_held = *ret_waiting = 0;
    for (size_t i = 0; i < leases->instance_count; i++) {
        *ret_places += leases->instances[i].places;
        *ret_held += leases->instances[i].held;
    }
    for (const struct lease *lease = leases->waiting; lease; lease = lease->next) {
        (*ret_waiting)++;
    }
}

/* Leases */

static void grant(struct leases *leases, struct lease *lease, struct instance *instance, int64_t now) {
    leave(leases, lease);
    instance_count(instance, now);
    instance->held++;
    lease->state = LEASE_HELD;
    lease->instance = instance;
    lease->held_since = now;
    leases->granted++;
    histogram_add(&leases->wait, clock_seconds(now - lease->wish.place.since));
}

static int expire(struct leases *leases, struct lease *lease, int64_t now) {
    size_t places, held, waiting;
    double seconds = clock_seconds(now - lease->wish.place.since);
    leave(leases, lease);
    leases->expired++;
    leases_count(leases, &places, &held, &waiting);
    char *word cleanup(drop_memory) = placement_word(lease->wish.device);
    return fail(ERR_POOL_EXHAUSTED, "no place (%s) in %.1f s: %zu of %zu are held, %zu more wait", word, seconds, held,
                places, waiting);
}

int lease_acquire(struct leases *leases, const struct lease_wish *wish, struct lease *lease, int64_t now) {
    if (lease->state == LEASE_HELD) {
        return 0;
    }
    if (lease->state == LEASE_WAITING && !is_same(wish, &lease->wish)) {
        leave(leases, lease);
    }
    if (lease->state == LEASE_NONE) {
        int result = leases_check_device(leases, wish->device);
        if (result != 0) {
            return result;
        }
        lease->wish = *wish;
        join(leases, lease);
    }
    struct instance *instance = find_place(leases, lease);
    if (instance) {
        grant(leases, lease, instance, now);
        return 0;
    }
    return now >= wish->deadline ? expire(leases, lease, now) : 1;
}

void lease_release(struct leases *leases, struct lease *lease, int64_t now) {
    if (lease->state == LEASE_WAITING) {
        leave(leases, lease);
    } else if (lease->state == LEASE_HELD) {
        instance_count(lease->instance, now);
        lease->instance->held--;
        leases->released++;
        histogram_add(&leases->hold, clock_seconds(now - lease->held_since));
    }
    *lease = (struct lease){0};
}

void lease_move(struct lease *lease, struct instance *to, int64_t now) {
    struct instance *from = lease->instance;
    instance_count(from, now);
    instance_count(to, now);
    from->held--;
    from->places--;
    to->held++;
    to->places++;
    lease->instance = to;
}

/* How many places an instance should have. */
static size_t fair_share(const struct leases *leases, const struct instance *instance) {
    size_t places = 0, open = 0, before = 0;
    for (size_t i = 0; i < leases->instance_count; i++) {
        const struct instance *each = &leases->instances[i];
        bool here = each->device == instance->device;
        places += here ? each->places : 0;
        before += here && each->open && each < instance;
        open += here && each->open;
    }
    return !instance->open ? 0 : places / open + (before < places % open);
}

static struct instance *find_lacking(const struct leases *leases, int device) {
    for (size_t i = 0; i < leases->instance_count; i++) {
        struct instance *instance = &leases->instances[i];
        if (instance->device == device && instance->places < fair_share(leases, instance)) {
            return instance;
        }
    }
    return NULL;
}

void leases_share(struct leases *leases, int64_t now) {
    for (size_t i = 0; i < leases->instance_count; i++) {
        struct instance *from = &leases->instances[i], *to = find_lacking(leases, from->device);
        while (to && from->places > from->held && from->places > fair_share(leases, from)) {
            instance_count(from, now);
            instance_count(to, now);
            from->places--;
            to->places++;
            to = find_lacking(leases, from->device);
        }
    }
}
