/*
 * Dumps: what the ledger, the readings of memory and the flight recorder say at a moment, as a JSON file. The newest
 * ten are kept. One thread.
 */
#ifndef OCTAVO_POOL_DUMP_H
#define OCTAVO_POOL_DUMP_H

#include "pool/core.h"

struct json;

/* Writes one, if the settings name a folder, and tells its path (or why there is none) in one line of the log. reason
 * is a word: "refusal", "emergency", "worker", "signal". */
void dump_write(const struct core *core, const char *reason);

/* As above; *ret is what it says (the caller drops it). The name of the file, which the caller frees; NULL: none was
 * written. */
char *dump_take(const struct core *core, const char *reason, struct json **ret);

#endif
