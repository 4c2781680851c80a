#include "memory/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "memory/book.h"

static const char magic[8] = "octledg";
enum { VERSION = 1 };

struct ledger {
    struct book *book;
    int fd;
};

static const char *const words[] = {
#define CHARGE(symbol, word, about) word,
#include "table/charges.def"
#undef CHARGE
};

const char *charge_word(enum charge_kind kind) { return words[kind]; }

/* ---- lock ---- */

static atomic_bool check_always;

void ledger_check_always(bool on) { atomic_store(&check_always, on); }

static struct book *lock(struct ledger *ledger) {
    struct book *book = ledger->book;
    int result = pthread_mutex_lock(&book->mutex);
    if (result == EOWNERDEAD) {
        book_recover(book);
        pthread_mutex_consistent(&book->mutex);
    } else if (result != 0) {
        abort();
    }
    return book;
}

/* For cleanup(): end of a locked part. */
static void unlock(struct book **book) {
    if (atomic_load_explicit(&check_always, memory_order_relaxed) && !book_is_sound(*book)) {
        fputs("the ledger is not sound\n", stderr);
        abort();
    }
    pthread_mutex_unlock(&(*book)->mutex);
}

/* The caller gave back what it did not have, or used an account that is closed. */
static void count_error(struct book *book) {
    book->errors++;
    if (atomic_load_explicit(&check_always, memory_order_relaxed)) {
        fputs("the ledger was told to give back what is not held\n", stderr);
        abort();
    }
}

/* ---- making and mapping ---- */

static void init_mutex(pthread_mutex_t *mutex) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static struct ledger *wrap(struct book *book, int fd) {
    struct ledger *ledger = alloc(1, sizeof(*ledger));
    ledger->book = book;
    ledger->fd = fd;
    return ledger;
}

int ledger_create(const char *device, uint64_t budget, uint32_t seats, struct ledger **ret) {
    int fd cleanup(drop_fd) = -1;
    void *bytes;
    int result = file_shared_new("octavo-ledger", sizeof(struct book), &fd, &bytes);
    if (result != 0) {
        return result;
    }
    struct book *book = bytes;
    memcpy(book->magic, magic, sizeof(magic));
    book->version = VERSION;
    book->size = sizeof(*book);
    memcpy(book->device, device, strnlen(device, BOOK_NAME - 1));
    init_mutex(&book->mutex);
    book->budget = book->ceiling = budget;
    book->seats = book->seats_ceiling = seats;
    book->least_priority = INT_MIN;
    *ret = wrap(book, take_fd(&fd));
    return 0;
}

int ledger_map(int fd, struct ledger **ret) {
    void *bytes;
    int result = file_shared_map(fd, sizeof(struct book), &bytes);
    if (result != 0) {
        return result;
    }
    struct book *book = bytes;
    if (memcmp(book->magic, magic, sizeof(magic)) != 0 || book->version != VERSION || book->size != sizeof(*book)) {
        munmap(book, sizeof(*book));
        return fail(ERR_PROTOCOL, "this is no ledger of this version");
    }
    *ret = wrap(book, fd);
    return 0;
}

int ledger_fd(const struct ledger *ledger) { return ledger->fd; }

void ledger_drop(struct ledger **ledger) {
    if (*ledger) {
        munmap((*ledger)->book, sizeof(struct book));
        close((*ledger)->fd);
        free(*ledger);
        *ledger = NULL;
    }
}

/* ---- accounts ---- */

int ledger_open_account(struct ledger *ledger, const char *name, pid_t pid, int *ret_account) {
    struct book *book cleanup(unlock) = lock(ledger);
    int account = book_account_new(book, name, pid);
    if (account < 0) {
        return fail(ERR_NO_MEMORY, "the ledger has %d accounts already", LEDGER_ACCOUNTS);
    }
    *ret_account = account;
    return 0;
}

void ledger_close_account(struct ledger *ledger, int account) {
    struct book *book cleanup(unlock) = lock(ledger);
    book_account_close(book, account);
}

/* ---- requests ---- */

static int refuse(const struct book *book, const struct ledger_request *request) {
    if (book_needed(request) > book->budget) {
        return fail(ERR_NO_MEMORY, "%" PRIu64 " bytes of %s are needed, %" PRIu64 " are available",
                    book_needed(request), charge_word(request->kind), book->budget);
    }
    return fail(ERR_NO_MEMORY, "more seats are needed than the %" PRIu32 " that exist", book->seats);
}

static int give_up(struct book *book, struct waiter *waiter) {
    uint64_t needed = book_needed(&waiter->request), available = book_free_bytes(book);
    enum charge_kind kind = waiter->request.kind;
    book_waiter_drop(book, waiter);
    book->timeouts++;
    return fail(ERR_TIMEOUT, "%" PRIu64 " bytes of %s were waited for, %" PRIu64 " are free", needed, charge_word(kind),
                available);
}

static int closed(void) { return fail(ERR_INTERRUPTED, "the account was closed"); }

/* 0: it is charged (not if always_ticket); 1: *ret_ticket stands in the queue, or was granted. */
static int enter(struct ledger *ledger, int account, const struct ledger_request *request, bool always_ticket,
                 int *ret_ticket) {
    if (request->kind < 0 || request->kind >= CHARGE_COUNT) {
        abort();
    }
    struct book *book cleanup(unlock) = lock(ledger);
    struct account *holder = book_account(book, account);
    if (!holder) {
        return closed();
    }
    if (book_never_fits(book, request)) {
        book->refusals++;
        return refuse(book, request);
    }
    if (!always_ticket && book_take(book, holder, request)) {
        return 0;
    }
    struct waiter *waiter = book_waiter_new(book, account, request);
    if (!waiter) {
        book->refusals++;
        return fail(ERR_NO_MEMORY, "%d requests are waiting already", LEDGER_WAITERS);
    }
    book_dispatch(book);
    if (waiter->state == WAITER_WAITING) {
        if (waiter->since >= request->deadline) {
            return give_up(book, waiter);
        }
        book->waits++;
    }
    *ret_ticket = book_waiter_handle(book, waiter);
    return 1;
}

/* What became of a ticket, as ledger_poll(). With ret_word it is about to sleep: its word as it is now. */
static int look(struct ledger *ledger, int ticket, const atomic_bool *cancel, uint32_t **ret_address,
                uint32_t *ret_word) {
    struct book *book cleanup(unlock) = lock(ledger);
    struct waiter *waiter = book_waiter(book, ticket);
    if (!waiter) {
        return closed();
    }
    if (waiter->state == WAITER_GRANTED) {
        book_waiter_drop(book, waiter);
        return 0;
    }
    if (waiter->state == WAITER_REFUSED) {
        int result = refuse(book, &waiter->request);
        book_waiter_drop(book, waiter);
        return result;
    }
    if (cancel && atomic_load(cancel)) {
        book_waiter_drop(book, waiter);
        book->cancels++;
        return fail(ERR_INTERRUPTED, "waiting for memory was cancelled");
    }
    if (waiter->request.deadline != INT64_MAX && clock_now() >= waiter->request.deadline) {
        return give_up(book, waiter);
    }
    if (ret_word) {
        waiter->sleeping = true;
        *ret_address = &waiter->word;
        *ret_word = waiter->word;
    }
    return 1;
}

/* Returns when somebody woke it, at the deadline, or for no reason. */
static void sleep_until(uint32_t *address, uint32_t word, int64_t deadline) {
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    syscall(SYS_futex, address, FUTEX_WAIT_BITSET, word, deadline == INT64_MAX ? NULL : &until, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

int ledger_charge(struct ledger *ledger, int account, const struct ledger_request *request) {
    int ticket = -1;
    int result = enter(ledger, account, request, false, &ticket);
    while (result == 1) {
        uint32_t *address = NULL, word = 0;
        result = look(ledger, ticket, request->cancel, &address, &word);
        if (result == 1) {
            sleep_until(address, word, request->deadline);
        }
    }
    return result;
}

int ledger_ask(struct ledger *ledger, int account, const struct ledger_request *request, int *ret_ticket) {
    int result = enter(ledger, account, request, true, ret_ticket);
    return result < 0 ? result : 0;
}

int ledger_poll(struct ledger *ledger, int ticket) { return look(ledger, ticket, NULL, NULL, NULL); }

void ledger_withdraw(struct ledger *ledger, int *ticket) {
    struct book *book cleanup(unlock) = lock(ledger);
    struct waiter *waiter = book_waiter(book, *ticket);
    *ticket = -1;
    if (!waiter) {
        return;
    }
    book->cancels++;
    const struct ledger_request request = waiter->request;
    struct account *holder = waiter->state == WAITER_GRANTED ? book_account(book, waiter->account) : NULL;
    book_waiter_drop(book, waiter);
    if (holder) {
        if (!book_give(book, holder, request.kind, request.bytes, request.seats)) {
            count_error(book);
        }
        book_dispatch(book);
    }
}

void ledger_wake(struct ledger *ledger) {
    struct book *book cleanup(unlock) = lock(ledger);
    pid_t own = getpid();
    for (size_t i = 0; i < book->waiting; i++) {
        struct waiter *waiter = &book->waiter[book->queue[i]];
        if (waiter->pid == own) {
            book_wake(waiter);
        }
    }
}

/* ---- what is held ---- */

void ledger_credit(struct ledger *ledger, int account, enum charge_kind kind, uint64_t bytes, uint32_t seats) {
    struct book *book cleanup(unlock) = lock(ledger);
    struct account *holder = book_account(book, account);
    if (holder ? !book_give(book, holder, kind, bytes, seats) : bytes > 0 || seats > 0) {
        count_error(book);
    }
    book_dispatch(book);
}

void ledger_note(struct ledger *ledger, int account, enum charge_kind kind, uint64_t bytes) {
    struct book *book cleanup(unlock) = lock(ledger);
    struct account *holder = book_account(book, account);
    if (holder) {
        book_note(book, holder, kind, bytes);
    } else {
        count_error(book);
    }
    book_dispatch(book);
}

void ledger_move(struct ledger *ledger, int from, enum charge_kind from_kind, int to, enum charge_kind to_kind,
                 uint64_t bytes, uint32_t seats) {
    struct book *book cleanup(unlock) = lock(ledger);
    struct account *source = book_account(book, from), *target = book_account(book, to);
    bool exact = source && target;
    if (exact && (source != target || from_kind != to_kind)) {
        exact = book_move(book, source, from_kind, target, to_kind, bytes, seats);
    } else if (source) {
        /* Bytes stay where they are: there is nowhere to go. */
        exact = book_give(book, source, from_kind, 0, seats) && exact && source->held[from_kind] >= bytes;
    }
    if (!exact) {
        count_error(book);
    }
    book_dispatch(book);
}

uint64_t ledger_held(struct ledger *ledger, int account, enum charge_kind kind) {
    struct book *book cleanup(unlock) = lock(ledger);
    const struct account *holder = book_account(book, account);
    uint64_t held = 0;
    for (int i = 0; holder && i < CHARGE_COUNT; i++) {
        held += i == (int)kind || kind == CHARGE_COUNT ? holder->held[i] : 0;
    }
    return held;
}

/* ---- limits ---- */

void ledger_set_budget(struct ledger *ledger, uint64_t budget) {
    struct book *book cleanup(unlock) = lock(ledger);
    book->budget = budget;
    book_review(book);
}

void ledger_set_seats(struct ledger *ledger, uint32_t seats) {
    struct book *book cleanup(unlock) = lock(ledger);
    book->seats = seats;
    book_review(book);
}

void ledger_set_least_priority(struct ledger *ledger, int priority) {
    struct book *book cleanup(unlock) = lock(ledger);
    book->least_priority = priority;
    book_dispatch(book);
}

/* ---- reading ---- */

static void read_state(const struct book *book, struct ledger_state *ret) {
    *ret = (struct ledger_state){
        .budget = book->budget,
        .charged = book->charged,
        .peak = book->peak,
        .lacking = book_lacking(book),
        .overdrawn = book->charged > book->budget ? book->charged - book->budget : 0,
        .seats = book->seats,
        .seats_taken = book->seats_taken,
        .waiting = book->waiting,
        .charges = book->charges,
        .waits = book->waits,
        .timeouts = book->timeouts,
        .cancels = book->cancels,
        .refusals = book->refusals,
        .recoveries = book->recoveries,
        .errors = book->errors,
        .waited = clock_seconds(book->waited),
    };
    memcpy(ret->kind, book->kind, sizeof(ret->kind));
    for (size_t i = 0; i < book->accounts_used; i++) {
        ret->accounts += book->account[i].open;
    }
}

void ledger_read(struct ledger *ledger, struct ledger_state *ret) {
    struct book *book cleanup(unlock) = lock(ledger);
    read_state(book, ret);
}

bool ledger_is_sound(struct ledger *ledger) {
    struct book *book cleanup(unlock) = lock(ledger);
    return book_is_sound(book);
}

/* Only kinds that are held. */
static struct json *kinds_to_json(const uint64_t *held) {
    struct json *kinds = json_object_new();
    for (int kind = 0; kind < CHARGE_COUNT; kind++) {
        if (held[kind] > 0) {
            json_set_int(kinds, words[kind], (int64_t)held[kind]);
        }
    }
    return kinds;
}

static struct json *account_to_json(const struct account *account) {
    struct json *object = json_object_new();
    json_set_string(object, "name", account->name);
    json_set_int(object, "pid", account->pid);
    json_set_int(object, "seats", account->seats);
    json_set(object, "held", kinds_to_json(account->held));
    return object;
}

static struct json *waiter_to_json(struct book *book, const struct waiter *waiter) {
    const struct ledger_request *request = &waiter->request;
    struct json *object = json_object_new();
    json_set_string(object, "name", book_account(book, waiter->account)->name);
    json_set_int(object, "pid", waiter->pid);
    json_set_string(object, "kind", charge_word(request->kind));
    json_set_bool(object, "in_hand", request->class == LEDGER_IN_HAND);
    json_set_int(object, "bytes", (int64_t)request->bytes);
    json_set_int(object, "leave", (int64_t)request->leave);
    json_set_int(object, "seats", request->seats == LEDGER_ALL_SEATS ? book->seats : request->seats);
    json_set_int(object, "priority", request->priority);
    json_set_real(object, "waited", clock_seconds(clock_now() - waiter->since), 3);
    return object;
}

static void add_counters(struct json *object, const struct ledger_state *state) {
    json_set_int(object, "charges", (int64_t)state->charges);
    json_set_int(object, "waits", (int64_t)state->waits);
    json_set_int(object, "timeouts", (int64_t)state->timeouts);
    json_set_int(object, "cancels", (int64_t)state->cancels);
    json_set_int(object, "refusals", (int64_t)state->refusals);
    json_set_int(object, "recoveries", (int64_t)state->recoveries);
    json_set_int(object, "errors", (int64_t)state->errors);
    json_set_real(object, "waited", state->waited, 3);
}

/* A copy, so that no JSON is made with the lock in hand. Caller frees. */
static struct book *copy_book(struct ledger *ledger) {
    struct book *copy = alloc(1, sizeof(*copy));
    struct book *book cleanup(unlock) = lock(ledger);
    memcpy(copy, book, offsetof(struct book, account));
    memcpy(copy->account, book->account, book->accounts_used * sizeof(book->account[0]));
    memcpy(copy->waiter, book->waiter, book->waiters_used * sizeof(book->waiter[0]));
    return copy;
}

struct json *ledger_to_json(struct ledger *ledger) {
    struct book *book cleanup(drop_memory) = copy_book(ledger);
    struct ledger_state state;
    read_state(book, &state);
    struct json *object = json_object_new();
    json_set_string(object, "device", book->device);
    json_set_int(object, "budget", (int64_t)state.budget);
    json_set_int(object, "charged", (int64_t)state.charged);
    json_set_int(object, "peak", (int64_t)state.peak);
    json_set_int(object, "lacking", (int64_t)state.lacking);
    json_set_int(object, "overdrawn", (int64_t)state.overdrawn);
    json_set_int(object, "seats", state.seats);
    json_set_int(object, "seats_taken", state.seats_taken);
    json_set(object, "kinds", kinds_to_json(state.kind));
    add_counters(object, &state);
    struct json *accounts = json_array_new(), *waiters = json_array_new();
    for (size_t i = 0; i < book->accounts_used; i++) {
        if (book->account[i].open) {
            json_append(accounts, account_to_json(&book->account[i]));
        }
    }
    for (size_t i = 0; i < book->waiting; i++) {
        json_append(waiters, waiter_to_json(book, &book->waiter[book->queue[i]]));
    }
    json_set(object, "accounts", accounts);
    json_set(object, "waiters", waiters);
    return object;
}
