/* Time. Any thread. */
#ifndef OCTAVO_BASE_CLOCK_H
#define OCTAVO_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds on the monotonic clock. */
int64_t clock_now(void);

/* Nanoseconds as seconds. */
static inline double clock_seconds(int64_t nanoseconds) { return (double)nanoseconds / 1e9; }

#endif
