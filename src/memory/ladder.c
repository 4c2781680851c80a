#include "memory/ladder.h"

static const struct {
    const char *word;
    enum pressure least;
    int64_t cooldown; /* nanoseconds */
    bool lasting;
} steps[] = {
#define LADDER(symbol, word, level, cooldown, lasting, about)                                                          \
    {word, PRESSURE_##level, (cooldown)*INT64_C(1000000), lasting},
#include "table/ladder.def"
#undef LADDER
};

const char *ladder_word(enum ladder_step step) { return steps[step].word; }

/* The first step from first on that can be taken and is not in force; LADDER_COUNT if there is none. */
static int next_step(const struct ladder *ladder, int first) {
    while (first < LADDER_COUNT && ((ladder->without | ladder->in_force) >> first & 1)) {
        first++;
    }
    return first;
}

static bool may(int step, enum pressure level) { return step < LADDER_COUNT && level >= steps[step].least; }

static bool due_up(const struct ladder *ladder, const struct judgement *judgement, int64_t now,
                   struct ladder_move *ret) {
    if (judgement->easing) {
        return false;
    }
    int step = next_step(ladder, ladder->next);
    if (!may(step, judgement->level) && now >= ladder->again_at) {
        step = next_step(ladder, 0);
    }
    if (!may(step, judgement->level)) {
        return false;
    }
    *ret = (struct ladder_move){.step = (enum ladder_step)step};
    return true;
}

static bool due_back(const struct ladder *ladder, int64_t now, struct ladder_move *ret) {
    if (!ladder->in_force || now < ladder->back_at) {
        return false;
    }
    int last = LADDER_COUNT - 1;
    while (!(ladder->in_force >> last & 1)) {
        last--;
    }
    *ret = (struct ladder_move){.step = (enum ladder_step)last, .back = true};
    return true;
}

bool ladder_due(struct ladder *ladder, const struct judgement *judgement, int64_t now, struct ladder_move *ret) {
    if (judgement->level == PRESSURE_OK && now - judgement->since >= ladder->calm) {
        ladder->next = 0; /* what comes later is another matter */
        return due_back(ladder, now, ret);
    }
    return judgement->level != PRESSURE_UNKNOWN && judgement->level != PRESSURE_OK && now >= ladder->quiet_until &&
           due_up(ladder, judgement, now, ret);
}

void ladder_moved(struct ladder *ladder, struct ladder_move move, int64_t now) {
    unsigned bit = 1U << move.step;
    if (move.back) {
        ladder->in_force &= ~bit;
        ladder->back_at = now + ladder->calm;
        return;
    }
    ladder->in_force |= steps[move.step].lasting ? bit : 0;
    ladder->next = (int)move.step + 1;
    ladder->quiet_until = now + steps[move.step].cooldown;
    ladder->again_at = now + LADDER_AGAIN;
}
