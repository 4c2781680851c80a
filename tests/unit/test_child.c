/* Child processes. The children are this very program: OCTAVO_TEST_CHILD says what they do. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "process/child.h"
#include "process/message.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define MODE "OCTAVO_TEST_CHILD"

/* The child's side */

static int say(const char *key, long value) {
    struct json *body = json_object_new();
    json_set_string(body, "op", "said");
    json_set_int(body, key, value);
    int result = message_send(MESSAGE_CHILD_SOCKET, body, -1);
    json_drop(&body);
    return result ? 1 : 0;
}

static long descriptors_open(void) {
    long count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static int be_child(const char *mode) {
    child_begin();
    struct json *body = NULL;
    int fd = -1;
    if (strcmp(mode, "status") == 0) {
        return 7;
    }
    if (strcmp(mode, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL); /* sanitizers would answer it */
        raise(SIGSEGV);
    }
    if (strcmp(mode, "descriptors") == 0) {
        return say("count", descriptors_open());
    }
    if (strcmp(mode, "core") == 0) {
        struct rlimit limit;
        getrlimit(RLIMIT_CORE, &limit);
        return say("core", (long)limit.rlim_max);
    }
    if (strcmp(mode, "signals") == 0) {
        sigset_t mask;
        sigprocmask(SIG_SETMASK, NULL, &mask);
        return say("plain", !sigismember(&mask, SIGINT) && signal(SIGINT, SIG_DFL) == SIG_DFL && getpgrp() == getpid());
    }
    if (strcmp(mode, "parent") == 0) { /* starts one that waits, tells who it is, and is then killed itself */
        setenv(MODE, "wait", 1);
        struct child child;
        if (child_start("test_child", 0, &child) != 0) {
            return 1;
        }
        say("pid", child.pid);
    }
    return message_receive(MESSAGE_CHILD_SOCKET, &body, &fd) == ERR_CLOSED ? 0 : 1; /* "wait" */
}

/* The parent's side */

static struct child start(const char *mode) {
    struct child child;
    setenv(MODE, mode, 1);
    assert_int_equal(child_start("test_child", 0, &child), 0);
    return child;
}

/* The number that the child says under key. */
static long said(const struct child *child, const char *key) {
    struct json *body = NULL;
    int fd;
    assert_int_equal(message_receive(child->socket, &body, &fd), 0);
    long value = (long)json_int(body, key, -1);
    json_drop(&body);
    return value;
}

static void assert_obituary(struct child *child, const char *expected) {
    struct json *body = NULL;
    int fd;
    assert_int_equal(message_receive(child->socket, &body, &fd), ERR_CLOSED);
    struct obituary obituary;
    child_end(child, &obituary);
    char *text = obituary_text("octavo-raster", &obituary);
    assert_string_equal(text, expected);
    assert_true(obituary.peak_kib > 0);
    free(text);
}

static void status_is_told(void **state) {
    (void)state;
    struct child child = start("status");
    assert_obituary(&child, "octavo-raster ended with status 7");
    assert_int_equal(child.pid, 0);
}

static void signal_is_told(void **state) {
    (void)state;
    struct child child = start("crash");
    assert_obituary(&child, "octavo-raster was killed by signal 11 (Segmentation fault)");
}

static void end_kills(void **state) {
    (void)state;
    struct child child = start("wait");
    struct obituary obituary;
    child_end(&child, &obituary);
    assert_true(obituary.by_signal);
    assert_int_equal(obituary.code, SIGKILL);
    child_end(&child, NULL); /* a second time: nothing */
}

static void leave_lets_it_end_by_itself(void **state) {
    (void)state;
    struct child child = start("wait");
    struct obituary obituary;
    child_leave(&child, 10000, &obituary);
    assert_false(obituary.by_signal);
    assert_int_equal(obituary.code, 0);
}

static void child_has_four_descriptors(void **state) {
    (void)state;
    int stray = fcntl(STDERR_FILENO, F_DUPFD, 10); /* not close-on-exec */
    assert_true(stray >= 10);
    struct child child = start("descriptors");
    assert_int_equal(said(&child, "count"), 4);
    child_end(&child, NULL);
    close(stray);
}

static void child_leaves_no_core(void **state) {
    (void)state;
    struct child child = start("core");
    assert_int_equal(said(&child, "core"), 1);
    child_end(&child, NULL);
}

static void signals_are_not_inherited(void **state) {
    (void)state;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    struct child child = start("signals");
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(said(&child, "plain"), 1);
    child_end(&child, NULL);
}

static void child_has_a_lower_priority_when_told(void **state) {
    (void)state;
    const int ours = getpriority(PRIO_PROCESS, 0);
    const int steps[] = {0, 3, 19};
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        setenv(MODE, "wait", 1);
        struct child child;
        assert_int_equal(child_start("test_child", steps[i], &child), 0);
        assert_int_equal(getpriority(PRIO_PROCESS, (id_t)child.pid), ours + steps[i] < 19 ? ours + steps[i] : 19);
        child_end(&child, NULL);
    }
}

static void child_dies_with_its_parent(void **state) {
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that the grandchild's end can be waited for */
    struct child child = start("parent");
    pid_t grandchild = (pid_t)said(&child, "pid");
    child_end(&child, NULL);
    int64_t start_time = clock_now();
    int status = -1;
    assert_int_equal(waitpid(grandchild, &status, 0), grandchild);
    assert_true(clock_seconds(clock_now() - start_time) < 1);
}

static void orphans_are_waited_for_and_no_others(void **state) {
    (void)state;
    siginfo_t info;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct child own = start("status"), child = start("parent");
    pid_t grandchild = (pid_t)said(&child, "pid");
    child_end(&child, NULL);
    assert_int_equal(waitid(P_PID, (id_t)own.pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(waitid(P_PID, (id_t)grandchild, &info, WEXITED | WNOWAIT), 0);
    assert_false(child_reap_orphans()); /* our own is in front of it */
    assert_obituary(&own, "octavo-raster ended with status 7");
    assert_true(child_reap_orphans());
    assert_int_equal(waitpid(grandchild, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    assert_true(child_reap_orphans());
}

static void missing_program_is_told(void **state) {
    (void)state;
    struct child child;
    assert_int_equal(child_start("no-such-program", 0, &child), ERR_PROCESS);
    assert_non_null(strstr(error_detail(), "no-such-program: No such file or directory"));
}

int main(void) {
    const char *mode = getenv(MODE);
    if (mode) {
        return be_child(mode);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_is_told),
        cmocka_unit_test(signal_is_told),
        cmocka_unit_test(end_kills),
        cmocka_unit_test(leave_lets_it_end_by_itself),
        cmocka_unit_test(child_has_four_descriptors),
        cmocka_unit_test(child_leaves_no_core),
        cmocka_unit_test(signals_are_not_inherited),
        cmocka_unit_test(child_has_a_lower_priority_when_told),
        cmocka_unit_test(child_dies_with_its_parent),
        cmocka_unit_test(orphans_are_waited_for_and_no_others),
        cmocka_unit_test(missing_program_is_told),
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
