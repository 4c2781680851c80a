/* From the settings (conf/options.h) to the pool and its jobs. Texts and pages are borrowed. Any thread. */
#ifndef OCTAVO_POOL_SETTINGS_H
#define OCTAVO_POOL_SETTINGS_H

#include "conf/options.h"
#include "pool/core.h"
#include "pool/job.h"

/* Fills in what depends on the processors that may be used: threads, jobs, max_runs. */
void settings_complete(struct options *options, int processors);

/* Complete settings for a pool. */
struct pool_conf settings_of_pool(const struct options *options);

/* What is wanted of a document, unless it says otherwise. */
struct job_wish settings_of_job(const struct options *options);

#endif
