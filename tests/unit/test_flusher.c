/* Documents that go to the disk beside the loop: each is told once, or forgotten, and nothing is left at the end. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/blobs.h"

#include <cmocka.h>

enum { COUNT = 200 };

struct fixture {
    FILE *file;
    struct flusher *flusher;
    struct flush *flush[COUNT];
    int told, errors;
};

static int set_up(void **state) {
    struct fixture *fixture = alloc(1, sizeof(*fixture));
    *fixture = (struct fixture){.file = tmpfile()};
    *state = fixture;
    return fixture->file ? flusher_new(&fixture->flusher) : -1;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    flusher_drop(&fixture->flusher);
    fclose(fixture->file);
    free(fixture);
    return 0;
}

static void note(void *context, struct flush *flush, int error) {
    struct fixture *fixture = context;
    for (int i = 0; i < COUNT; i++) {
        fixture->told += fixture->flush[i] == flush;
    }
    fixture->errors += error != 0;
}

static void begin(struct fixture *fixture, int place, int fd) {
    fixture->flush[place] = flusher_begin(fixture->flusher, fd, fileno(fixture->file), note, fixture);
}

static void take_until(struct fixture *fixture, int told) {
    struct pollfd polled = {.fd = flusher_descriptor(fixture->flusher), .events = POLLIN};
    while (fixture->told < told) {
        assert_int_equal(poll(&polled, 1, 60000), 1);
        flusher_take(fixture->flusher);
    }
    assert_int_equal(fixture->told, told);
}

static void each_is_told_once_and_none_that_is_forgotten(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < COUNT; i++) {
        begin(fixture, i, fileno(fixture->file));
    }
    flush_forget(fixture->flush[7]);
    fixture->flush[7] = NULL;
    take_until(fixture, COUNT - 1);
    assert_int_equal(fixture->errors, 0);
}

static void what_cannot_be_written_is_told(void **state) {
    struct fixture *fixture = *state;
    begin(fixture, 0, -1);
    take_until(fixture, 1);
    assert_int_equal(fixture->errors, 1);
    assert_int_equal(blobs_kept(0), 0);
    assert_int_equal(blobs_kept(ENOSPC), ERR_DISK_FULL);
    assert_int_equal(blobs_kept(EIO), ERR_STORE);
}

static void nobody_is_told_after_the_end(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < COUNT; i++) {
        begin(fixture, i, fileno(fixture->file));
    }
    flusher_drop(&fixture->flusher);
    assert_int_equal(fixture->told, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_is_told_once_and_none_that_is_forgotten),
        TEST(what_cannot_be_written_is_told),
        TEST(nobody_is_told_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
