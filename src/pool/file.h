/* The file of a job that was named (pool/job.h). One thread. */
#ifndef OCTAVO_POOL_FILE_H
#define OCTAVO_POOL_FILE_H

#include <stdbool.h>

struct job;

/* Opens it; the caller closes *ret. Of a regular file the job keeps a descriptor, its size and place. ERR_NO_INPUT. */
int file_of_job(struct job *job, int *ret);

/* Whether it is no regular file: its size is not known, and it can be read once. */
bool job_comes_through_pipe(const struct job *job);

#endif
