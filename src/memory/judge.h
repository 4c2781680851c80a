/* JUDGE: how pressed memory is. Pure functions: a reading and the past in, a level out; any thread. */
#ifndef OCTAVO_MEMORY_JUDGE_H
#define OCTAVO_MEMORY_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/budget.h"

struct memory_reading;

enum pressure {
#define LEVEL(symbol, word, about) PRESSURE_##symbol,
#include "table/levels.def"
#undef LEVEL
    PRESSURE_COUNT
};

/* Word of a level. Borrowed for ever. */
const char *pressure_word(enum pressure level);

/*
 * Fractions are of the limit, and of memory in use that the kernel cannot take back (memory/probe.h). Where the reserve
 * is another part of the limit than 4 % (as below 400 MiB, where it is at least 16 MiB) they are stretched as if it
 * were 4 %: levels begin where as much of the reserve is gone as with the usual one.
 *
 * The presets: the ledger keeps what we use below budget = limit - reserve, that is 0.96. Full use as planned must read
 * as ok; so elevated begins at 0.97, where a quarter of the reserve is eaten by what nobody charged. High is 0.985
 * (five eighths of it), critical is 0.995 (seven eighths): of 512 MiB 2.6 MiB are left then, what one allocation of an
 * engine may take, and the kernel kills next. Seen in a cgroup of 96 MiB: with 2 MB left, reading a file was enough.
 *
 * Stalls (PSI) come also from a full page cache, which is no danger: when some task stood still for at least psi
 * percent of the last 10 s the level is elevated at the least; when all did, and memory is full by its fraction too, it
 * is high at the least. They never make it critical.
 */
struct judge_thresholds {
    double elevated, high, critical; /* fractions; rising */
    double margin;                   /* fraction below a threshold at which its level ends */
    int64_t hold;                    /* nanoseconds for which readings must be below before the level falls */
    double psi;                      /* percent */
    struct reserve reserve;          /* as the budget is read with */
};
extern const struct judge_thresholds judge_presets; /* 0.97, 0.985, 0.995; 0.01; 5 s; 20 %; 4 %, 16 MiB */

/* What was judged, and what the next judgement must know. Starts from (struct judgement){0}: unknown. */
struct judgement {
    enum pressure level;
    int64_t since; /* when the level was entered */
    bool easing;   /* the last reading was below the level, which has not been held for long enough to fall */
    /* of the judge alone */
    enum pressure last;    /* known level; stays while unknown */
    int64_t easing_since;  /* time of the first such reading */
    enum pressure easiest; /* the worst level since then: what it will fall to */
    bool counted;          /* oom_kills is from a reading */
    uint64_t oom_kills;
};

/*
 * The level rises at once, and falls only after the readings of a hold time were below its threshold less the margin;
 * then to the worst of these. A kill counted since the reading before is critical, whatever is free after it. An
 * unknown reading is unknown; what was known before is not forgotten by it.
 */
struct judgement judge(const struct memory_reading *reading, const struct judge_thresholds *thresholds,
                       struct judgement before, int64_t now);

#endif
