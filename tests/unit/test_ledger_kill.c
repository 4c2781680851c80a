/*
 * The ledger when its users are killed: at random moments, and after every single instruction of an operation (stepped
 * through with ptrace). Whoever reaps a dead one closes its account; then all must be as if the operation had been
 * done, or as if it had not.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "memory/book.h"

#include <cmocka.h>

enum { CHILDREN = 4, KILLS = 600, BUDGET = 1000, SEATS = 3, DEATHS = 10, STEPS = 20000, ALARM = 100 };

/*
 * Takes the place of the one in base. The C library reads the clock from a page that the kernel writes to, and starts
 * again when it was written to meanwhile: who is stepped through that may never come to its end.
 */
int64_t clock_now(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct ledger_state state_of(struct ledger *ledger) {
    struct ledger_state state;
    ledger_read(ledger, &state);
    return state;
}

/* Nothing is held or waited for any more, and all of it can be had. */
static void assert_empty(struct ledger *ledger) {
    struct ledger_state state = state_of(ledger);
    assert_int_equal(state.charged, 0);
    assert_int_equal(state.seats_taken, 0);
    assert_int_equal(state.waiting, 0);
    assert_int_equal(state.accounts, 0);
    assert_true(ledger_is_sound(ledger));
    int account;
    assert_int_equal(ledger_open_account(ledger, "all", getpid(), &account), 0);
    struct ledger_request all = {.kind = CHARGE_RUN, .bytes = state.budget, .seats = LEDGER_ALL_SEATS};
    assert_int_equal(ledger_charge(ledger, account, &all), 0);
    ledger_close_account(ledger, account);
}

/* ---- at random moments ---- */

struct hand {
    struct ledger *ledger;
    int own, front;
    unsigned seed;
};

static unsigned below(struct hand *hand, unsigned limit) { return (unsigned)rand_r(&hand->seed) % limit; }

/* One random operation; nothing is held afterwards, but for what went to the front's account. */
static void operate(struct hand *hand) {
    struct ledger_request request = {
        .kind = below(hand, CHARGE_COUNT),
        .class = below(hand, 2) ? LEDGER_IN_HAND : LEDGER_NEW_WORK,
        .bytes = below(hand, BUDGET / 2),
        .seats = below(hand, 8) == 0 ? LEDGER_ALL_SEATS : below(hand, SEATS + 1),
        .priority = (int)below(hand, 21) - 10,
        .deadline = INT64_MAX,
    };
    if (below(hand, 3) == 0) {
        int ticket;
        if (ledger_ask(hand->ledger, hand->own, &request, &ticket) != 0) {
            abort();
        }
        sched_yield();
        ledger_withdraw(hand->ledger, &ticket);
        return;
    }
    if (ledger_charge(hand->ledger, hand->own, &request) != 0) {
        abort();
    }
    if (below(hand, 4) == 0) {
        ledger_move(hand->ledger, hand->own, request.kind, hand->front, CHARGE_BITMAP, request.bytes, request.seats);
        ledger_move(hand->ledger, hand->front, CHARGE_BITMAP, hand->own, CHARGE_RESULT, request.bytes, 0);
        ledger_note(hand->ledger, hand->own, CHARGE_RESULT, 0);
    } else {
        ledger_credit(hand->ledger, hand->own, request.kind, request.bytes, request.seats);
    }
}

static pid_t start_hand(struct hand *hand, const atomic_bool *stop) {
    assert_int_equal(ledger_open_account(hand->ledger, "hand", getpid(), &hand->own), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        while (!atomic_load(stop)) {
            operate(hand);
        }
        _exit(0);
    }
    return pid;
}

/* Closes the account of a dead hand, and takes back what it had given to the front and not fetched again. */
static void reap(struct hand *hand, pid_t pid, int expected) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), expected);
    ledger_close_account(hand->ledger, hand->own);
}

static void random_kills_leave_nothing_behind(void **state) {
    (void)state;
    struct ledger *ledger cleanup(ledger_drop) = NULL;
    struct hand hands[CHILDREN];
    pid_t pids[CHILDREN];
    unsigned seed = 1;
    atomic_bool *stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(stop, MAP_FAILED);
    assert_int_equal(ledger_create("cpu", BUDGET, SEATS, &ledger), 0);
    for (int i = 0; i < CHILDREN; i++) {
        hands[i] = (struct hand){.ledger = ledger, .seed = (unsigned)i + 1};
        assert_int_equal(ledger_open_account(ledger, "front", getpid(), &hands[i].front), 0);
        pids[i] = start_hand(&hands[i], stop);
    }
    for (int kill_count = 0; kill_count < KILLS; kill_count++) {
        int i = rand_r(&seed) % CHILDREN;
        usleep((useconds_t)rand_r(&seed) % 1500);
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        reap(&hands[i], pids[i], SIGKILL);
        assert_true(ledger_is_sound(ledger));
        ledger_note(ledger, hands[i].front, CHARGE_BITMAP, 0);
        hands[i].seed += CHILDREN;
        pids[i] = start_hand(&hands[i], stop);
    }
    /* Those who are left end by themselves: nobody sleeps for ever. */
    atomic_store(stop, true);
    for (int i = 0; i < CHILDREN; i++) {
        reap(&hands[i], pids[i], 0);
        assert_int_equal(ledger_held(ledger, hands[i].front, CHARGE_COUNT), 0);
        ledger_close_account(ledger, hands[i].front);
    }
    assert_empty(ledger);
    assert_int_equal(state_of(ledger).errors, 0);
    print_message("%d kills, %d recoveries\n", KILLS, (int)state_of(ledger).recoveries);
    assert_true(state_of(ledger).recoveries > 0);
    munmap(stop, sizeof(*stop));
}

/* ---- after every instruction ---- */

struct scene {
    struct ledger *ledger;
    int own;          /* of the process that dies */
    int front, other; /* live on */
    int ticket;       /* of the front */
};

/* What is prepared, what the process does that dies of it, and what must be so once its account is closed. */
struct death {
    const char *what;
    void (*prepare)(struct scene *scene);
    void (*act)(struct scene *scene);
    void (*check)(struct scene *scene);
};

static void charge(struct scene *scene, int account, enum charge_kind kind, uint64_t bytes, uint32_t seats) {
    struct ledger_request request = {.kind = kind, .bytes = bytes, .seats = seats};
    assert_int_equal(ledger_charge(scene->ledger, account, &request), 0);
}

static int ask(struct scene *scene, int account, uint64_t bytes, uint32_t seats) {
    struct ledger_request request = {.kind = CHARGE_RUN, .bytes = bytes, .seats = seats, .deadline = INT64_MAX};
    int ticket;
    assert_int_equal(ledger_ask(scene->ledger, account, &request, &ticket), 0);
    return ticket;
}

static void check_granted_once(struct scene *scene, uint64_t bytes, uint32_t seats) {
    assert_int_equal(ledger_poll(scene->ledger, scene->ticket), 0);
    assert_int_equal(ledger_held(scene->ledger, scene->front, CHARGE_COUNT), bytes);
    assert_int_equal(state_of(scene->ledger).seats_taken, seats);
    assert_int_equal(state_of(scene->ledger).charged, bytes);
}

static void prepare_waiting(struct scene *scene) {
    charge(scene, scene->own, CHARGE_RUN, BUDGET, 1);
    scene->ticket = ask(scene, scene->front, 600, LEDGER_ALL_SEATS);
}
static void act_credit(struct scene *scene) { ledger_credit(scene->ledger, scene->own, CHARGE_RUN, BUDGET, 1); }
static void check_credit(struct scene *scene) { check_granted_once(scene, 600, SEATS); }

static void prepare_move(struct scene *scene) { charge(scene, scene->front, CHARGE_BITMAP, 400, 2); }
static void act_move(struct scene *scene) {
    ledger_move(scene->ledger, scene->front, CHARGE_BITMAP, scene->other, CHARGE_RESULT, 400, 2);
}
static void check_move(struct scene *scene) {
    uint64_t from = ledger_held(scene->ledger, scene->front, CHARGE_BITMAP);
    uint64_t to = ledger_held(scene->ledger, scene->other, CHARGE_RESULT);
    assert_true((from == 400 && to == 0) || (from == 0 && to == 400));
    assert_int_equal(state_of(scene->ledger).seats_taken, from ? 2 : 0);
}

static void prepare_close(struct scene *scene) {
    charge(scene, scene->other, CHARGE_WEIGHTS, 300, 1);
    charge(scene, scene->other, CHARGE_KEPT, 300, 1);
    ask(scene, scene->other, 900, 0);
    scene->ticket = ask(scene, scene->front, 600, SEATS);
}
static void act_close(struct scene *scene) { ledger_close_account(scene->ledger, scene->other); }
static void check_close(struct scene *scene) {
    ledger_close_account(scene->ledger, scene->other);
    check_granted_once(scene, 600, SEATS);
}

static void prepare_ask(struct scene *scene) {
    charge(scene, scene->front, CHARGE_KEPT, 500, 0);
    scene->ticket = -1;
}
static void act_ask(struct scene *scene) {
    int big = ask(scene, scene->own, 800, 1), small = ask(scene, scene->own, 100, 1);
    ledger_withdraw(scene->ledger, &big);
    ledger_withdraw(scene->ledger, &small);
}
static void check_ask(struct scene *scene) {
    assert_int_equal(state_of(scene->ledger).waiting, 0);
    assert_int_equal(state_of(scene->ledger).charged, 500);
}

static void act_budget(struct scene *scene) { ledger_set_budget(scene->ledger, 500); }
static void check_budget(struct scene *scene) {
    if (state_of(scene->ledger).budget == BUDGET) {
        check_granted_once(scene, 600, SEATS);
    } else {
        assert_int_equal(ledger_poll(scene->ledger, scene->ticket), ERR_NO_MEMORY);
        assert_int_equal(state_of(scene->ledger).charged, 0);
        ledger_set_budget(scene->ledger, BUDGET);
    }
}

static void prepare_note(struct scene *scene) { charge(scene, scene->front, CHARGE_KEPT, 900, 0); }
static void act_note(struct scene *scene) {
    ledger_note(scene->ledger, scene->own, CHARGE_BASELINE, 300);
    ledger_note(scene->ledger, scene->front, CHARGE_KEPT, 700);
}
static void check_note(struct scene *scene) {
    uint64_t held = ledger_held(scene->ledger, scene->front, CHARGE_KEPT);
    assert_true(held == 900 || held == 700);
    assert_int_equal(state_of(scene->ledger).charged, held);
}

static const struct death deaths[] = {
    {"a credit that grants", prepare_waiting, act_credit, check_credit},
    {"a move", prepare_move, act_move, check_move},
    {"a close that grants", prepare_close, act_close, check_close},
    {"tickets", prepare_ask, act_ask, check_ask},
    {"a budget that refuses", prepare_waiting, act_budget, check_budget},
    {"a note", prepare_note, act_note, check_note},
};

static void open_scene(struct scene *scene) {
    *scene = (struct scene){.ticket = -1};
    assert_int_equal(ledger_create("cpu", BUDGET, SEATS, &scene->ledger), 0);
    assert_int_equal(ledger_open_account(scene->ledger, "own", getpid(), &scene->own), 0);
    assert_int_equal(ledger_open_account(scene->ledger, "front", getpid(), &scene->front), 0);
    assert_int_equal(ledger_open_account(scene->ledger, "other", getpid(), &scene->other), 0);
}

/* What the front finds and does after a death. */
static void reap_scene(const struct death *death, struct scene *scene) {
    assert_true(ledger_is_sound(scene->ledger));
    ledger_close_account(scene->ledger, scene->own);
    assert_true(ledger_is_sound(scene->ledger));
    death->check(scene);
    ledger_close_account(scene->ledger, scene->front);
    ledger_close_account(scene->ledger, scene->other);
    assert_empty(scene->ledger);
}

/* A child that stops before the act and after it; -1 where it may not be traced. */
static pid_t start_act(const struct death *death, struct scene *scene) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(1);
        }
        raise(SIGSTOP);
        death->act(scene);
        raise(SIGSTOP);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSTOPPED(status) ? pid : -1;
}

/* One instruction; false once the act is done. */
static bool step(pid_t pid) {
    int status;
    assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    return WSTOPSIG(status) == SIGTRAP;
}

static void kill_act(pid_t pid) {
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static struct book *pages_of(struct ledger *ledger) {
    struct book *book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED, ledger_fd(ledger), 0);
    assert_ptr_not_equal(book, MAP_FAILED);
    return book;
}

/* Copies all but the lock, as far as it is used; returns whether that changed anything. */
static bool copy_pages(struct book *to, const struct book *from) {
    const size_t used = offsetof(struct book, waiter) + 8 * sizeof(struct waiter);
    const size_t start = offsetof(struct book, mutex), end = start + sizeof(pthread_mutex_t);
    bool changes = memcmp(to, from, start) != 0 || memcmp((char *)to + end, (const char *)from + end, used - end) != 0;
    memcpy(to, from, start);
    memcpy((char *)to + end, (const char *)from + end, used - end);
    return changes;
}

static void *lock_and_die(void *argument) {
    struct book *book = argument;
    if (pthread_mutex_lock(&book->mutex) != 0) {
        abort();
    }
    return NULL;
}

/*
 * What a death at this instruction leaves behind is the pages as they are now: the front's part is played in another
 * ledger with a copy of them, whose lock was in the hand of a thread that is gone.
 */
static void check_copy(const struct death *death, const struct scene *scene, const struct book *pages) {
    struct scene copy;
    open_scene(&copy);
    assert_true(copy.own == scene->own && copy.front == scene->front && copy.other == scene->other);
    copy.ticket = scene->ticket;
    struct book *book = pages_of(copy.ledger);
    copy_pages(book, pages);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, lock_and_die, book), 0);
    pthread_join(thread, NULL);
    reap_scene(death, &copy);
    assert_int_equal(state_of(copy.ledger).recoveries, 1);
    munmap(book, sizeof(*book));
    ledger_drop(&copy.ledger);
}

/* Steps through the act and checks every state that it passes. Returns the number of instructions; -1: no tracing. */
static long walk(const struct death *death) {
    struct scene scene;
    open_scene(&scene);
    death->prepare(&scene);
    struct book *pages = pages_of(scene.ledger), *seen cleanup(drop_memory) = alloc(1, sizeof(*seen));
    copy_pages(seen, pages);
    pid_t pid = start_act(death, &scene);
    long instructions = pid < 0 ? -1 : 0, states = 0;
    while (pid > 0 && step(pid)) {
        instructions++;
        if (copy_pages(seen, pages)) {
            states++;
            check_copy(death, &scene, seen);
        }
    }
    if (pid > 0) {
        kill_act(pid);
        print_message("%s: %ld instructions, %ld states\n", death->what, instructions, states);
        assert_true(states >= 5);
    }
    munmap(pages, sizeof(*pages));
    ledger_drop(&scene.ledger);
    return instructions;
}

/* The real thing, which is slower. Returns how often the lock was found in a dead hand. */
static uint64_t die_after(const struct death *death, long instructions) {
    struct scene scene;
    open_scene(&scene);
    death->prepare(&scene);
    pid_t pid = start_act(death, &scene);
    assert_true(pid > 0);
    while (instructions > 0 && step(pid)) {
        instructions--;
    }
    kill_act(pid);
    reap_scene(death, &scene);
    uint64_t recoveries = state_of(scene.ledger).recoveries;
    ledger_drop(&scene.ledger);
    return recoveries;
}

static void death_at_any_instruction_is_survived(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    print_message("left to other builds: the thread checker makes tens of instructions of each one\n");
    return;
#endif
    uint64_t recoveries = 0;
    for (size_t i = 0; i < array_length(deaths); i++) {
        long length = walk(&deaths[i]);
        if (length < 0) {
            print_message("left out: processes may not be traced here\n");
            return;
        }
        /* Builds for checkers have many more instructions. */
        long died = length * DEATHS > STEPS ? 1 + STEPS / length : DEATHS;
        for (long at = 1; at <= died; at++) {
            recoveries += die_after(&deaths[i], length * at / (died + 1));
        }
    }
    assert_true(recoveries > 0);
}

int main(void) {
    alarm(ALARM);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_kills_leave_nothing_behind),
        cmocka_unit_test(death_at_any_instruction_is_survived),
    };
    return cmocka_run_group_tests_name("ledger_kill", tests, NULL, NULL);
}
