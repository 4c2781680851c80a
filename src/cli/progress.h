/* The progress bar: one line of at most 80 columns. One thread. */
#ifndef OCTAVO_CLI_PROGRESS_H
#define OCTAVO_CLI_PROGRESS_H

#include <stdint.h>

struct session;

/* Draws where the session stands at the clock's now. */
void progress_draw(const struct session *session, int64_t now);

#endif
