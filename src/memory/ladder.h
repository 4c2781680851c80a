/*
 * Which step is due against pressure (table/ladder.def): part of the guard, pure functions; any thread.
 *
 * The ladder is gone up one step at a time. After each, nothing is done for the step's cool-down, nor while readings
 * are below the level already (judgement.easing): then the last step was enough. When the level asks for more than is
 * left to do, it is begun again from the bottom after LADDER_AGAIN; lasting steps that are in force are passed over.
 * After a time of calm (level ok throughout) lasting steps are taken back one by one, the last one first, each after
 * another such time. While the level is unknown nothing is done and nothing is taken back.
 */
#ifndef OCTAVO_MEMORY_LADDER_H
#define OCTAVO_MEMORY_LADDER_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/judge.h"

enum ladder_step {
#define LADDER(symbol, word, level, cooldown, lasting, about) LADDER_##symbol,
#include "table/ladder.def"
#undef LADDER
    LADDER_COUNT
};

/* Word of a step. Borrowed for ever. */
const char *ladder_word(enum ladder_step step);

#define LADDER_CALM INT64_C(10000000000)  /* preset: nanoseconds of calm before a step is taken back */
#define LADDER_AGAIN INT64_C(60000000000) /* nanoseconds after the last step before the ladder is begun again */

/* Starts from (struct ladder){.calm = ..., .without = ...}. */
struct ladder {
    int64_t calm;
    unsigned without; /* bits 1 << step of what the owner cannot do (no GPU: no LADDER_CPU) */
    /* of the ladder alone */
    unsigned in_force;   /* bits 1 << step of lasting steps */
    int next;            /* the step that comes next */
    int64_t quiet_until; /* end of the cool-down */
    int64_t again_at;    /* when it may be begun again though the level stayed */
    int64_t back_at;     /* when the next may be taken back */
};

struct ladder_move {
    enum ladder_step step;
    bool back; /* taken back, not taken */
};

/* Whether a move is due at now, and which. To be asked after every reading. */
bool ladder_due(struct ladder *ladder, const struct judgement *judgement, int64_t now, struct ladder_move *ret);

/* Notes that the move was made at now. */
void ladder_moved(struct ladder *ladder, struct ladder_move move, int64_t now);

#endif
