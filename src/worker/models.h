/* Which of the catalog's models a worker reads with, stage by stage (table/switches.def). One thread. */
#ifndef OCTAVO_WORKER_MODELS_H
#define OCTAVO_WORKER_MODELS_H

#include "worker/setup.h"

/*
 * Fills in specs, those of them that the planner counts with, the reader, and what is missing: of what reads text, and
 * of the stages; there are no lines to turn where pages are read as wholes. setup has its places and its catalog.
 * ERR_NO_MODEL, for a stage that is "on" as for the text; ERR_USAGE (no such version or language).
 */
int models_choose(struct setup *setup, const struct wish *wish);

/* The roles whose models a stage takes: bits 1 << role. */
unsigned models_of_stage(enum stage_switch which);

/* The stage that takes the role's model and can be switched off. */
enum stage_switch models_stage(enum role role);

/* The stage cannot be, for the reason that failed last. */
void models_note_missing(struct setup *setup, enum stage_switch which);

#endif
