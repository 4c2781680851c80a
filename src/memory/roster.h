/*
 * The models that workers have, or had, in shared memory: the front process makes it, workers map it and note what
 * becomes of their models. So the front can tell without asking, and counts outlive the worker that counted. Figures
 * are written one by one: one that is read while others change may be newer than they are. Any thread.
 */
#ifndef OCTAVO_MEMORY_ROSTER_H
#define OCTAVO_MEMORY_ROSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct roster;

enum model_state {
#define MODEL_STATE(symbol, word, next) MODEL_##symbol,
#include "table/model_states.def"
#undef MODEL_STATE
    MODEL_STATE_COUNT
};

/* Word of a state. Borrowed for ever. */
const char *model_state_word(enum model_state state);

enum { ROSTER_MODELS = 256, ROSTER_TEXT = 64 };

/* Who a model is: texts are cut at ROSTER_TEXT - 1 bytes. The engine is "" before one was chosen. Each instance of the
 * pool has models of its own. */
struct roster_name {
    int instance;
    char id[ROSTER_TEXT], role[ROSTER_TEXT], version[ROSTER_TEXT], device[ROSTER_TEXT], engine[ROSTER_TEXT];
};

/* How it stands. */
struct roster_state {
    enum model_state state;
    uint64_t charged; /* bytes: weights and what is kept of its runs */
    uint64_t users;
    int64_t idle;           /* nanoseconds without a user after which it is unloaded */
    int64_t loaded, used;   /* clock of its last load and its last use; 0: never */
    uint64_t load_duration; /* nanoseconds, of the last load */
};

/* Counted since the front process began, over all workers. */
enum roster_count { ROSTER_LOADS, ROSTER_UNLOADS, ROSTER_EVICTIONS, ROSTER_FAILURES, ROSTER_LOAD_TIME, ROSTER_COUNTS };

struct roster_model {
    struct roster_name name;
    struct roster_state now;
    uint64_t counts[ROSTER_COUNTS]; /* ROSTER_LOAD_TIME: nanoseconds of all loads */
};

/* ERR_INTERNAL, ERR_NO_MEMORY. */
int roster_create(struct roster **ret);
/* fd is taken over on success. ERR_PROTOCOL if it is no roster, or of another version. */
int roster_map(int fd, struct roster **ret);
int roster_fd(const struct roster *roster); /* borrowed */
void roster_drop(struct roster **roster);

/*
 * The place of a model of this process, by instance, id, device and engine: the one of an earlier process, whose counts
 * go on, or one that has no engine yet, or a new one; -1 if there is none left. Noting and counting at -1 does nothing.
 */
int roster_add(struct roster *roster, const struct roster_name *name);

void roster_note(struct roster *roster, int place, const struct roster_state *state);
void roster_count(struct roster *roster, int place, enum roster_count what, uint64_t more);

/* The process has ended: none of its models is loaded any more. */
void roster_clear(struct roster *roster, pid_t process);

/* What is in a place, 0 to ROSTER_MODELS - 1; false if nothing is. */
bool roster_read(const struct roster *roster, int place, struct roster_model *ret);

#endif
