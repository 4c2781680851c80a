#include "worker/chores.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/heap.h"

enum { MOST_CHORES = 16 /* at a time */ };
static const int64_t SECOND = 1000000000;

enum chore_kind { CHORE_LOAD, CHORE_UNLOAD, CHORE_RELEASE };

/* A place for one: free, under way, or (over) waiting for its thread to be joined. */
struct chore {
    struct chores *chores;
    pthread_t thread;
    bool begun;
    atomic_bool over;
    int64_t id, deadline;
    enum chore_kind kind;
    enum role role;
};

struct chores {
    struct manager *manager;
    struct ledger *ledger;
    void (*done)(void *context, int64_t id, int result, uint64_t bytes);
    void *context;
    atomic_bool cancel;
    struct chore places[MOST_CHORES];
};

struct chores *chores_new(struct manager *manager, struct ledger *ledger,
                          void (*done)(void *context, int64_t id, int result, uint64_t bytes), void *context) {
    struct chores *chores = alloc(1, sizeof(*chores));
    chores->manager = manager;
    chores->ledger = ledger;
    chores->done = done;
    chores->context = context;
    return chores;
}

static int load(struct chore *chore) {
    struct model_handle handle = {0};
    struct chores *chores = chore->chores;
    int result = model_acquire(chores->manager, chore->role, chore->deadline, &chores->cancel, &handle);
    model_release(&handle);
    return result;
}

static int unload(struct chore *chore, uint64_t *ret) {
    int result = model_unload(chore->chores->manager, chore->role, chore->deadline, ret);
    return result == ERR_TIMEOUT ? fail(ERR_MODEL_IN_USE, "%s is being used", role_word(chore->role)) : result;
}

static void *chore_main(void *context) {
    struct chore *chore = context;
    struct chores *chores = chore->chores;
    uint64_t bytes = 0;
    int result = 0;
    heap_own_thread();
    switch (chore->kind) {
    case CHORE_LOAD:
        result = load(chore);
        break;
    case CHORE_UNLOAD:
        result = unload(chore, &bytes);
        break;
    case CHORE_RELEASE:
        bytes = manager_unload_idle(chores->manager);
        break;
    }
    chores->done(chores->context, chore->id, result, bytes);
    atomic_store(&chore->over, true);
    return NULL;
}

static void join(struct chore *chore) {
    if (chore->begun) {
        pthread_join(chore->thread, NULL);
        chore->begun = false;
    }
}

static struct chore *free_place(struct chores *chores) {
    for (int i = 0; i < MOST_CHORES; i++) {
        struct chore *chore = &chores->places[i];
        if (chore->begun && atomic_load(&chore->over)) {
            join(chore);
        }
        if (!chore->begun) {
            return chore;
        }
    }
    return NULL;
}

static int read_kind(const char *what, enum chore_kind *ret) {
    static const char *const words[] = {[CHORE_LOAD] = "load", [CHORE_UNLOAD] = "unload", [CHORE_RELEASE] = "release"};
    for (size_t i = 0; i < array_length(words); i++) {
        if (strcmp(words[i], what) == 0) {
            *ret = (enum chore_kind)i;
            return 0;
        }
    }
    return fail(ERR_PROTOCOL, "no order is called %s", what);
}

int chores_begin(struct chores *chores, int64_t id, const char *what, const char *model, int64_t seconds) {
    enum chore_kind kind = CHORE_RELEASE;
    enum role role = ROLE_COUNT;
    int result = read_kind(what, &kind);
    if (result == 0 && kind != CHORE_RELEASE) {
        role = manager_role(chores->manager, model ? model : "");
        result = role == ROLE_COUNT ? fail(ERR_NOT_FOUND, "no model that is used here is called \"%s\"", model) : 0;
    }
    if (result != 0) {
        return result;
    }
    struct chore *chore = free_place(chores);
    if (!chore) {
        return fail(ERR_BUSY, "%d orders are carried out", MOST_CHORES);
    }
    *chore = (struct chore){.chores = chores, .id = id, .kind = kind, .role = role};
    chore->deadline = clock_now() + seconds * SECOND;
    int error = pthread_create(&chore->thread, NULL, chore_main, chore);
    chore->begun = error == 0;
    return error ? fail(ERR_INTERNAL, "starting a thread: %s", strerror(error)) : 0;
}

void chores_cancel(struct chores *chores) {
    atomic_store(&chores->cancel, true);
    ledger_wake(chores->ledger);
}

void chores_drop(struct chores **chores) {
    for (int i = 0; i < MOST_CHORES; i++) {
        join(&(*chores)->places[i]);
    }
    free(*chores);
    *chores = NULL;
}
