#include "memory/book.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * Keeps the compiler from moving a store over this line. The processor need not be told: what a killed process has
 * executed is seen by whoever gets its lock.
 */
#define in_order() atomic_signal_fence(memory_order_seq_cst)

static uint64_t add(uint64_t a, uint64_t b) { return a + b < a ? UINT64_MAX : a + b; }
static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* ---- handles: place and generation ---- */

static int handle_of(size_t place, uint32_t generation) {
    return (int)((generation << BOOK_HANDLE_BITS & INT_MAX) | (uint32_t)place);
}

static size_t place_of(int handle) { return (size_t)handle & ((1 << BOOK_HANDLE_BITS) - 1); }

struct account *book_account(struct book *book, int handle) {
    struct account *account = &book->account[place_of(handle)];
    bool same = handle >= 0 && account->open && handle_of(place_of(handle), account->generation) == handle;
    return same ? account : NULL;
}

struct waiter *book_waiter(struct book *book, int handle) {
    struct waiter *waiter = &book->waiter[place_of(handle)];
    return handle >= 0 && waiter->state != WAITER_FREE && book_waiter_handle(book, waiter) == handle ? waiter : NULL;
}

int book_waiter_handle(const struct book *book, const struct waiter *waiter) {
    return handle_of((size_t)(waiter - book->waiter), waiter->generation);
}

/* ---- amounts ---- */

static void sink_ceilings(struct book *book) {
    book->ceiling = larger(book->budget, smaller(book->ceiling, book->charged));
    book->seats_ceiling = (uint32_t)larger(book->seats, smaller(book->seats_ceiling, book->seats_taken));
}

/* Carries out the entry. May be done twice: it says what shall be, not what changes. */
static void carry_out(struct book *book) {
    const struct entry *entry = &book->entry;
    for (uint32_t i = 0; i < entry->cells; i++) {
        const struct cell *cell = &entry->cell[i];
        struct account *account = &book->account[cell->account];
        uint64_t more = cell->held - account->held[cell->kind]; /* modulo 2^64 */
        book->kind[cell->kind] += more;
        book->charged += more;
        book->seats_taken += cell->seats - account->seats;
        account->held[cell->kind] = cell->held;
        account->seats = cell->seats;
        account->alone = cell->alone;
    }
    if (entry->granted >= 0) {
        book->waiter[entry->granted].state = WAITER_GRANTED;
    }
}

static void post(struct book *book, const struct entry *entry) {
    book->entry = *entry;
    in_order();
    book->entry.armed = true;
    in_order();
    carry_out(book);
    in_order();
    book->entry.armed = false;
    book->peak = larger(book->peak, book->charged);
    sink_ceilings(book);
}

static struct cell cell_of(const struct book *book, const struct account *account, enum charge_kind kind) {
    return (struct cell){.account = (uint32_t)(account - book->account),
                         .kind = kind,
                         .held = account->held[kind],
                         .seats = account->seats,
                         .alone = account->alone};
}

/* Takes seats out of a cell; false if it has fewer. */
static bool give_seats(struct cell *cell, uint32_t seats) {
    if (seats == LEDGER_ALL_SEATS) {
        bool exact = cell->alone > 0;
        cell->seats -= cell->alone;
        cell->alone = 0;
        return exact;
    }
    uint32_t given = (uint32_t)smaller(seats, cell->seats - cell->alone);
    cell->seats -= given;
    return given == seats;
}

bool book_give(struct book *book, struct account *account, enum charge_kind kind, uint64_t bytes, uint32_t seats) {
    struct entry entry = {.cells = 1, .cell = {cell_of(book, account, kind)}, .granted = -1};
    struct cell *cell = &entry.cell[0];
    uint64_t given = smaller(bytes, cell->held);
    cell->held -= given;
    bool exact = give_seats(cell, seats);
    post(book, &entry);
    return exact && given == bytes;
}

bool book_move(struct book *book, struct account *from, enum charge_kind from_kind, struct account *to,
               enum charge_kind to_kind, uint64_t bytes, uint32_t seats) {
    struct entry entry = {
        .cells = 2, .cell = {cell_of(book, from, from_kind), cell_of(book, to, to_kind)}, .granted = -1};
    struct cell *source = &entry.cell[0], *target = &entry.cell[1];
    uint64_t moved = smaller(bytes, source->held);
    source->held -= moved;
    target->held += moved;
    bool exact = give_seats(source, seats);
    if (from == to) {
        target->seats = source->seats;
        target->alone = source->alone;
    }
    post(book, &entry);
    return exact && moved == bytes;
}

void book_note(struct book *book, struct account *account, enum charge_kind kind, uint64_t bytes) {
    struct entry entry = {.cells = 1, .cell = {cell_of(book, account, kind)}, .granted = -1};
    uint64_t others = book->charged - entry.cell[0].held;
    entry.cell[0].held = bytes;
    book->ceiling = larger(book->ceiling, add(others, bytes));
    post(book, &entry);
}

/* ---- what fits ---- */

/* What is kept for those who stand before in the queue. */
struct reserve {
    uint64_t bytes, leave, seats;
};

uint64_t book_free_bytes(const struct book *book) {
    return book->budget > book->charged ? book->budget - book->charged : 0;
}

uint32_t book_free_seats(const struct book *book) {
    return book->seats > book->seats_taken ? book->seats - book->seats_taken : 0;
}

uint64_t book_needed(const struct ledger_request *request) { return add(request->bytes, request->leave); }

/* All seats are one at least: alone where there are none is not granted. */
static uint32_t seats_wanted(const struct book *book, const struct ledger_request *request) {
    return request->seats == LEDGER_ALL_SEATS ? (uint32_t)larger(book->seats, 1) : request->seats;
}

bool book_never_fits(const struct book *book, const struct ledger_request *request) {
    return book_needed(request) > book->budget || seats_wanted(book, request) > book->seats;
}

static bool is_held_back(const struct book *book, const struct ledger_request *request) {
    return request->class == LEDGER_NEW_WORK && request->priority < book->least_priority;
}

static uint64_t needed_beyond(const struct reserve *reserve, const struct ledger_request *request) {
    return book_needed(request) == 0 ? 0
                                     : add(add(reserve->bytes, request->bytes), larger(reserve->leave, request->leave));
}

static bool fits(const struct book *book, const struct reserve *reserve, const struct ledger_request *request) {
    uint32_t seats = seats_wanted(book, request);
    return book->charged <= book->budget && !is_held_back(book, request) &&
           needed_beyond(reserve, request) <= book_free_bytes(book) &&
           (seats == 0 || reserve->seats + seats <= book_free_seats(book));
}

/* What is held back has nothing kept for it. */
static void keep_for(const struct book *book, struct reserve *reserve, const struct ledger_request *request) {
    if (!is_held_back(book, request)) {
        reserve->bytes = add(reserve->bytes, request->bytes);
        reserve->leave = larger(reserve->leave, request->leave);
        reserve->seats += seats_wanted(book, request);
    }
}

/* granted: the waiter it goes to; NULL: none. */
static void charge(struct book *book, struct account *account, const struct ledger_request *request,
                   const struct waiter *granted) {
    struct entry entry = {.cells = 1, .cell = {cell_of(book, account, request->kind)}, .granted = -1};
    struct cell *cell = &entry.cell[0];
    uint32_t seats = seats_wanted(book, request);
    cell->held += request->bytes;
    cell->seats += seats;
    if (request->seats == LEDGER_ALL_SEATS) {
        cell->alone = seats;
    }
    if (granted) {
        entry.granted = (int32_t)(granted - book->waiter);
    }
    post(book, &entry);
    book->charges++;
}

bool book_take(struct book *book, struct account *account, const struct ledger_request *request) {
    if (book->waiting > 0 || !fits(book, &(struct reserve){0}, request)) {
        return false;
    }
    charge(book, account, request, NULL);
    return true;
}

/* ---- queue ---- */

/*
 * Whether a is served before b. Waiting raises the priorities of both alike, so that the order of two never changes:
 * what counts is when one would have come, had it priority 0.
 */
static bool is_before(const struct waiter *a, const struct waiter *b) {
    int64_t came_a = a->since - a->request.priority * LEDGER_AGEING;
    int64_t came_b = b->since - b->request.priority * LEDGER_AGEING;
    if (a->request.class != b->request.class) {
        return a->request.class < b->request.class;
    }
    return came_a != came_b ? came_a < came_b : a->sequence < b->sequence;
}

static void queue_add(struct book *book, size_t place) {
    size_t i = book->waiting;
    for (; i > 0 && is_before(&book->waiter[place], &book->waiter[book->queue[i - 1]]); i--) {
        book->queue[i] = book->queue[i - 1];
    }
    book->queue[i] = (uint16_t)place;
    book->waiting++;
}

static void queue_remove(struct book *book, size_t i) {
    book->waiting--;
    memmove(&book->queue[i], &book->queue[i + 1], (book->waiting - i) * sizeof(book->queue[0]));
}

struct waiter *book_waiter_new(struct book *book, int account, const struct ledger_request *request) {
    size_t place = 0;
    while (place < book->waiters_used && book->waiter[place].state != WAITER_FREE) {
        place++;
    }
    if (place == LEDGER_WAITERS) {
        return NULL;
    }
    if (place == book->waiters_used) {
        book->waiters_used++;
    }
    struct waiter *waiter = &book->waiter[place];
    waiter->generation++;
    waiter->sleeping = false;
    waiter->account = account;
    waiter->pid = getpid();
    waiter->since = clock_now();
    waiter->sequence = book->sequence++;
    waiter->request = *request;
    waiter->request.cancel = NULL;
    in_order();
    waiter->state = WAITER_WAITING;
    in_order();
    queue_add(book, place);
    return waiter;
}

void book_wake(struct waiter *waiter) {
    waiter->word++;
    if (waiter->sleeping) {
        waiter->sleeping = false;
        syscall(SYS_futex, &waiter->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

static void end_wait(struct book *book, struct waiter *waiter) {
    book->waited += clock_now() - waiter->since;
    book_wake(waiter);
}

/* The place in the queue of the next one from place on that may be served. */
static size_t next_served(const struct book *book, size_t place, struct reserve *reserve) {
    for (; place < book->waiting; place++) {
        const struct ledger_request *request = &book->waiter[book->queue[place]].request;
        if (fits(book, reserve, request)) {
            break;
        }
        keep_for(book, reserve, request);
    }
    return place;
}

void book_dispatch(struct book *book) {
    struct reserve reserve = {0};
    size_t place = 0;
    while ((place = next_served(book, place, &reserve)) < book->waiting) {
        struct waiter *waiter = &book->waiter[book->queue[place]];
        charge(book, book_account(book, waiter->account), &waiter->request, waiter);
        queue_remove(book, place);
        end_wait(book, waiter);
    }
}

void book_review(struct book *book) {
    sink_ceilings(book);
    for (size_t i = book->waiting; i-- > 0;) {
        struct waiter *waiter = &book->waiter[book->queue[i]];
        if (book_never_fits(book, &waiter->request)) {
            waiter->state = WAITER_REFUSED;
            in_order();
            queue_remove(book, i);
            end_wait(book, waiter);
            book->refusals++;
        }
    }
    book_dispatch(book);
}

void book_waiter_drop(struct book *book, struct waiter *waiter) {
    bool waited = waiter->state == WAITER_WAITING;
    waiter->state = WAITER_FREE;
    in_order();
    for (size_t i = 0; waited && i < book->waiting; i++) {
        if (&book->waiter[book->queue[i]] == waiter) {
            queue_remove(book, i);
            end_wait(book, waiter);
            book_dispatch(book);
            return;
        }
    }
}

uint64_t book_lacking(const struct book *book) {
    struct reserve reserve = {0};
    for (size_t i = 0; i < book->waiting; i++) {
        const struct ledger_request *request = &book->waiter[book->queue[i]].request;
        uint64_t wanted = add(book->charged, needed_beyond(&reserve, request));
        if (!is_held_back(book, request) && wanted > book->budget) {
            return wanted - book->budget;
        }
        keep_for(book, &reserve, request);
    }
    return 0;
}

/* ---- accounts ---- */

int book_account_new(struct book *book, const char *name, pid_t pid) {
    size_t place = 0;
    while (place < book->accounts_used && book->account[place].open) {
        place++;
    }
    if (place == LEDGER_ACCOUNTS) {
        return -1;
    }
    if (place == book->accounts_used) {
        book->accounts_used++;
    }
    struct account *account = &book->account[place];
    account->generation++;
    account->pid = pid;
    account->seats = account->alone = 0;
    memset(account->held, 0, sizeof(account->held));
    memset(account->name, 0, sizeof(account->name));
    memcpy(account->name, name, strnlen(name, BOOK_NAME - 1));
    in_order();
    account->open = true;
    return handle_of(place, account->generation);
}

/* Frees waiters whose account is closed. */
static void drop_orphans(struct book *book) {
    for (size_t i = 0; i < book->waiters_used; i++) {
        struct waiter *waiter = &book->waiter[i];
        if (waiter->state != WAITER_FREE && !book_account(book, waiter->account)) {
            bool waited = waiter->state == WAITER_WAITING;
            waiter->state = WAITER_FREE;
            if (waited) {
                book->cancels++;
                book->waited += clock_now() - waiter->since;
            }
            book_wake(waiter);
        }
    }
}

static void make_queue(struct book *book) {
    book->waiting = 0;
    for (size_t i = 0; i < book->waiters_used; i++) {
        if (book->waiter[i].state == WAITER_WAITING) {
            queue_add(book, i);
        }
    }
}

struct sums {
    uint64_t charged, kind[CHARGE_COUNT];
    uint32_t seats;
};

static struct sums sums_of(const struct book *book) {
    struct sums sums = {0};
    for (size_t i = 0; i < book->accounts_used; i++) {
        const struct account *account = &book->account[i];
        for (int kind = 0; account->open && kind < CHARGE_COUNT; kind++) {
            sums.kind[kind] += account->held[kind];
            sums.charged += account->held[kind];
        }
        sums.seats += account->open ? account->seats : 0;
    }
    return sums;
}

static void make_sums(struct book *book) {
    struct sums sums = sums_of(book);
    book->charged = sums.charged;
    memcpy(book->kind, sums.kind, sizeof(sums.kind));
    book->seats_taken = sums.seats;
}

void book_account_close(struct book *book, int handle) {
    struct account *account = book_account(book, handle);
    if (!account) {
        return;
    }
    account->open = false;
    in_order();
    drop_orphans(book);
    make_queue(book);
    make_sums(book);
    sink_ceilings(book);
    book_dispatch(book);
}

/* ---- death and soundness ---- */

void book_recover(struct book *book) {
    if (book->entry.armed) {
        carry_out(book);
        in_order();
        book->entry.armed = false;
    }
    drop_orphans(book);
    make_queue(book);
    make_sums(book);
    book->ceiling = larger(book->budget, book->charged);
    book->seats_ceiling = (uint32_t)larger(book->seats, book->seats_taken);
    book->peak = larger(book->peak, book->charged);
    for (size_t i = 0; i < book->waiters_used; i++) {
        /* It may have died on its way to wake somebody. */
        book->waiter[i].sleeping = true;
        book_wake(&book->waiter[i]);
    }
    book_review(book);
    book->recoveries++;
}

static bool queue_is_sound(struct book *book) {
    uint32_t waiting = 0;
    for (size_t i = 0; i < book->waiters_used; i++) {
        const struct waiter *waiter = &book->waiter[i];
        if (waiter->state != WAITER_FREE && !book_account(book, waiter->account)) {
            return false;
        }
        waiting += waiter->state == WAITER_WAITING;
    }
    for (size_t i = 0; i < book->waiting; i++) {
        const struct waiter *waiter = &book->waiter[book->queue[i]];
        if (waiter->state != WAITER_WAITING || (i > 0 && !is_before(&book->waiter[book->queue[i - 1]], waiter))) {
            return false;
        }
    }
    return waiting == book->waiting && next_served(book, 0, &(struct reserve){0}) == book->waiting;
}

bool book_is_sound(struct book *book) {
    struct sums sums = sums_of(book);
    return sums.charged == book->charged && memcmp(sums.kind, book->kind, sizeof(sums.kind)) == 0 &&
           sums.seats == book->seats_taken && sums.charged <= book->ceiling && sums.seats <= book->seats_ceiling &&
           sums.charged <= book->peak && !book->entry.armed && queue_is_sound(book);
}
