/*
 * The ledger under threads that charge, wait, time out, cancel and change the limits at random. What they hold is
 * counted here a second time, by other means; a wait that nobody ends is ended by an alarm, which fails the test.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "memory/ledger.h"

#include <cmocka.h>

enum { SCHEDULES = 2000, THREADS = 5, STEPS = 12, ALARM = 100 };
#define MILLISECOND INT64_C(1000000)
#define SECOND (1000 * MILLISECOND)

/* cmocka's own may not be called from threads. */
#define check(truth)                                                                                                   \
    do {                                                                                                               \
        if (!(truth)) {                                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth);                                                \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

struct schedule {
    struct ledger *ledger;
    uint64_t budget;
    uint32_t seats;
    bool limits_change;
    atomic_ullong bytes, taken; /* what the threads have at least */
    atomic_bool alone;
    struct actor {
        struct schedule *schedule;
        int account;
        unsigned seed;
        atomic_bool cancelled;
        pthread_t thread;
    } actor[THREADS];
};

static unsigned below(struct actor *actor, uint64_t limit) {
    return (unsigned)((uint64_t)rand_r(&actor->seed) % limit);
}

static struct ledger_request random_request(struct actor *actor) {
    struct schedule *schedule = actor->schedule;
    uint64_t bytes = below(actor, below(actor, 4) ? schedule->budget / 4 + 1 : schedule->budget + 1);
    struct ledger_request request = {
        .kind = below(actor, CHARGE_COUNT),
        .class = below(actor, 2) ? LEDGER_IN_HAND : LEDGER_NEW_WORK,
        .bytes = bytes,
        .seats = below(actor, 3) ? below(actor, schedule->seats + 1) : 0,
        .priority = (int)below(actor, 21) - 10,
        .deadline = INT64_MAX,
        .leave = below(actor, 4) ? 0 : below(actor, schedule->budget - bytes + 1),
    };
    if (below(actor, 12) == 0) {
        request.seats = LEDGER_ALL_SEATS;
    }
    if (below(actor, 2)) {
        request.deadline = clock_now() + below(actor, 3) * MILLISECOND;
    }
    return request;
}

/* After a grant until the credit: what the threads have is within what the ledger may give. */
static void use(struct actor *actor, const struct ledger_request *request) {
    struct schedule *schedule = actor->schedule;
    bool alone = request->seats == LEDGER_ALL_SEATS;
    uint32_t seats = alone ? 1 : request->seats;
    check(atomic_fetch_add(&schedule->bytes, request->bytes) + request->bytes <= schedule->budget);
    uint64_t taken = atomic_fetch_add(&schedule->taken, seats) + seats;
    check(taken <= schedule->seats);
    if (alone && !schedule->limits_change) {
        check(taken == 1 && !atomic_exchange(&schedule->alone, true));
    } else if (seats > 0 && !schedule->limits_change) {
        check(!atomic_load(&schedule->alone));
    }
    for (unsigned i = below(actor, 4); i > 0; i--) {
        sched_yield();
    }
    enum charge_kind kind = request->kind;
    if (below(actor, 4) == 0) {
        kind = below(actor, CHARGE_COUNT);
        ledger_move(schedule->ledger, actor->account, request->kind, actor->account, kind, request->bytes, 0);
    }
    if (alone) {
        atomic_store(&schedule->alone, false);
    }
    atomic_fetch_sub(&schedule->taken, seats);
    atomic_fetch_sub(&schedule->bytes, request->bytes);
    ledger_credit(schedule->ledger, actor->account, kind, request->bytes, request->seats);
}

static void check_end(struct actor *actor, const struct ledger_request *request, int result) {
    switch (result) {
    case 0:
        use(actor, request);
        break;
    case ERR_TIMEOUT:
        check(clock_now() >= request->deadline);
        break;
    case ERR_INTERRUPTED:
        check(request->cancel && atomic_load(request->cancel));
        break;
    default:
        check(result == ERR_NO_MEMORY && actor->schedule->limits_change);
    }
    check(request->deadline == INT64_MAX || clock_now() < request->deadline + 20 * SECOND);
}

static void charge_step(struct actor *actor) {
    struct ledger_request request = random_request(actor);
    if (below(actor, 2)) {
        atomic_store(&actor->cancelled, false);
        request.cancel = &actor->cancelled;
    }
    check_end(actor, &request, ledger_charge(actor->schedule->ledger, actor->account, &request));
}

static void ticket_step(struct actor *actor) {
    struct ledger *ledger = actor->schedule->ledger;
    struct ledger_request request = random_request(actor);
    int ticket;
    int result = ledger_ask(ledger, actor->account, &request, &ticket);
    if (result != 0) {
        check_end(actor, &request, result);
        return;
    }
    unsigned patience = below(actor, 2) ? UINT_MAX : below(actor, 5);
    while ((result = ledger_poll(ledger, ticket)) == 1) {
        if (patience-- == 0) {
            ledger_withdraw(ledger, &ticket);
            return;
        }
        sched_yield();
    }
    check_end(actor, &request, result);
}

static void cancel_step(struct actor *actor) {
    atomic_store(&actor->schedule->actor[below(actor, THREADS)].cancelled, true);
    ledger_wake(actor->schedule->ledger);
}

static void *act(void *argument) {
    struct actor *actor = argument;
    for (int step = 0; step < STEPS; step++) {
        unsigned choice = below(actor, 10);
        (choice < 6 ? charge_step : choice < 9 ? ticket_step : cancel_step)(actor);
    }
    return NULL;
}

/* The limits change, only downwards from where they were, and come back. */
static void *change_limits(void *argument) {
    struct actor *actor = argument;
    struct schedule *schedule = actor->schedule;
    for (int step = 0; step < STEPS; step++) {
        ledger_set_budget(schedule->ledger, below(actor, schedule->budget + 1));
        ledger_set_seats(schedule->ledger, below(actor, schedule->seats + 1));
        ledger_set_least_priority(schedule->ledger, (int)below(actor, 21) - 10);
        sched_yield();
    }
    ledger_set_budget(schedule->ledger, schedule->budget);
    ledger_set_seats(schedule->ledger, schedule->seats);
    ledger_set_least_priority(schedule->ledger, INT_MIN);
    return NULL;
}

static void run_schedule(unsigned seed) {
    struct schedule *schedule = alloc(1, sizeof(*schedule));
    schedule->budget = 1 + (uint64_t)rand_r(&seed) % 1000;
    schedule->seats = 1 + (uint32_t)rand_r(&seed) % 4;
    schedule->limits_change = rand_r(&seed) % 4 == 0;
    assert_int_equal(ledger_create("cpu", schedule->budget, schedule->seats, &schedule->ledger), 0);
    for (int i = 0; i < THREADS; i++) {
        struct actor *actor = &schedule->actor[i];
        actor->schedule = schedule;
        actor->seed = (unsigned)rand_r(&seed);
        if (i % 2 == 0) {
            assert_int_equal(ledger_open_account(schedule->ledger, "actor", getpid(), &actor->account), 0);
        } else {
            actor->account = schedule->actor[i - 1].account; /* threads of one process share an account */
        }
    }
    for (int i = 0; i < THREADS; i++) {
        struct actor *actor = &schedule->actor[i];
        bool changes = i == THREADS - 1 && schedule->limits_change;
        assert_int_equal(pthread_create(&actor->thread, NULL, changes ? change_limits : act, actor), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(schedule->actor[i].thread, NULL);
    }
    struct ledger_state state;
    ledger_read(schedule->ledger, &state);
    assert_int_equal(state.charged, 0);
    assert_int_equal(state.seats_taken, 0);
    assert_int_equal(state.waiting, 0);
    assert_int_equal(state.errors, 0);
    assert_true(state.peak <= schedule->budget);
    assert_true(ledger_is_sound(schedule->ledger));
    ledger_drop(&schedule->ledger);
    free(schedule);
}

static void random_schedules_keep_the_rules(void **state) {
    (void)state;
    ledger_check_always(true);
    for (unsigned seed = 1; seed <= SCHEDULES; seed++) {
        run_schedule(seed * 7919);
    }
}

/* ---- wake-ups ---- */

struct sleeper {
    struct ledger *ledger;
    int account;
    struct ledger_request request;
    atomic_bool cancelled;
    atomic_int result; /* 1: not yet */
    atomic_llong ended;
    pthread_t thread;
};

static void *sleep_there(void *argument) {
    struct sleeper *sleeper = argument;
    int result = ledger_charge(sleeper->ledger, sleeper->account, &sleeper->request);
    atomic_store(&sleeper->ended, clock_now());
    atomic_store(&sleeper->result, result);
    return NULL;
}

static void start(struct sleeper *sleeper, struct ledger *ledger, int account, struct ledger_request request) {
    *sleeper = (struct sleeper){.ledger = ledger, .account = account, .request = request, .result = 1};
    sleeper->request.cancel = &sleeper->cancelled;
    struct ledger_state state;
    ledger_read(ledger, &state);
    uint32_t waiting = state.waiting;
    assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_there, sleeper), 0);
    do {
        usleep(200);
        ledger_read(ledger, &state);
    } while (state.waiting == waiting);
    usleep(500);
    assert_int_equal(atomic_load(&sleeper->result), 1);
}

enum cause { CREDIT, CLOSE, BUDGET, SEATS, PRIORITY, WITHDRAW, CANCEL, NOTE, MOVE, OWN_CLOSE, CAUSES };

/* Takes what the cause will give back; a ticket if the cause is to withdraw it. */
static int hold_for(enum cause cause, struct ledger *ledger, int holder) {
    struct ledger_request all = {.kind = CHARGE_RUN, .bytes = 100, .seats = 1, .deadline = 0};
    int ticket = -1;
    if (cause == PRIORITY) {
        ledger_set_least_priority(ledger, 1);
    } else if (cause == WITHDRAW) {
        assert_int_equal(ledger_ask(ledger, holder, &all, &ticket), 0);
    } else if (cause == SEATS) {
        ledger_set_seats(ledger, 1);
        all.bytes = 0;
        assert_int_equal(ledger_charge(ledger, holder, &all), 0);
    } else {
        assert_int_equal(ledger_charge(ledger, holder, &all), 0);
    }
    return ticket;
}

/* The sleeper asks for 50 bytes and a seat; it lacks only what the cause brings. */
static void wake_by(enum cause cause, struct ledger *ledger, int account, int holder) {
    struct ledger_request bits = {
        .kind = CHARGE_RUN, .class = LEDGER_NEW_WORK, .bytes = 50, .seats = 1, .deadline = INT64_MAX};
    int ticket = hold_for(cause, ledger, holder);
    struct sleeper sleeper;
    start(&sleeper, ledger, account, bits);
    int64_t from = clock_now();
    switch (cause) {
    case CREDIT:
        ledger_credit(ledger, holder, CHARGE_RUN, 50, 0);
        break;
    case CLOSE:
        ledger_close_account(ledger, holder);
        break;
    case BUDGET:
        ledger_set_budget(ledger, 150);
        break;
    case SEATS:
        ledger_set_seats(ledger, 2);
        break;
    case PRIORITY:
        ledger_set_least_priority(ledger, 0);
        break;
    case WITHDRAW:
        ledger_withdraw(ledger, &ticket);
        break;
    case CANCEL:
        atomic_store(&sleeper.cancelled, true);
        ledger_wake(ledger);
        break;
    case NOTE:
        ledger_note(ledger, holder, CHARGE_RUN, 50);
        break;
    case MOVE: /* its seat was the second one */
        ledger_set_seats(ledger, 1);
        ledger_note(ledger, holder, CHARGE_RUN, 50);
        usleep(1000);
        assert_int_equal(atomic_load(&sleeper.result), 1);
        from = clock_now();
        ledger_move(ledger, holder, CHARGE_RUN, holder, CHARGE_KEPT, 50, 1);
        break;
    default:
        ledger_close_account(ledger, account);
    }
    pthread_join(sleeper.thread, NULL);
    assert_int_equal(atomic_load(&sleeper.result), cause == CANCEL || cause == OWN_CLOSE ? ERR_INTERRUPTED : 0);
    assert_true(atomic_load(&sleeper.ended) - from < 10 * SECOND);
}

static void every_cause_wakes(void **state) {
    (void)state;
    ledger_check_always(true);
    for (int round = 0; round < 10; round++) {
        for (enum cause cause = 0; cause < CAUSES; cause++) {
            struct ledger *ledger cleanup(ledger_drop) = NULL;
            int account, holder;
            assert_int_equal(ledger_create("cpu", 100, 2, &ledger), 0);
            assert_int_equal(ledger_open_account(ledger, "sleeper", getpid(), &account), 0);
            assert_int_equal(ledger_open_account(ledger, "holder", getpid(), &holder), 0);
            wake_by(cause, ledger, account, holder);
        }
    }
}

static int compare(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void waking_is_prompt(void **state) {
    (void)state;
    enum { ROUNDS = 100 };
    int64_t took[ROUNDS];
    struct ledger *ledger cleanup(ledger_drop) = NULL;
    int account;
    assert_int_equal(ledger_create("cpu", 100, 1, &ledger), 0);
    assert_int_equal(ledger_open_account(ledger, "sleeper", getpid(), &account), 0);
    struct ledger_request all = {.kind = CHARGE_RUN, .bytes = 100, .deadline = INT64_MAX};
    for (int i = 0; i < ROUNDS; i++) {
        struct sleeper sleeper;
        assert_int_equal(ledger_charge(ledger, account, &all), 0);
        start(&sleeper, ledger, account, all);
        int64_t from = clock_now();
        ledger_credit(ledger, account, CHARGE_RUN, 100, 0);
        pthread_join(sleeper.thread, NULL);
        assert_int_equal(atomic_load(&sleeper.result), 0);
        took[i] = atomic_load(&sleeper.ended) - from;
        ledger_credit(ledger, account, CHARGE_RUN, 100, 0);
    }
    qsort(took, ROUNDS, sizeof(took[0]), compare);
    assert_true(took[ROUNDS / 2] < 20 * MILLISECOND);
}

/* ---- streams ---- */

struct stream {
    struct ledger *ledger;
    int account;
    struct ledger_request request;
    atomic_bool *stop;
    atomic_ullong rounds;
    pthread_t thread;
};

/* Charges and credits so that something of it is always charged: the next comes before the last one goes. */
static void *flow(void *argument) {
    struct stream *stream = argument;
    while (!atomic_load(stream->stop)) {
        struct ledger_request request = stream->request;
        request.deadline = clock_now() + 50 * MILLISECOND;
        int first = ledger_charge(stream->ledger, stream->account, &request);
        request.deadline = clock_now() + 50 * MILLISECOND;
        int second = ledger_charge(stream->ledger, stream->account, &request);
        ledger_credit(stream->ledger, stream->account, request.kind, ((first == 0) + (second == 0)) * request.bytes, 0);
        atomic_fetch_add(&stream->rounds, 1);
    }
    return NULL;
}

static double wait_among(struct ledger_request small, struct ledger_request big) {
    enum { STREAMS = 3 };
    struct ledger *ledger cleanup(ledger_drop) = NULL;
    struct stream streams[STREAMS];
    atomic_bool stop = false;
    int account;
    assert_int_equal(ledger_create("cpu", 100, 1, &ledger), 0);
    assert_int_equal(ledger_open_account(ledger, "big", getpid(), &account), 0);
    for (int i = 0; i < STREAMS; i++) {
        streams[i] = (struct stream){.ledger = ledger, .account = account, .request = small, .stop = &stop};
        assert_int_equal(pthread_create(&streams[i].thread, NULL, flow, &streams[i]), 0);
    }
    struct ledger_state state = {0};
    while (state.charges == 0) {
        usleep(2000);
        ledger_read(ledger, &state);
    }
    int64_t from = clock_now();
    assert_int_equal(ledger_charge(ledger, account, &big), 0);
    double waited = clock_seconds(clock_now() - from);
    ledger_credit(ledger, account, big.kind, big.bytes, 0);
    atomic_store(&stop, true);
    uint64_t rounds = 0;
    for (int i = 0; i < STREAMS; i++) {
        pthread_join(streams[i].thread, NULL);
        rounds += (uint64_t)streams[i].rounds;
    }
    assert_true(rounds > 0);
    assert_true(ledger_is_sound(ledger));
    return waited;
}

static void a_big_one_gets_through_a_stream(void **state) {
    (void)state;
    ledger_check_always(false);
    struct ledger_request small = {.kind = CHARGE_RUN, .class = LEDGER_NEW_WORK, .bytes = 10, .deadline = 0};
    struct ledger_request big = {.kind = CHARGE_KEPT, .class = LEDGER_NEW_WORK, .bytes = 100, .deadline = INT64_MAX};
    for (int i = 0; i < 10; i++) {
        assert_true(wait_among(small, big) < 5);
    }
}

static void a_low_one_gets_through_a_stream_of_higher_ones(void **state) {
    (void)state;
    struct ledger_request high = {.kind = CHARGE_RUN, .class = LEDGER_NEW_WORK, .bytes = 40, .priority = 1};
    struct ledger_request low = {.kind = CHARGE_KEPT, .class = LEDGER_NEW_WORK, .bytes = 40, .deadline = INT64_MAX};
    assert_true(wait_among(high, low) < 6);
}

/* Two threads hand the only byte to each other: one wake-up that is lost, and both sleep for ever. */
static void *ping(void *argument) {
    struct stream *stream = argument;
    for (int i = 0; i < 20000; i++) {
        check(ledger_charge(stream->ledger, stream->account, &stream->request) == 0);
        ledger_credit(stream->ledger, stream->account, stream->request.kind, 1, 0);
    }
    return NULL;
}

static void no_wake_up_is_lost(void **state) {
    (void)state;
    struct ledger *ledger cleanup(ledger_drop) = NULL;
    struct stream streams[3];
    assert_int_equal(ledger_create("cpu", 1, 1, &ledger), 0);
    for (size_t i = 0; i < array_length(streams); i++) {
        streams[i] =
            (struct stream){.ledger = ledger, .request = {.kind = CHARGE_RUN, .bytes = 1, .deadline = INT64_MAX}};
        assert_int_equal(ledger_open_account(ledger, "ping", getpid(), &streams[i].account), 0);
        assert_int_equal(pthread_create(&streams[i].thread, NULL, ping, &streams[i]), 0);
    }
    for (size_t i = 0; i < array_length(streams); i++) {
        pthread_join(streams[i].thread, NULL);
    }
    struct ledger_state state_now;
    ledger_read(ledger, &state_now);
    assert_int_equal(state_now.charged, 0);
    assert_int_equal(state_now.charges, 60000);
}

int main(void) {
    alarm(ALARM);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_schedules_keep_the_rules),
        cmocka_unit_test(every_cause_wakes),
        cmocka_unit_test(waking_is_prompt),
        cmocka_unit_test(a_big_one_gets_through_a_stream),
        cmocka_unit_test(a_low_one_gets_through_a_stream_of_higher_ones),
        cmocka_unit_test(no_wake_up_is_lost),
    };
    return cmocka_run_group_tests_name("ledger_random", tests, NULL, NULL);
}
