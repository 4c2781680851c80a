/*
 * The pages of the ledger: what lies in its shared memory, and the bookkeeping in it. Only ledger.c sees this, and
 * calls it with the lock in hand.
 *
 * A process may be killed between any two instructions here. Therefore only the accounts and the waiters count; sums
 * and queue are made again from them by book_recover(). A waiter or an account comes and goes with one store, of its
 * state. Amounts change only through the entry: it is written down whole, armed, and then carried out; an armed entry
 * that is found by book_recover() is carried out again, which changes nothing where it was done already.
 */
#ifndef OCTAVO_MEMORY_BOOK_H
#define OCTAVO_MEMORY_BOOK_H

#include <pthread.h>

#include "memory/ledger.h"

enum { BOOK_NAME = 32, BOOK_HANDLE_BITS = 10 };
_Static_assert(LEDGER_ACCOUNTS <= 1 << BOOK_HANDLE_BITS && LEDGER_WAITERS <= 1 << BOOK_HANDLE_BITS, "handles");

struct account {
    uint32_t open;       /* comes last when it is opened and goes first when it is closed */
    uint32_t generation; /* tells handles of earlier accounts in this place from those of this one */
    int32_t pid;
    char name[BOOK_NAME];
    uint64_t held[CHARGE_COUNT];
    uint32_t seats; /* taken, those of alone included */
    uint32_t alone; /* taken by a request for all seats */
};

/*
 *  free -> waiting        book_waiter_new()
 *  waiting -> granted     book_dispatch()
 *  waiting -> refused     book_review(): what it asks for can never fit any more
 *  any -> free            by its owner (book_waiter_drop()), or with its account
 */
enum waiter_state { WAITER_FREE, WAITER_WAITING, WAITER_GRANTED, WAITER_REFUSED };

struct waiter {
    uint32_t state; /* enum waiter_state */
    uint32_t generation;
    uint32_t word;     /* a futex: counts the wake-ups of whoever sleeps here */
    uint32_t sleeping; /* somebody may sleep on word */
    int32_t account;   /* handle */
    int32_t pid;       /* of the process that waits */
    int64_t since;     /* clock_now() */
    uint64_t sequence;
    struct ledger_request request; /* without cancel */
};

/* What one step makes of at most two cells (one kind of one account each) and at most one waiter. */
struct entry {
    uint32_t armed;
    uint32_t cells;
    struct cell {
        uint32_t account; /* place */
        uint32_t kind;
        uint64_t held;         /* afterwards */
        uint32_t seats, alone; /* afterwards, of the account */
    } cell[2];
    int32_t granted; /* place of the waiter that is granted by it; -1: none */
};

struct book {
    char magic[8];
    uint64_t version, size;
    char device[BOOK_NAME];
    pthread_mutex_t mutex;
    uint64_t budget;
    uint32_t seats;
    int32_t least_priority;
    struct entry entry;
    /* made from accounts and waiters */
    uint64_t charged, kind[CHARGE_COUNT];
    uint32_t seats_taken, waiting;
    /* the budget, or the sum while it is overdrawn: what the sum must not exceed; likewise for the seats */
    uint64_t ceiling;
    uint32_t seats_ceiling;
    uint16_t queue[LEDGER_WAITERS]; /* places of those who wait, first the one to be served first */
    /* counters: may be one short after a death */
    uint64_t sequence, peak, charges, waits, timeouts, cancels, refusals, recoveries, errors;
    int64_t waited;                       /* nanoseconds */
    uint32_t accounts_used, waiters_used; /* places beyond were never taken (and their memory is untouched) */
    struct account account[LEDGER_ACCOUNTS];
    struct waiter waiter[LEDGER_WAITERS];
};

/* Accounts. A handle is never negative; -1 if there is no place left. */
int book_account_new(struct book *book, const char *name, pid_t pid);
/* The open account of a handle, else NULL. */
struct account *book_account(struct book *book, int handle);
void book_account_close(struct book *book, int handle);

/* What is free now: 0 while overdrawn. */
uint64_t book_free_bytes(const struct book *book);
uint32_t book_free_seats(const struct book *book);

/* The most bytes that a request needs free at once, itself included. */
uint64_t book_needed(const struct ledger_request *request);
/* Whether it cannot fit even into an empty ledger. */
bool book_never_fits(const struct book *book, const struct ledger_request *request);
/* Charges at once if nobody waits and it fits; false changes nothing. */
bool book_take(struct book *book, struct account *account, const struct ledger_request *request);
/* Gives back; false if it was more than is held (then what is held is given back). */
bool book_give(struct book *book, struct account *account, enum charge_kind kind, uint64_t bytes, uint32_t seats);
/* Moves bytes between different cells, and gives seats of from back; false as book_give(). */
bool book_move(struct book *book, struct account *from, enum charge_kind from_kind, struct account *to,
               enum charge_kind to_kind, uint64_t bytes, uint32_t seats);
void book_note(struct book *book, struct account *account, enum charge_kind kind, uint64_t bytes);

/* Waiters. book_waiter_new() puts it into the queue and grants nothing; NULL if there is no place left. */
struct waiter *book_waiter_new(struct book *book, int account, const struct ledger_request *request);
struct waiter *book_waiter(struct book *book, int handle); /* NULL if it is gone */
int book_waiter_handle(const struct book *book, const struct waiter *waiter);
/* Frees its place; a charge that was granted to it stays. Others may be granted what was kept for it. */
void book_waiter_drop(struct book *book, struct waiter *waiter);
/* Wakes who sleeps there. */
void book_wake(struct waiter *waiter);

/* Grants what may be granted: after every change that frees something. */
void book_dispatch(struct book *book);
/* The same after a change of budget or seats: refuses those that can never fit any more. */
void book_review(struct book *book);
/* Bytes that the first who waits for bytes lacks. */
uint64_t book_lacking(const struct book *book);

/* After the death of a process that had the lock. */
void book_recover(struct book *book);
/* Whether sums and queue agree with accounts and waiters, nothing is above its ceiling, and nobody waits in vain. */
bool book_is_sound(struct book *book);

#endif
