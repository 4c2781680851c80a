/*
 * What a raster says (process/message.h) and what follows from it for its document. It decodes foreign bytes and is not
 * believed: what is out of turn, or cannot be, is a failure. One thread.
 */
#ifndef OCTAVO_POOL_RASTER_INBOX_H
#define OCTAVO_POOL_RASTER_INBOX_H

#include "pool/job.h"

/* Takes the raster's next message (its socket is readable), its end included. What is wrong with either ends the job.
 */
void raster_inbox_receive(struct job *job, struct core *core);

#endif
