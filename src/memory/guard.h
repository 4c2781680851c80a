/*
 * The guard: a thread that reads (memory/probe.h), judges (memory/judge.h) and says what is to be done
 * (memory/ladder.h). It does nothing by itself and logs nothing: the owner's event loop waits for guard_fd(), takes
 * what is due with guard_take(), does it and logs it. A step's cool-down begins when it is taken, so a busy owner never
 * finds a heap of steps, and a step that is not due any more is never seen. The recorder gets readings, changes of
 * level, and steps.
 *
 * Any thread, except where said.
 */
#ifndef OCTAVO_MEMORY_GUARD_H
#define OCTAVO_MEMORY_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/judge.h"
#include "memory/ladder.h"
#include "memory/probe.h"

struct guard;
struct recorder;

#define GUARD_PERIOD INT64_C(1000000000) /* preset: nanoseconds between readings */
#define GUARD_REST INT64_C(100000000)    /* at least so long between readings, however often the kernel calls */

/* {0} is the usual guard of this machine. */
struct guard_options {
    int64_t period;                            /* 0: GUARD_PERIOD */
    int64_t calm;                              /* 0: LADDER_CALM */
    unsigned without;                          /* as in struct ladder */
    const struct judge_thresholds *thresholds; /* copied; NULL: judge_presets */
    const char *root;                          /* put before every path; NULL: "" */
    /*
     * Reads instead of, or (with a probe of its own and reading_add()) beyond, the guard's own probe: what else the
     * owner knows of. In guard_start() once, then in the guard's thread. NULL: probe_read().
     */
    void (*sample)(void *context, struct memory_reading *ret);
    int64_t (*now)(void *context); /* NULL: clock_now(); does not change the period */
    void *context;                 /* of both; outlives the guard */
};

/*
 * Starts the thread, all signals blocked in it; the first reading is made before this returns. recorder may be NULL and
 * outlives the guard. The caller stops it. ERR_INTERNAL.
 */
int guard_start(const struct guard_options *options, struct recorder *recorder, struct guard **ret);

/* Ends the thread at once, unless it is inside a reading; for cleanup(). Nobody may be in another call. */
void guard_stop(struct guard **guard);

enum guard_event_kind {
    GUARD_LEVEL, /* the level is another than in the last such event (or than unknown) */
    GUARD_STEP,  /* take this step */
    GUARD_BACK,  /* take this lasting step back */
};

struct guard_event {
    enum guard_event_kind kind;
    enum pressure level, before; /* the level now; before: that of the last GUARD_LEVEL */
    enum ladder_step step;       /* of GUARD_STEP, GUARD_BACK */
    struct memory_reading reading;
};

/* Readable (POLLIN) while something is due; borrowed. */
int guard_fd(const struct guard *guard);

/* The next thing that is due, into *ret: level changes first. False if there is none; then guard_fd() is quiet. */
bool guard_take(struct guard *guard, struct guard_event *ret);

struct guard_state {
    enum pressure level;
    struct memory_reading reading;
    unsigned in_force;                                    /* bits 1 << step of lasting steps */
    uint64_t readings, alarms;                            /* made; called for by the kernel */
    uint64_t steps[LADDER_COUNT], levels[PRESSURE_COUNT]; /* steps taken; times that each level was entered */
};
void guard_read(struct guard *guard, struct guard_state *ret);

#endif
