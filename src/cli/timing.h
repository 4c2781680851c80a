/* What --timing tells: where time and memory went. One thread. */
#ifndef OCTAVO_CLI_TIMING_H
#define OCTAVO_CLI_TIMING_H

struct session;

/* Prints the tables to standard error, after session_run(). */
void timing_print(const struct session *session);

#endif
