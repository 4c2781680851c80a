#include "memory/judge.h"

#include "memory/probe.h"

#define USUAL_RESERVE 0.04 /* of the limit, to which others are stretched */

const struct judge_thresholds judge_presets = {.elevated = 0.97,
                                               .high = 0.985,
                                               .critical = 0.995,
                                               .margin = 0.01,
                                               .hold = INT64_C(5000000000),
                                               .psi = 20,
                                               .reserve = {.percent = 4, .least = UINT64_C(16) << 20}};

const char *pressure_word(enum pressure level) {
    static const char *const words[] = {
#define LEVEL(symbol, word, about) [PRESSURE_##symbol] = word,
#include "table/levels.def"
#undef LEVEL
    };
    return words[level];
}

static enum pressure worse(enum pressure one, enum pressure other) { return one > other ? one : other; }

/* How full memory is: 0.96 where all but the reserve is used, whatever part of the limit the reserve is. */
static double fullness(const struct memory_reading *reading, const struct reserve *reserve) {
    return 1 - (double)reading->available / (double)budget_reserve(reading->limit, reserve) * USUAL_RESERVE;
}

/* What a known reading says by itself, with the thresholds lowered by margin. */
static enum pressure level_of(const struct memory_reading *reading, const struct judge_thresholds *thresholds,
                              double margin) {
    double fraction = fullness(reading, &thresholds->reserve);
    enum pressure level = fraction >= thresholds->critical - margin   ? PRESSURE_CRITICAL
                          : fraction >= thresholds->high - margin     ? PRESSURE_HIGH
                          : fraction >= thresholds->elevated - margin ? PRESSURE_ELEVATED
                                                                      : PRESSURE_OK;
    if (reading->psi_full >= thresholds->psi && level >= PRESSURE_ELEVATED) {
        level = worse(level, PRESSURE_HIGH);
    }
    return reading->psi_some >= thresholds->psi ? worse(level, PRESSURE_ELEVATED) : level;
}

/* Goes on with the time that readings have been below the level; true when it was long enough. */
static bool ease(struct judgement *judgement, enum pressure calm, int64_t hold, int64_t now) {
    if (!judgement->easing) {
        judgement->easing = true;
        judgement->easing_since = now;
        judgement->easiest = calm;
    }
    judgement->easiest = worse(judgement->easiest, calm);
    return now - judgement->easing_since >= hold;
}

/* The known level after this reading. */
static enum pressure settle(struct judgement *judgement, enum pressure present, enum pressure calm, int64_t hold,
                            int64_t now) {
    enum pressure last = worse(judgement->last, PRESSURE_OK);
    if (calm < last && !ease(judgement, calm, hold, now)) {
        return last;
    }
    judgement->easing = false;
    return calm < last ? judgement->easiest : worse(present, last);
}

struct judgement judge(const struct memory_reading *reading, const struct judge_thresholds *thresholds,
                       struct judgement before, int64_t now) {
    struct judgement after = before;
    bool killed = before.counted && reading->oom_kills > before.oom_kills;
    if (reading->known) { /* where nothing can be read the count may be missing too, and is 0 */
        after.oom_kills = reading->oom_kills > before.oom_kills ? reading->oom_kills : before.oom_kills;
        after.counted = true;
    }
    if (killed) {
        after.oom_kills = reading->oom_kills;
        after.last = after.level = PRESSURE_CRITICAL;
        after.easing = false;
    } else if (reading->known) {
        enum pressure present = level_of(reading, thresholds, 0);
        enum pressure calm = level_of(reading, thresholds, thresholds->margin);
        after.last = after.level = settle(&after, present, calm, thresholds->hold, now);
    } else {
        after.level = PRESSURE_UNKNOWN;
        after.easing = false;
    }
    after.since = after.level == before.level ? before.since : now;
    return after;
}
