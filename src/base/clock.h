/* Time. Any thread. */
#ifndef OCTAVO_BASE_CLOCK_H
#define OCTAVO_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds on the monotonic clock. */
int64_t clock_now(void);

/* Milliseconds since 1970. They may jump; the store keeps them, nothing waits by them. */
int64_t clock_wall(void);

/* Milliseconds since 1970 as "2026-11-24T04:35:30.123Z". Caller frees. */
char *clock_text(int64_t wall);

/* Nanoseconds as seconds. */
static inline double clock_seconds(int64_t nanoseconds) { return (double)nanoseconds / 1e9; }

#endif
