/*
 * How the worker reads pages in the memory it may use. Pure functions: costs in, plan out; any thread.
 *
 * What does not fit gets a smaller plan, in this order: detection in more tiles, fewer threads (each from one tile
 * again), the next engine (from the wished threads again), models one at a time (which implies one thread; each engine
 * from one tile); else no plan. Yet an engine gives up threads only while what it keeps are worth more than those of
 * the next engine's plan, where the prices are known.
 */
#ifndef OCTAVO_MEMORY_PLAN_H
#define OCTAVO_MEMORY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAN_TILES = 4 /* most pieces that a page is cut into for detection */, PLAN_ROLES = 16 };

struct plan {
    int engine;    /* index into the costs: 0 is the one that is wanted most */
    int threads;   /* engine runs side by side */
    int tiles;     /* pieces of a page in detection, 1: whole */
    bool swapping; /* models are loaded one at a time */
};

/* What one engine takes. Bytes. */
struct plan_costs {
    const char *engine; /* name; borrowed */
    double price;       /* of the same work on one thread, to be compared with another engine's; 0: unknown */
    uint64_t baseline;  /* the process with the engine open and no model */
    size_t models;      /* entries in use below */
    struct plan_model {
        uint64_t weights, loading; /* loaded; beyond that while loading */
        uint64_t run[PLAN_TILES];  /* largest run; for detection by number of tiles - 1, else all alike */
        uint64_t further;          /* by_line: largest run on each thread but the first */
        bool by_line;              /* runs on all threads at once, else one at a time */
        bool own_weights;          /* each thread has weights of its own */
    } model[PLAN_ROLES];
    bool keeps; /* the engine keeps the memory of a model's largest run on every thread until the model is unloaded */
};

/* Bytes that a plan needs at the least to go on: with less it could wait for ever. */
uint64_t plan_floor(const struct plan_costs *costs, const struct plan *plan);
/* Bytes with which it never waits. */
uint64_t plan_comfort(const struct plan_costs *costs, const struct plan *plan);

/*
 * The first plan in the order above, from wished (threads at most, engine 0, 1 tile), whose floor is at most bytes; or
 * that of a later engine that keeps more threads, if these do more by its price.
 * ERR_NO_MEMORY naming the bytes needed by the smallest plan and those available.
 */
int plan_choose(const struct plan_costs *engines, size_t engine_count, int threads, uint64_t bytes, struct plan *ret);

#endif
