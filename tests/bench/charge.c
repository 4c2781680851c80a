/*
 * What a charge costs: nanoseconds for each pair of ledger_charge() and ledger_credit(), beside a pair of locking and
 * unlocking a plain mutex in the same run. usage: bench_charge
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "memory/ledger.h"

enum { PAIRS = 1000000, ROUNDS = 5, SIDES = 2 };

static struct ledger *ledger;

static void charge_pairs(const char *name) {
    int account;
    if (ledger_open_account(ledger, name, getpid(), &account) != 0) {
        abort();
    }
    const struct ledger_request request = {.kind = CHARGE_RUN, .bytes = 1000, .seats = 1, .deadline = INT64_MAX};
    for (int i = 0; i < PAIRS; i++) {
        if (ledger_charge(ledger, account, &request) != 0) {
            abort();
        }
        ledger_credit(ledger, account, CHARGE_RUN, request.bytes, request.seats);
    }
    ledger_close_account(ledger, account);
}

static void in_this_thread(void) { charge_pairs("bench"); }

static void *run_thread(void *argument) {
    (void)argument;
    charge_pairs("thread");
    return NULL;
}

static void in_threads(void) {
    pthread_t threads[SIDES];
    for (int i = 0; i < SIDES; i++) {
        if (pthread_create(&threads[i], NULL, run_thread, NULL) != 0) {
            abort();
        }
    }
    for (int i = 0; i < SIDES; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void in_processes(void) {
    for (int i = 0; i < SIDES; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            charge_pairs("process");
            _exit(0);
        }
        if (pid < 0) {
            abort();
        }
    }
    for (int i = 0; i < SIDES; i++) {
        int status;
        if (wait(&status) < 0 || status != 0) {
            abort();
        }
    }
}

static void mutex_alone(void) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    for (int i = 0; i < PAIRS; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
}

/* Nanoseconds from start to end over the pairs of one side; the best of some rounds. */
static double measure(void (*run)(void)) {
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = clock_now();
        run();
        double took = (double)(clock_now() - start) / PAIRS;
        best = i == 0 || took < best ? took : best;
    }
    return best;
}

int main(void) {
    if (ledger_create("cpu", 1000000, SIDES, &ledger) != 0) {
        return 1;
    }
    double mutex = measure(mutex_alone), alone = measure(in_this_thread);
    printf("mutex      %7.1f ns\n", mutex);
    printf("alone      %7.1f ns, %.1f times a mutex\n", alone, alone / mutex);
    printf("threads    %7.1f ns with %d at once\n", measure(in_threads), SIDES);
    printf("processes  %7.1f ns with %d at once\n", measure(in_processes), SIDES);
    ledger_drop(&ledger);
    return 0;
}
