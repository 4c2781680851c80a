/*
 * Why nothing can be read for a while (no engine, a store that fails): told once for each kind, tried again after a
 * pause that doubles, 1 s to 30 s. One thread.
 */
#ifndef OCTAVO_SERVER_TROUBLE_H
#define OCTAVO_SERVER_TROUBLE_H

#include <stdint.h>

/* Zero it before the first use. */
struct trouble {
    int error; /* 0: all is well */
    char *detail;
    int64_t resume_at; /* clock: it is tried again */
    int64_t pause;     /* seconds until then, doubled each time */
};

/* Something has failed; the detail is copied. */
void trouble_note(struct trouble *trouble, int error, const char *detail);

/* Something has gone well. */
void trouble_over(struct trouble *trouble);

void trouble_done(struct trouble *trouble);

#endif
