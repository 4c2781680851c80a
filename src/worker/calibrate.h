/*
 * Which engine is the better one here? Measured once with the real recogniser and kept in the state folder, until the
 * processor, an engine's file or the model changes. One thread.
 */
#ifndef OCTAVO_WORKER_CALIBRATE_H
#define OCTAVO_WORKER_CALIBRATE_H

#include "catalog/catalog.h"
#include "catalog/places.h"
#include "engine/engine.h"

struct json;

/*
 * The engine to take for spec: the fastest one, or the leaner one where that is not clearly slower. Without a record it
 * loads the model on each engine in turn, in processes of their own, and times a few lines (about a second); with less
 * memory than that takes, bytes, it takes the leaner one. ERR_NO_ENGINE if none can, with each one's reason.
 *
 * The prices, its own and that of the leaner one, are by which the two were compared: processor time of a line, weighed
 * for the memory that the engine takes (memory/plan.h); 0: not known.
 */
int calibrate_choose(const struct places *places, const struct model_spec *spec, uint64_t bytes,
                     const struct engine_kind **ret, double *ret_price, double *ret_leaner_price);

/*
 * What such measurements depend on, as text: processor, engines (by their folders' time of change), model
 * (NULL: none). Caller frees.
 */
char *calibrate_stamp(const struct places *places, const struct model_spec *spec);

/* The kept record, {"key", "milliseconds": {engine: number}, "chosen"}; NULL if there is none. Caller drops. */
struct json *calibrate_record(const struct places *places);

/* The processor's name as /proc/cpuinfo has it; caller frees. */
char *calibrate_processor(void);

#endif
