/*
 * The ledger of one device's memory: large uses are charged before they happen and credited when their end was seen.
 * It lies in shared memory (a memfd), made by the front process and mapped by its workers; each process has an account,
 * and whoever reaps a dead one closes its account, which credits all it held. A process may die at any moment, also
 * with the lock in hand: the lock is robust, and sums are made again from the accounts.
 *
 * A charge never lifts the sum above the budget. The sum may still be above it for a while after the budget shrank or
 * after measured memory was noted with ledger_note(): then nothing is granted until enough was credited.
 *
 * Seats are the semaphore of engine runs (predict.max_concurrent): a request takes bytes and seats in one step.
 * Waiters are served by class, then by priority (which rises by one with every LEDGER_AGEING of waiting), then in the
 * order of their coming. What the first one lacks is kept for it: later ones pass only with what is beyond.
 *
 * Any thread of any process that mapped it, except where said.
 */
#ifndef OCTAVO_MEMORY_LEDGER_H
#define OCTAVO_MEMORY_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct json;
struct ledger;

enum charge_kind {
#define CHARGE(symbol, word, about) CHARGE_##symbol,
#include "table/charges.def"
#undef CHARGE
    CHARGE_COUNT
};

/* Word of a kind. Borrowed for ever. */
const char *charge_word(enum charge_kind kind);

enum {
    LEDGER_ACCOUNTS = 1024, /* processes at a time */
    LEDGER_WAITERS = 1024,
};
#define LEDGER_AGEING INT64_C(1000000000) /* nanoseconds of waiting that count like one step of priority */

/*
 * Who is served first. Work in hand (engine runs, models) goes before new work (documents, pages), whatever the
 * priorities: only its end gives memory back.
 */
enum ledger_class { LEDGER_IN_HAND, LEDGER_NEW_WORK };

struct ledger_request {
    enum charge_kind kind;
    enum ledger_class class;
    uint64_t bytes;
    uint32_t seats;            /* 0: none; LEDGER_ALL_SEATS: alone */
    int priority;              /* -10 to 10, the higher goes first */
    int64_t deadline;          /* clock_now() after which it is given up; INT64_MAX: never */
    uint64_t leave;            /* bytes that must stay free after it (new work leaves what work in hand may need) */
    const atomic_bool *cancel; /* may be NULL: when true (and after ledger_wake()) the wait ends */
};
#define LEDGER_ALL_SEATS UINT32_MAX

/* Makes a ledger for device ("cpu", "gpu0"). The caller drops it with ledger_drop(). ERR_NO_MEMORY, ERR_INTERNAL. */
int ledger_create(const char *device, uint64_t budget, uint32_t seats, struct ledger **ret);

/* Maps the ledger behind fd (taken over on success). ERR_PROTOCOL if it is none, or of another version. */
int ledger_map(int fd, struct ledger **ret);

/* The memfd, to be sent to a worker; borrowed. */
int ledger_fd(const struct ledger *ledger);

/* Unmaps; for cleanup(). */
void ledger_drop(struct ledger **ledger);

/* An account for process pid; name ("worker", "raster") is cut at 31 bytes. ERR_NO_MEMORY if there are too many. */
int ledger_open_account(struct ledger *ledger, const char *name, pid_t pid, int *ret_account);

/* Credits what the account holds (bytes and seats), ends its waiting requests, frees its place. -1 is left alone. */
void ledger_close_account(struct ledger *ledger, int account);

/*
 * Takes bytes and seats, waiting for them if need be. ERR_NO_MEMORY at once if it could never fit the present budget
 * (the detail names needed and available bytes), also where the budget shrinks below it later; ERR_TIMEOUT after the
 * deadline (at once where it has passed and it does not fit now); ERR_INTERRUPTED when cancelled or when the account
 * was closed.
 */
int ledger_charge(struct ledger *ledger, int account, const struct ledger_request *request);

/* Gives back. More than is held credits what is held and is counted as an error (see ledger_check_always()). */
void ledger_credit(struct ledger *ledger, int account, enum charge_kind kind, uint64_t bytes, uint32_t seats);

/*
 * The same without blocking, for event loops: a request stands in the queue as a ticket (cancel must be NULL) until
 * ledger_poll() says 0: it is charged and the ticket is gone; or an error as ledger_charge(), and the ticket is gone;
 * or 1: still waiting. ledger_withdraw() ends a ticket early (credits it if it was granted meanwhile); -1 is left
 * alone. A ticket belongs to one thread.
 */
int ledger_ask(struct ledger *ledger, int account, const struct ledger_request *request, int *ret_ticket);
int ledger_poll(struct ledger *ledger, int ticket);
void ledger_withdraw(struct ledger *ledger, int *ticket);

/* Sets what the account holds of a kind to what was measured, even where the sum exceeds the budget by it. */
void ledger_note(struct ledger *ledger, int account, enum charge_kind kind, uint64_t bytes);

/* What is held becomes another kind, or another account's, in one step; seats are given back (a run that ends). */
void ledger_move(struct ledger *ledger, int from, enum charge_kind from_kind, int to, enum charge_kind to_kind,
                 uint64_t bytes, uint32_t seats);

/* Lets all waiters of this process look at their cancel flags. */
void ledger_wake(struct ledger *ledger);

/* The budget and the seats may change at any time. */
void ledger_set_budget(struct ledger *ledger, uint64_t budget);
void ledger_set_seats(struct ledger *ledger, uint32_t seats);
/* New work below this priority waits (guard: stop admitting low priority); INT_MIN lets all pass. */
void ledger_set_least_priority(struct ledger *ledger, int priority);

struct ledger_state {
    uint64_t budget, charged, peak; /* peak: the largest sum so far */
    uint64_t kind[CHARGE_COUNT];
    uint64_t lacking;   /* bytes that the first waiter lacks now: what should be freed; 0 if nobody waits for bytes */
    uint64_t overdrawn; /* sum above the budget */
    uint32_t seats, seats_taken, waiting, accounts;
    /* counted since the start */
    uint64_t charges, waits, timeouts, cancels, refusals, recoveries, errors;
    double waited; /* seconds, all waits together */
};
void ledger_read(struct ledger *ledger, struct ledger_state *ret);

/* What the account holds of a kind; of all kinds with CHARGE_COUNT. */
uint64_t ledger_held(struct ledger *ledger, int account, enum charge_kind kind);

/* State, accounts and waiters as JSON, for dumps; caller drops. */
struct json *ledger_to_json(struct ledger *ledger);

/* Whether all sums agree and the sum is within the budget unless overdrawn by shrinking or noting: for tests. */
bool ledger_is_sound(struct ledger *ledger);

/* For tests: from now on this process looks after every step whether it is sound, and aborts if not, or on an error. */
void ledger_check_always(bool on);

#endif
