/*
 * Who is next. Each step of priority counts like QUEUE_AGEING of waiting, so that nothing waits for ever: whatever
 * comes twenty steps later than a task of the lowest priority is behind it. Pure; any thread.
 */
#ifndef OCTAVO_TASK_QUEUE_H
#define OCTAVO_TASK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_AGEING INT64_C(10000000000) /* nanoseconds */

struct queue_place {
    int64_t priority; /* -10 to 10 */
    int64_t since;    /* clock: it waits since then */
    int64_t number;   /* in the order of coming */
};

/* Whether a goes before b. */
bool queue_before(const struct queue_place *a, const struct queue_place *b);

/*
 * Seconds until it makes sense to try again, 1 to 600, from how long it took lately until a task has ended (0: not
 * measured yet), and how many must end before.
 */
int64_t queue_retry_after(double seconds_per_task, int64_t tasks);

#endif
