/*
 * What the kernel tells of pressure by itself: PSI triggers (of our cgroup, else of the machine), memory.events of
 * every level of cgroup v2, memory.pressure_level of cgroup v1. Each may be missing or refused; then only the period
 * counts. One thread.
 */
#ifndef OCTAVO_MEMORY_ALARM_H
#define OCTAVO_MEMORY_ALARM_H

#include <stddef.h>

struct pollfd;
struct alarms;

enum { ALARMS = 32 /* at most */ };

/* The caller ends it with alarms_drop(). root as in probe_new(). Never NULL. */
struct alarms *alarms_new(const char *root);
void alarms_drop(struct alarms **alarms);

/* Fills what poll() shall wait for, at most ALARMS; returns how many. */
size_t alarms_poll(const struct alarms *alarms, struct pollfd *ret);

/* Readies those again that went off; one that failed (its cgroup is gone) is not listed any more. */
void alarms_ready(struct alarms *alarms, const struct pollfd *polled);

#endif
