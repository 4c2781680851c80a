#include "store/store.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const struct {
    const char *word;
    bool over;
} states[] = {
#define TASK_STATE(symbol, word, over, about) {word, over},
#define TASK_MOVE(from, to, event, when)
#include "table/task_states.def"
#undef TASK_STATE
#undef TASK_MOVE
};

static const struct {
    enum task_state from, to;
    const char *event;
} moves[] = {
#define TASK_STATE(symbol, word, over, about)
#define TASK_MOVE(from, to, event, when) {TASK_##from, TASK_##to, event},
#include "table/task_states.def"
#undef TASK_STATE
#undef TASK_MOVE
};

const char *task_state_word(enum task_state state) { return states[state].word; }
bool task_state_is_over(enum task_state state) { return states[state].over; }

enum task_state task_state_from_word(const char *word) {
    int state = 0;
    while (state < TASK_STATE_COUNT && strcmp(states[state].word, word) != 0) {
        state++;
    }
    return (enum task_state)state;
}

const char *task_move_event(enum task_state from, enum task_state to) {
    for (size_t i = 0; i < array_length(moves); i++) {
        if (moves[i].from == from && moves[i].to == to) {
            return moves[i].event;
        }
    }
    return NULL;
}

#define TEXT(member) offsetof(struct task_row, member)
static const size_t row_texts[] = {TEXT(name),     TEXT(options),          TEXT(key),   TEXT(format), TEXT(engine),
                                   TEXT(warnings), TEXT(timings),          TEXT(error), TEXT(detail), TEXT(owner),
                                   TEXT(callback), TEXT(callback_trouble), TEXT(plan)};

static char **text_of(struct task_row *row, size_t index) { return (char **)(void *)((char *)row + row_texts[index]); }

void task_row_done(struct task_row *row) {
    for (size_t i = 0; i < array_length(row_texts); i++) {
        free(*text_of(row, i));
    }
    *row = (struct task_row){0};
}

struct task_row task_row_copy(const struct task_row *row) {
    struct task_row copy = *row;
    for (size_t i = 0; i < array_length(row_texts); i++) {
        *text_of(&copy, i) = copy_string(*text_of(&copy, i));
    }
    return copy;
}
