/* What a worker can do, as its "ready" says: models and engines are installed or not. One thread. */
#ifndef OCTAVO_POOL_OFFER_H
#define OCTAVO_POOL_OFFER_H

#include "conf/switches.h"
#include "pool/job.h"

struct json;

struct offer {
    char *missing[SWITCH_COUNT]; /* why a stage cannot be; NULL: it can */
    char *engines;               /* names, with commas; NULL before the first "ready" */
};

/* Takes it from the message; what was there is gone. What is missing of stages that do not come with Octavo is logged
 * when it is news. */
void offer_read(struct offer *offer, const struct json *message);
void offer_done(struct offer *offer);

/*
 * Whether what is wanted of the document can be done: stages that are "auto" are left out where they are missing, with
 * a warning of the document if their models come with Octavo. ERR_NO_STAGE for those that are "on", ERR_NO_ENGINE.
 */
int offer_suits(const struct offer *offer, struct job *job, const struct core *core);

#endif
