/* The ledger's rules, one by one; by tickets, so that nothing depends on the scheduling of threads. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "memory/ledger.h"

#include <cmocka.h>

enum { BUDGET = 100, SEATS = 4 };

static struct ledger *ledger;
static int front, other;

static int make_ledger(void **state) {
    (void)state;
    ledger_check_always(true);
    return ledger_create("cpu", BUDGET, SEATS, &ledger) || ledger_open_account(ledger, "front", getpid(), &front) ||
           ledger_open_account(ledger, "other", getpid(), &other);
}

static int drop_ledger(void **state) {
    (void)state;
    ledger_close_account(ledger, front);
    ledger_close_account(ledger, other);
    struct ledger_state now;
    ledger_read(ledger, &now);
    bool empty = now.charged == 0 && now.seats_taken == 0 && now.waiting == 0 && now.accounts == 0;
    ledger_drop(&ledger);
    return !empty;
}

static struct ledger_request want(uint64_t bytes, uint32_t seats) {
    return (struct ledger_request){
        .kind = CHARGE_RUN, .class = LEDGER_IN_HAND, .bytes = bytes, .seats = seats, .deadline = INT64_MAX};
}

static struct ledger_request want_new(uint64_t bytes, int priority) {
    return (struct ledger_request){
        .kind = CHARGE_DOCUMENT, .class = LEDGER_NEW_WORK, .bytes = bytes, .priority = priority, .deadline = INT64_MAX};
}

static int ask(struct ledger_request request) {
    int ticket = -1;
    assert_int_equal(ledger_ask(ledger, front, &request, &ticket), 0);
    assert_true(ticket >= 0);
    return ticket;
}

/* Without waiting. */
static int try(struct ledger_request request) {
    request.deadline = 0;
    return ledger_charge(ledger, front, &request);
}

static struct ledger_state now(void) {
    struct ledger_state state;
    ledger_read(ledger, &state);
    return state;
}

static void hold(uint64_t bytes, uint32_t seats) { assert_int_equal(try(want(bytes, seats)), 0); }
static void give(uint64_t bytes, uint32_t seats) { ledger_credit(ledger, front, CHARGE_RUN, bytes, seats); }

#define assert_waits(ticket) assert_int_equal(ledger_poll(ledger, ticket), 1)
#define assert_granted(ticket) assert_int_equal(ledger_poll(ledger, ticket), 0)

static void what_is_charged_is_counted_and_credited(void **state) {
    (void)state;
    hold(60, 1);
    assert_int_equal(try(want_new(30, 0)), 0);
    struct ledger_state read = now();
    assert_int_equal(read.budget, BUDGET);
    assert_int_equal(read.charged, 90);
    assert_int_equal(read.kind[CHARGE_RUN], 60);
    assert_int_equal(read.kind[CHARGE_DOCUMENT], 30);
    assert_int_equal(read.seats_taken, 1);
    assert_int_equal(read.accounts, 2);
    assert_int_equal(ledger_held(ledger, front, CHARGE_RUN), 60);
    assert_int_equal(ledger_held(ledger, front, CHARGE_COUNT), 90);
    assert_int_equal(ledger_held(ledger, other, CHARGE_COUNT), 0);
    assert_int_equal(try(want(11, 0)), ERR_TIMEOUT);
    assert_int_equal(try(want(10, 0)), 0);
    give(70, 1);
    read = now();
    assert_int_equal(read.charged, 30);
    assert_int_equal(read.seats_taken, 0);
    assert_int_equal(read.peak, 100);
    assert_int_equal(read.charges, 3);
    assert_int_equal(read.timeouts, 1);
    assert_int_equal(read.waits, 0);
}

static void what_can_never_fit_is_refused(void **state) {
    (void)state;
    assert_int_equal(try(want(101, 0)), ERR_NO_MEMORY);
    assert_non_null(strstr(error_detail(), "101"));
    assert_non_null(strstr(error_detail(), "100 are available"));
    struct ledger_request leaving = want(60, 0);
    leaving.leave = 41;
    assert_int_equal(try(leaving), ERR_NO_MEMORY);
    leaving.leave = UINT64_MAX;
    assert_int_equal(try(leaving), ERR_NO_MEMORY);
    assert_int_equal(try(want(0, 5)), ERR_NO_MEMORY);
    int ticket = -7;
    struct ledger_request request = want(101, 0);
    assert_int_equal(ledger_ask(ledger, front, &request, &ticket), ERR_NO_MEMORY);
    assert_int_equal(ticket, -7);
    assert_int_equal(now().refusals, 5);
    ledger_set_seats(ledger, 0);
    assert_int_equal(try(want(0, LEDGER_ALL_SEATS)), ERR_NO_MEMORY);
}

static void who_came_first_is_first(void **state) {
    (void)state;
    hold(100, 0);
    int first = ask(want(50, 0)), second = ask(want(50, 0)), third = ask(want(50, 0));
    give(50, 0);
    assert_waits(third);
    assert_waits(second);
    assert_granted(first);
    give(50, 0);
    assert_waits(third);
    assert_granted(second);
    ledger_withdraw(ledger, &third);
    assert_int_equal(third, -1);
}

static void priority_goes_before_and_class_before_all(void **state) {
    (void)state;
    hold(100, 0);
    int low = ask(want_new(100, -1)), usual = ask(want_new(100, 0)), high = ask(want_new(100, 10));
    struct ledger_request least = want(100, 0);
    least.priority = -10;
    int in_hand = ask(least);
    const int order[] = {in_hand, high, usual, low};
    for (size_t i = 0; i < array_length(order); i++) {
        ledger_credit(ledger, front, i < 2 ? CHARGE_RUN : CHARGE_DOCUMENT, 100, 0);
        for (size_t later = i + 1; later < array_length(order); later++) {
            assert_waits(order[later]);
        }
        assert_granted(order[i]);
    }
}

static void waiting_raises_priority(void **state) {
    (void)state;
    int64_t start = clock_now();
    hold(100, 0);
    int low = ask(want_new(100, 0)), high;
    do {
        usleep(20000);
        high = ask(want_new(100, 1));
        give(100, 0);
        ledger_credit(ledger, front, CHARGE_DOCUMENT, 0, 0);
        double waited = clock_seconds(clock_now() - start);
        if (ledger_poll(ledger, low) == 0) {
            assert_true(waited >= 0.99 * clock_seconds(LEDGER_AGEING));
            ledger_withdraw(ledger, &high);
            return;
        }
        assert_granted(high);
        ledger_move(ledger, front, CHARGE_DOCUMENT, front, CHARGE_RUN, 100, 0);
    } while (clock_now() - start < 8 * LEDGER_AGEING);
    fail_msg("a low priority starved");
}

static void what_the_first_lacks_is_kept_for_it(void **state) {
    (void)state;
    hold(50, 0);
    int big = ask(want(90, 0)), small = ask(want(10, 0)), newer = ask(want_new(1, 10));
    assert_waits(small);
    assert_waits(newer);
    assert_int_equal(now().lacking, 40);
    give(50, 0);
    assert_granted(big);
    assert_granted(small);
    assert_waits(newer);
    ledger_withdraw(ledger, &newer);
}

static void later_ones_pass_with_what_is_beyond(void **state) {
    (void)state;
    hold(20, 4);
    int first = ask(want(30, 1));
    assert_waits(first);
    assert_int_equal(now().lacking, 0);
    int fits_beside = ask(want(50, 0)), does_not = ask(want(1, 0));
    assert_granted(fits_beside);
    assert_waits(does_not);
    give(0, 1);
    assert_granted(first);
    assert_waits(does_not);
    give(1, 0);
    assert_granted(does_not);
}

/* Who lacks bytes does not stop those who want seats only. */
static void seats_pass_beside_bytes(void **state) {
    (void)state;
    hold(100, 2);
    int bytes = ask(want(10, 1)), seat = ask(want(0, 1)), too_many = ask(want(0, 1));
    assert_granted(seat);
    assert_waits(too_many);
    assert_waits(bytes);
    give(10, 0);
    assert_granted(bytes);
    assert_waits(too_many);
    give(0, 1);
    assert_granted(too_many);
}

static void new_work_keeps_nothing_from_work_in_hand(void **state) {
    (void)state;
    hold(50, 0);
    int document = ask(want_new(100, 10));
    assert_waits(document);
    assert_int_equal(try(want(50, 1)), 0);
    assert_waits(document);
    give(100, 1);
    assert_granted(document);
}

static void alone_takes_all_seats_and_gives_them_back(void **state) {
    (void)state;
    hold(0, 1);
    int alone = ask(want(10, LEDGER_ALL_SEATS)), later = ask(want(0, 1));
    assert_waits(alone);
    assert_waits(later);
    give(0, 1);
    assert_granted(alone);
    assert_waits(later);
    assert_int_equal(now().seats_taken, SEATS);
    ledger_set_seats(ledger, SEATS + 2);
    assert_granted(later);
    int second = ask(want(0, LEDGER_ALL_SEATS));
    give(10, LEDGER_ALL_SEATS);
    assert_int_equal(now().seats_taken, 1);
    assert_waits(second);
    give(0, 1);
    assert_granted(second);
    assert_int_equal(now().seats_taken, SEATS + 2);
    ledger_set_seats(ledger, 1);
    give(0, LEDGER_ALL_SEATS);
    assert_int_equal(now().seats_taken, 0);
}

static void room_is_left(void **state) {
    (void)state;
    struct ledger_request leaving = want_new(30, 0);
    leaving.leave = 50;
    assert_int_equal(try(leaving), 0);
    assert_int_equal(now().charged, 30);
    int ticket = ask(leaving);
    assert_waits(ticket);
    assert_int_equal(now().lacking, 10);
    assert_int_equal(try(want(50, 0)), 0);
    assert_waits(ticket);
    give(50, 0);
    assert_waits(ticket);
    ledger_credit(ledger, front, CHARGE_DOCUMENT, 10, 0);
    assert_granted(ticket);
}

static void a_ticket_may_be_withdrawn(void **state) {
    (void)state;
    hold(50, 0);
    int big = ask(want(100, 0)), small = ask(want(50, 0));
    assert_waits(small);
    ledger_withdraw(ledger, &big);
    assert_int_equal(big, -1);
    assert_int_equal(now().charged, 100);
    ledger_withdraw(ledger, &small);
    assert_int_equal(now().charged, 50);
    give(50, 0);
    int alone = ask(want(1, LEDGER_ALL_SEATS));
    assert_int_equal(now().seats_taken, SEATS);
    ledger_withdraw(ledger, &alone);
    assert_int_equal(now().seats_taken, 0);
    ledger_withdraw(ledger, &alone);
    assert_int_equal(now().cancels, 3);
}

static void a_ticket_ends_at_its_deadline(void **state) {
    (void)state;
    hold(100, 0);
    struct ledger_request request = want(50, 0);
    request.deadline = clock_now() + 30000000;
    int first = ask(request), second = ask(want(10, 0));
    assert_waits(first);
    usleep(40000);
    assert_int_equal(ledger_poll(ledger, first), ERR_TIMEOUT);
    assert_int_equal(ledger_poll(ledger, first), ERR_INTERRUPTED);
    give(10, 0);
    assert_granted(second);
    assert_true(now().waited >= 0.03);
}

static void shrinking_overdraws_and_grants_nothing(void **state) {
    (void)state;
    hold(80, 0);
    int keeps = ask(want(30, 0)), never = ask(want(60, 0));
    ledger_set_budget(ledger, 50);
    assert_int_equal(now().overdrawn, 30);
    assert_int_equal(ledger_poll(ledger, never), ERR_NO_MEMORY);
    assert_int_equal(try(want(0, 1)), ERR_TIMEOUT);
    give(50, 0);
    assert_waits(keeps);
    assert_int_equal(now().lacking, 10);
    give(10, 0);
    assert_granted(keeps);
    int more = ask(want(10, 0));
    assert_waits(more);
    ledger_set_budget(ledger, BUDGET);
    assert_granted(more);
    assert_int_equal(now().charged, 60);
}

static void seats_shrink_and_grow(void **state) {
    (void)state;
    hold(0, 4);
    int one = ask(want(0, 1)), three = ask(want(0, 3));
    ledger_set_seats(ledger, 2);
    assert_int_equal(ledger_poll(ledger, three), ERR_NO_MEMORY);
    give(0, 2);
    assert_waits(one);
    ledger_set_seats(ledger, 3);
    assert_granted(one);
}

static void measured_memory_may_overdraw(void **state) {
    (void)state;
    ledger_note(ledger, other, CHARGE_BASELINE, 40);
    hold(60, 0);
    ledger_note(ledger, other, CHARGE_BASELINE, 70);
    assert_int_equal(now().charged, 130);
    assert_int_equal(now().overdrawn, 30);
    int ticket = ask(want(0, 1));
    assert_waits(ticket);
    assert_int_equal(now().lacking, 30);
    ledger_note(ledger, other, CHARGE_BASELINE, 39);
    assert_granted(ticket);
    assert_int_equal(now().charged, 99);
}

static void what_is_held_moves(void **state) {
    (void)state;
    hold(60, 2);
    int waits = ask(want(10, 3));
    ledger_move(ledger, front, CHARGE_RUN, front, CHARGE_KEPT, 20, 1);
    assert_granted(waits);
    assert_int_equal(ledger_held(ledger, front, CHARGE_KEPT), 20);
    assert_int_equal(ledger_held(ledger, front, CHARGE_RUN), 50);
    ledger_move(ledger, front, CHARGE_RUN, other, CHARGE_BITMAP, 50, 4);
    assert_int_equal(ledger_held(ledger, front, CHARGE_RUN), 0);
    assert_int_equal(ledger_held(ledger, other, CHARGE_BITMAP), 50);
    ledger_move(ledger, other, CHARGE_BITMAP, other, CHARGE_BITMAP, 50, 0);
    assert_int_equal(now().charged, 70);
    assert_int_equal(now().seats_taken, 0);
}

static void low_priority_can_be_held_back(void **state) {
    (void)state;
    ledger_set_least_priority(ledger, 0);
    assert_int_equal(try(want_new(10, -1)), ERR_TIMEOUT);
    int low = ask(want_new(80, -1));
    assert_waits(low);
    assert_int_equal(now().lacking, 0);
    assert_int_equal(try(want_new(50, 0)), 0);
    struct ledger_request in_hand = want(50, 0);
    in_hand.priority = -10;
    assert_int_equal(try(in_hand), 0);
    give(50, 0);
    ledger_credit(ledger, front, CHARGE_DOCUMENT, 50, 0);
    assert_waits(low);
    ledger_set_least_priority(ledger, INT_MIN);
    assert_granted(low);
}

static void a_closed_account_gives_all_back(void **state) {
    (void)state;
    int gone;
    assert_int_equal(ledger_open_account(ledger, "a name of more than thirty-one bytes", 1, &gone), 0);
    ledger_note(ledger, gone, CHARGE_WEIGHTS, 40);
    struct ledger_request request = want(40, 4);
    assert_int_equal(ledger_charge(ledger, gone, &request), 0);
    int its = -1, ours = ask(want(100, 4));
    assert_int_equal(ledger_ask(ledger, gone, &request, &its), 0);
    ledger_close_account(ledger, gone);
    assert_granted(ours);
    assert_int_equal(ledger_poll(ledger, its), ERR_INTERRUPTED);
    assert_int_equal(ledger_charge(ledger, gone, &request), ERR_INTERRUPTED);
    assert_int_equal(ledger_held(ledger, gone, CHARGE_COUNT), 0);
    ledger_close_account(ledger, gone);
    int next;
    assert_int_equal(ledger_open_account(ledger, "next", 1, &next), 0);
    assert_int_not_equal(next, gone);
    ledger_close_account(ledger, gone);
    assert_int_equal(now().accounts, 3);
    ledger_close_account(ledger, next);
    ledger_close_account(ledger, -1);
}

static void tables_may_be_full(void **state) {
    (void)state;
    hold(100, 0);
    static int tickets[LEDGER_WAITERS], accounts[LEDGER_ACCOUNTS];
    for (int i = 0; i < LEDGER_WAITERS; i++) {
        ledger_check_always(i % 64 == 0);
        tickets[i] = ask(want_new(1, 0));
    }
    int none = -1;
    struct ledger_request request = want(1, 0);
    assert_int_equal(ledger_ask(ledger, front, &request, &none), ERR_NO_MEMORY);
    assert_int_equal(ledger_charge(ledger, front, &request), ERR_NO_MEMORY);
    for (int i = 0; i < LEDGER_WAITERS; i++) {
        ledger_withdraw(ledger, &tickets[i]);
    }
    for (int i = 2; i < LEDGER_ACCOUNTS; i++) {
        assert_int_equal(ledger_open_account(ledger, "x", 1, &accounts[i]), 0);
    }
    assert_int_equal(ledger_open_account(ledger, "x", 1, &none), ERR_NO_MEMORY);
    for (int i = 2; i < LEDGER_ACCOUNTS; i++) {
        ledger_close_account(ledger, accounts[i]);
    }
}

/* Whether the process dies of an abort when it gives back more than it has. */
static bool aborts(void) {
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDERR_FILENO);
        ledger_credit(ledger, front, CHARGE_RUN, 11, 0);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void too_much_given_back_is_an_error(void **state) {
    (void)state;
    ledger_check_always(false);
    hold(10, 1);
    give(11, 1);
    assert_int_equal(now().charged, 0);
    assert_int_equal(now().errors, 1);
    hold(10, 1);
    give(10, 2);
    give(0, LEDGER_ALL_SEATS);
    assert_int_equal(now().seats_taken, 0);
    assert_int_equal(now().errors, 3);
    hold(10, 0);
    ledger_move(ledger, front, CHARGE_RUN, other, CHARGE_KEPT, 11, 0);
    assert_int_equal(ledger_held(ledger, other, CHARGE_KEPT), 10);
    ledger_credit(ledger, -1, CHARGE_RUN, 1, 0);
    ledger_note(ledger, -1, CHARGE_RUN, 1);
    ledger_move(ledger, other, CHARGE_KEPT, -1, CHARGE_KEPT, 10, 0);
    assert_int_equal(ledger_held(ledger, other, CHARGE_KEPT), 10);
    assert_int_equal(now().errors, 7);
    assert_true(ledger_is_sound(ledger));
    ledger_check_always(true);
    assert_true(aborts());
    /* It died with the lock in hand. */
    assert_int_equal(now().recoveries, 1);
}

/* A memfd of length bytes with these seals. */
static int shared(size_t length, int seals) {
    int fd;
    void *bytes;
    assert_int_equal(file_memory_new("test", length, &fd, &bytes), 0);
    munmap(bytes, length);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void assert_not_mapped(int fd) {
    struct ledger *mapped = NULL;
    assert_int_equal(ledger_map(fd, &mapped), ERR_PROTOCOL);
    assert_null(mapped);
    assert_int_equal(close(fd), 0);
}

static void only_a_ledger_is_mapped(void **state) {
    (void)state;
    struct stat status;
    assert_int_equal(fstat(ledger_fd(ledger), &status), 0);
    size_t length = (size_t)status.st_size;
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    assert_not_mapped(open("/dev/null", O_RDWR | O_CLOEXEC));
    assert_not_mapped(shared(length - 1, seals));
    assert_not_mapped(shared(length, seals));
    assert_not_mapped(shared(length, F_SEAL_SHRINK));
    assert_not_mapped(shared(length, seals | F_SEAL_WRITE));
    assert_true(ftruncate(ledger_fd(ledger), 0) != 0);
    struct ledger *mapped = NULL;
    assert_int_equal(ledger_map(fcntl(ledger_fd(ledger), F_DUPFD_CLOEXEC, 0), &mapped), 0);
    ledger_note(mapped, other, CHARGE_BASELINE, 7);
    assert_int_equal(ledger_held(ledger, other, CHARGE_BASELINE), 7);
    /* The same bytes without seals are another matter. */
    int copy = shared(length, F_SEAL_GROW);
    char *bytes = alloc(length, 1);
    assert_int_equal(pread(ledger_fd(ledger), bytes, length, 0), length);
    assert_int_equal(pwrite(copy, bytes, length, 0), length);
    assert_not_mapped(copy);
    /* And so is another version. */
    copy = shared(length, seals);
    bytes[8] ^= 1;
    assert_int_equal(pwrite(copy, bytes, length, 0), length);
    assert_not_mapped(copy);
    free(bytes);
    ledger_drop(&mapped);
    assert_null(mapped);
}

static void it_can_be_read_as_json(void **state) {
    (void)state;
    hold(30, 2);
    int ticket = ask(want_new(90, 3));
    struct json *value = ledger_to_json(ledger);
    assert_string_equal(json_string(value, "device"), "cpu");
    assert_int_equal(json_int(value, "charged", 0), 30);
    assert_int_equal(json_int(value, "lacking", 0), 20);
    assert_int_equal(json_int(json_at(value, "kinds"), "run", 0), 30);
    const struct json *account = json_first(json_at(value, "accounts"));
    assert_string_equal(json_string(account, "name"), "front");
    assert_int_equal(json_int(account, "seats", 0), 2);
    assert_int_equal(json_int(json_at(account, "held"), "run", 0), 30);
    const struct json *waiter = json_first(json_at(value, "waiters"));
    assert_string_equal(json_string(waiter, "kind"), charge_word(CHARGE_DOCUMENT));
    assert_int_equal(json_int(waiter, "bytes", 0), 90);
    assert_null(json_next(waiter));
    json_drop(&value);
    ledger_withdraw(ledger, &ticket);
}

#define rule(test) cmocka_unit_test_setup_teardown(test, make_ledger, drop_ledger)

int main(void) {
    const struct CMUnitTest tests[] = {
        rule(what_is_charged_is_counted_and_credited),
        rule(what_can_never_fit_is_refused),
        rule(who_came_first_is_first),
        rule(priority_goes_before_and_class_before_all),
        rule(waiting_raises_priority),
        rule(what_the_first_lacks_is_kept_for_it),
        rule(later_ones_pass_with_what_is_beyond),
        rule(seats_pass_beside_bytes),
        rule(new_work_keeps_nothing_from_work_in_hand),
        rule(alone_takes_all_seats_and_gives_them_back),
        rule(room_is_left),
        rule(a_ticket_may_be_withdrawn),
        rule(a_ticket_ends_at_its_deadline),
        rule(shrinking_overdraws_and_grants_nothing),
        rule(seats_shrink_and_grow),
        rule(measured_memory_may_overdraw),
        rule(what_is_held_moves),
        rule(low_priority_can_be_held_back),
        rule(a_closed_account_gives_all_back),
        rule(tables_may_be_full),
        rule(too_much_given_back_is_an_error),
        rule(only_a_ledger_is_mapped),
        rule(it_can_be_read_as_json),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
