/*
 * Tasks as they are kept: a narrow table of functions for each kind of store. Every call is one transaction: it happens
 * whole or not at all. What the table of moves (table/task_states.def) does not have is refused here as well, so that
 * two who move a task at once cannot both succeed.
 *
 * Failures of all calls: ERR_DISK_FULL, ERR_STORE_BUSY, ERR_STORE_DAMAGED, ERR_STORE. One thread.
 */
#ifndef OCTAVO_STORE_STORE_H
#define OCTAVO_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "store/id.h"

enum task_state {
#define TASK_STATE(symbol, word, over, about) TASK_##symbol,
#define TASK_MOVE(from, to, event, when)
#include "table/task_states.def"
#undef TASK_STATE
#undef TASK_MOVE
    TASK_STATE_COUNT
};

/* Word of a state; whether nothing more will happen in it. The state of a word: TASK_STATE_COUNT if there is none. */
const char *task_state_word(enum task_state state);
bool task_state_is_over(enum task_state state);
enum task_state task_state_from_word(const char *word);

/* The event that tells a move, NULL if it is not in the table. Borrowed for ever. */
const char *task_move_event(enum task_state from, enum task_state to);

/* Times are milliseconds since 1970, 0: not yet, or none. Texts are NULL where there is none. */
struct task_row {
    int64_t number; /* counts up in the order of coming */
    char id[ID_BYTES];
    enum task_state state;
    int64_t priority;
    char *name;                /* of the file, as the client said */
    char *options;             /* JSON; what is wanted */
    char *key;                 /* idempotency key */
    char digest[DIGEST_BYTES]; /* of document and options */
    int64_t bytes;             /* of the document */
    int64_t created, started, ended, deadline;
    int64_t document_pages;    /* that the document has */
    int64_t pages, pages_done; /* to be read; those that have a result or an error */
    int64_t result_bytes;      /* of its pages */
    char *format, *engine;     /* as in struct result */
    char *warnings, *timings;  /* JSON, about the whole document; sum of its pages */
    double seconds;            /* of work */
    int64_t peak_bytes;        /* most bytes charged for it at a time; 0: none yet */
    char *plan;                /* JSON, of the page that was read last */
    char *error;               /* a word */
    char *detail;
    int64_t error_page;
    char *owner;               /* id of the API key that has sent it; NULL: there were no keys */
    char *callback;            /* URL that is told when it has ended; NULL: none */
    int64_t callback_attempts; /* so far */
    int64_t callback_due;      /* the next attempt; 0: it has not ended, or there will be none */
    int64_t callback_delivered;
    char *callback_trouble; /* of the last attempt */
};
void task_row_done(struct task_row *row);
struct task_row task_row_copy(const struct task_row *row);

/* A page that was read, or (error is a word then) could not be. */
struct task_page {
    int64_t page, offset, bytes;
    const char *error, *detail; /* given to each(): borrowed for the call */
};

struct task_event {
    int64_t number; /* 1, 2, ... within its task */
    int64_t at, page;
    const char *kind; /* "page", or as in table/task_states.def; given to each(): borrowed for the call */
};

struct task_query {
    unsigned states; /* bits 1 << state */
    bool oldest_first;
    int64_t beyond;       /* only numbers below it (above it if oldest_first); 0: all */
    int64_t ended_before; /* only those that have; 0: all */
    int64_t limit;        /* 0: none */
    const char *owner;    /* only those of this one; NULL: all */
    bool told;            /* only those whose callback is not still to be delivered */
};

struct task_sums {
    int64_t tasks[TASK_STATE_COUNT];
    int64_t bytes[TASK_STATE_COUNT]; /* of results, and of the documents of those that have not ended */
};

struct store;

struct store_kind {
    const char *word;

    /* Opens what is in the folder, or begins anew in it. The caller drops *ret. */
    int (*open)(const char *folder, struct store **ret);
    void (*drop)(struct store **store);

    /* Adds tasks, all or none, each with its first event; their documents are on the disk. They survive a power failure
     * when this returns; the numbers are set. ERR_KEY_USED if another task of its owner has the key of one. */
    int (*add)(struct store *store, struct task_row *rows, size_t count);

    /* Looks one up; the caller calls task_row_done(). ERR_NOT_FOUND. */
    int (*find)(struct store *store, const char *id, struct task_row *ret);
    int (*find_key)(struct store *store, const char *key, const char *owner, struct task_row *ret);

    /* Calls each() with what the query finds until it answers false. The row is borrowed; no call of the store in it.
     */
    int (*list)(struct store *store, const struct task_query *query,
                bool (*each)(void *context, const struct task_row *row), void *context);
    int (*sum)(struct store *store, struct task_sums *ret);

    /*
     * Moves a task from row->state to another, with the event; what else of the row may change by then is written as
     * well: started, ended, document_pages, pages, format, engine, warnings, seconds, peak_bytes, error. row->state is
     * the new one afterwards. With an end its callback is due, in the same transaction. ERR_TASK_OVER if it is not in
     * this state, or there is no such move. A move to an end survives a power failure.
     */
    int (*move)(struct store *store, struct task_row *row, enum task_state to);

    /* Adds a page with its event, and writes pages_done, result_bytes, timings, seconds, peak_bytes, plan and what
     * opening the document told: document_pages, pages, format. A page that is there already is replaced. */
    int (*add_page)(struct store *store, const struct task_row *row, const struct task_page *page);

    /* The pages of a task in their order, from a number on; its events after a number. As list(). */
    int (*pages)(struct store *store, int64_t number, int64_t from,
                 bool (*each)(void *context, const struct task_page *page), void *context);
    int (*events)(struct store *store, int64_t number, int64_t after,
                  bool (*each)(void *context, const struct task_event *event), void *context);

    /* Those whose callback is to be delivered, at most so many (0: all), what is due first before the others; as
     * list(). Writes what of a row is about its callback; a power failure may take that back. */
    int (*callbacks)(struct store *store, int64_t limit, bool (*each)(void *context, const struct task_row *row),
                     void *context);
    int (*set_callback)(struct store *store, const struct task_row *row);

    /* Removes a task with all that is known of it. ERR_NOT_FOUND. */
    int (*remove)(struct store *store, int64_t number);
};

extern const struct store_kind store_sqlite;

#endif
