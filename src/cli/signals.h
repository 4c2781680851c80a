/* Signals as messages, for commands that wait for several things at once. */
#ifndef OCTAVO_CLI_SIGNALS_H
#define OCTAVO_CLI_SIGNALS_H

#include <stddef.h>

/*
 * Blocks these signals and opens a signalfd for them, the caller's; before threads begin. Those that are ignored
 * (nohup, background jobs) stay so. -1 if it cannot be had.
 */
int signals_open(const int *signals, size_t count);

#endif
