#include "memory/roster.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

/* Of the layout below: to be raised with every change of it. */
#define VERSION UINT64_C(0x6f63746176720002)

enum figure { STATE, CHARGED, USERS, IDLE, LOADED, USED, DURATION, FIGURES };

/* FREE -> CLAIMED by whoever adds the model, which fills in the name; -> TAKEN, and so for ever. */
enum { FREE, CLAIMED, TAKEN };

struct slot {
    atomic_uint_fast64_t taken, process;
    atomic_uint_fast64_t figures[FIGURES], counts[ROSTER_COUNTS];
    struct roster_name name; /* constant once it is TAKEN */
};

struct shared {
    uint64_t version; /* constant after roster_create() */
    struct slot slots[ROSTER_MODELS];
};

struct roster {
    int fd;
    struct shared *shared;
};

const char *model_state_word(enum model_state state) {
    static const char *const words[] = {
#define MODEL_STATE(symbol, word, next) word,
#include "table/model_states.def"
#undef MODEL_STATE
    };
    return words[state];
}

static struct roster *roster_over(int fd, void *bytes) {
    struct roster *roster = alloc(1, sizeof(*roster));
    *roster = (struct roster){.fd = fd, .shared = bytes};
    return roster;
}

int roster_create(struct roster **ret) {
    int fd;
    void *bytes;
    int result = file_shared_new("octavo-roster", sizeof(struct shared), &fd, &bytes);
    if (result != 0) {
        return result;
    }
    struct roster *roster cleanup(roster_drop) = roster_over(fd, bytes);
    roster->shared->version = VERSION;
    *ret = take(roster);
    return 0;
}

int roster_map(int fd, struct roster **ret) {
    void *bytes;
    int result = file_shared_map(fd, sizeof(struct shared), &bytes);
    if (result != 0) {
        return result;
    }
    const struct shared *shared = bytes;
    if (shared->version != VERSION) {
        munmap(bytes, sizeof(struct shared));
        return fail(ERR_PROTOCOL, "the roster is of another version");
    }
    *ret = roster_over(fd, bytes);
    return 0;
}

int roster_fd(const struct roster *roster) { return roster->fd; }

void roster_drop(struct roster **roster) {
    if (*roster) {
        munmap((*roster)->shared, sizeof(struct shared));
        drop_fd(&(*roster)->fd);
        free(*roster);
    }
    *roster = NULL;
}

/* Writing */

static bool is_same(const struct roster_name *a, const struct roster_name *b) {
    bool engine = strcmp(a->engine, b->engine) == 0 || !a->engine[0];
    return a->instance == b->instance && strcmp(a->id, b->id) == 0 && strcmp(a->device, b->device) == 0 && engine;
}

/* A model that is known without an engine gets its engine; it cannot be read meanwhile. */
static bool take_slot(struct slot *slot, const struct roster_name *name) {
    uint_fast64_t taken = TAKEN;
    if (!slot->name.engine[0] && name->engine[0]) {
        if (!atomic_compare_exchange_strong(&slot->taken, &taken, CLAIMED)) {
            return false;
        }
        slot->name = *name;
        atomic_store(&slot->taken, TAKEN);
    }
    atomic_store(&slot->process, (uint64_t)getpid());
    return true;
}

int roster_add(struct roster *roster, const struct roster_name *name) {
    for (int i = 0; i < ROSTER_MODELS; i++) {
        struct slot *slot = &roster->shared->slots[i];
        uint_fast64_t taken = FREE;
        if (atomic_compare_exchange_strong(&slot->taken, &taken, CLAIMED)) {
            slot->name = *name;
            atomic_store(&slot->process, (uint64_t)getpid());
            atomic_store(&slot->taken, TAKEN);
            return i;
        }
        /* One that was claimed by a process which died of it stays so. */
        if (taken == TAKEN && is_same(&slot->name, name) && take_slot(slot, name)) {
            return i;
        }
    }
    return -1;
}

void roster_note(struct roster *roster, int place, const struct roster_state *state) {
    if (place < 0) {
        return;
    }
    const uint64_t figures[FIGURES] = {
        [STATE] = (uint64_t)state->state, [CHARGED] = state->charged,         [USERS] = state->users,
        [IDLE] = (uint64_t)state->idle,   [LOADED] = (uint64_t)state->loaded, [USED] = (uint64_t)state->used,
        [DURATION] = state->load_duration};
    for (int i = 0; i < FIGURES; i++) {
        atomic_store_explicit(&roster->shared->slots[place].figures[i], figures[i], memory_order_relaxed);
    }
}

void roster_count(struct roster *roster, int place, enum roster_count what, uint64_t more) {
    if (place >= 0) {
        atomic_fetch_add_explicit(&roster->shared->slots[place].counts[what], more, memory_order_relaxed);
    }
}

void roster_clear(struct roster *roster, pid_t process) {
    for (int i = 0; i < ROSTER_MODELS; i++) {
        struct slot *slot = &roster->shared->slots[i];
        if (atomic_load(&slot->taken) == TAKEN && atomic_load(&slot->process) == (uint64_t)process) {
            atomic_store(&slot->figures[STATE], MODEL_ABSENT);
            atomic_store(&slot->figures[CHARGED], 0);
            atomic_store(&slot->figures[USERS], 0);
        }
    }
}

/* Reading */

bool roster_read(const struct roster *roster, int place, struct roster_model *ret) {
    struct slot *slot = &roster->shared->slots[place];
    if (atomic_load(&slot->taken) != TAKEN) {
        return false;
    }
    uint64_t figures[FIGURES];
    for (int i = 0; i < FIGURES; i++) {
        figures[i] = atomic_load_explicit(&slot->figures[i], memory_order_relaxed);
    }
    struct roster_model model = {
        .name = slot->name,
        .now = {.state = figures[STATE] < MODEL_STATE_COUNT ? (enum model_state)figures[STATE] : MODEL_ABSENT,
                .charged = figures[CHARGED],
                .users = figures[USERS],
                .idle = (int64_t)figures[IDLE],
                .loaded = (int64_t)figures[LOADED],
                .used = (int64_t)figures[USED],
                .load_duration = figures[DURATION]}};
    for (int i = 0; i < ROSTER_COUNTS; i++) {
        model.counts[i] = atomic_load_explicit(&slot->counts[i], memory_order_relaxed);
    }
    *ret = model;
    return true;
}
