/* What is told of a worker that has ended. One thread. */
#ifndef OCTAVO_POOL_LAST_WORDS_H
#define OCTAVO_POOL_LAST_WORDS_H

#include "pool/supervisor.h"

/* How it ended, what it was doing, and its last figures; the caller frees it. Its account is still open. */
char *last_words(const struct supervisor *supervisor, const char *how, int64_t now);

#endif
