/* The flight recorder: what was noted last is read back whole, whoever wrote it and however it ended. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "memory/recorder.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { WRITERS = 4 };

static struct recorder *new_recorder(void) {
    struct recorder *recorder = NULL;
    assert_int_equal(recorder_create(&recorder), 0);
    return recorder;
}

static void events_are_read_in_order(void **state) {
    (void)state;
    struct recorder *recorder cleanup(recorder_drop) = new_recorder();
    recorder_note(recorder, EVENT_LOAD, "det", 5000000, 7);
    recorder_note(recorder, EVENT_RUN, "rec", -3, INT64_C(1) << 40);
    recorder_note(recorder, EVENT_RUN, "a name that is longer than an event can hold, by some", 0, 0);
    struct json *json cleanup(json_drop) = recorder_to_json(recorder);
    const struct json *event = json_first(json_at(json, "events"));
    assert_string_equal(json_string(event, "event"), "load");
    assert_string_equal(json_string(event, "text"), "det");
    assert_int_equal(json_int(event, "a", 0), 5000000);
    assert_int_equal(json_int(event, "b", 0), 7);
    assert_int_equal(json_int(event, "process", 0), getpid());
    assert_true(json_real(event, "at", -1) >= 0 && json_real(event, "at", -1) < 60);
    const struct json *second = json_next(event);
    assert_int_equal(json_int(second, "a", 0), -3);
    assert_int_equal(json_int(second, "b", 0), INT64_C(1) << 40);
    assert_true(json_real(second, "at", 99) <= json_real(event, "at", -1));
    const struct json *third = json_next(second);
    assert_int_equal(strlen(json_string(third, "text")), EVENT_TEXT - 1);
    assert_null(json_next(third));
    assert_int_equal(json_int(json_at(json, "counts"), "run", 0), 2);
    assert_int_equal(json_int(json_at(json, "counts"), "evict", -1), 0);
    assert_int_equal(recorder_count(recorder, EVENT_LOAD), 1);
}

static void newest_displace_the_oldest(void **state) {
    (void)state;
    struct recorder *recorder cleanup(recorder_drop) = new_recorder();
    const int64_t many = 2 * RECORDER_EVENTS + 100;
    for (int64_t i = 0; i < many; i++) {
        recorder_note(recorder, EVENT_RUN, "x", i, 0);
    }
    struct json *json cleanup(json_drop) = recorder_to_json(recorder);
    int64_t expected = many - RECORDER_EVENTS;
    for (const struct json *one = json_first(json_at(json, "events")); one; one = json_next(one)) {
        assert_int_equal(json_int(one, "a", -1), expected++);
    }
    assert_int_equal(expected, many);
    assert_int_equal(recorder_count(recorder, EVENT_RUN), many);
}

/* Text and figures of an event that belong together, so that a torn one would show. */
static void note_related(struct recorder *recorder, int number) {
    char text[EVENT_TEXT];
    snprintf(text, sizeof(text), "%010d %010d %010d", number, number, number);
    recorder_note(recorder, EVENT_RUN, text, number, -number);
}

/* Checks all events that note_related() wrote; returns how many there are. */
static int check_related(struct recorder *recorder) {
    struct json *json cleanup(json_drop) = recorder_to_json(recorder);
    int count = 0;
    for (const struct json *one = json_first(json_at(json, "events")); one; one = json_next(one), count++) {
        int number = (int)json_int(one, "a", -1);
        char text[EVENT_TEXT];
        snprintf(text, sizeof(text), "%010d %010d %010d", number, number, number);
        assert_string_equal(json_string(one, "text"), text);
        assert_int_equal(json_int(one, "b", 1), -number);
        assert_string_equal(json_string(one, "event"), "run");
    }
    return count;
}

struct writer {
    struct recorder *recorder;
    int first;
    atomic_bool done;
};

static void *write_events(void *data) {
    struct writer *writer = data;
    for (int i = 0; i < 3 * RECORDER_EVENTS; i++) {
        note_related(writer->recorder, writer->first + i);
    }
    atomic_store(&writer->done, true);
    return NULL;
}

static void threads_write_while_one_reads(void **state) {
    (void)state;
    struct recorder *recorder cleanup(recorder_drop) = new_recorder();
    struct writer writers[WRITERS] = {0};
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i].recorder = recorder;
        writers[i].first = i * 1000000;
        assert_int_equal(pthread_create(&threads[i], NULL, write_events, &writers[i]), 0);
    }
    while (!atomic_load(&writers[0].done)) {
        check_related(recorder);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(recorder_count(recorder, EVENT_RUN), WRITERS * 3 * RECORDER_EVENTS);
    /* A writer that was overtaken by a whole ring may spoil a slot. */
    assert_in_range(check_related(recorder), RECORDER_EVENTS - WRITERS, RECORDER_EVENTS);
}

/* Another process, as a worker maps it; is killed in the midst of writing. */
static pid_t start_writer(const struct recorder *recorder, int first) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct recorder *mapped;
        if (recorder_map(dup(recorder_fd(recorder)), &mapped) != 0) {
            _exit(1);
        }
        for (int i = first;; i++) {
            note_related(mapped, i);
        }
    }
    return pid;
}

static void killed_writers_leave_whole_events(void **state) {
    (void)state;
    struct recorder *recorder cleanup(recorder_drop) = new_recorder();
    for (int round = 0; round < 40; round++) {
        pid_t pids[2] = {start_writer(recorder, round * 1000), start_writer(recorder, 5000000)};
        while (recorder_count(recorder, EVENT_RUN) < (uint64_t)(round + 1) * 500) {
            const struct timespec pause = {.tv_nsec = 100000};
            nanosleep(&pause, NULL);
        }
        for (int i = 0; i < 2; i++) {
            int status;
            assert_int_equal(kill(pids[i], SIGKILL), 0);
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFSIGNALED(status));
        }
        check_related(recorder);
    }
    /* What the dead left torn is displaced like all else. */
    for (int i = 0; i < RECORDER_EVENTS; i++) {
        note_related(recorder, i);
    }
    assert_int_equal(check_related(recorder), RECORDER_EVENTS);
}

/* Words of the mapping that another process may have left: whatever they are, reading is safe. */
static void foreign_bytes_are_left_out(void **state) {
    (void)state;
    struct recorder *recorder cleanup(recorder_drop) = new_recorder();
    struct stat status;
    assert_int_equal(fstat(recorder_fd(recorder), &status), 0);
    for (int i = 0; i < 100; i++) {
        note_related(recorder, i);
    }
    uint64_t *words = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, recorder_fd(recorder), 0);
    assert_ptr_not_equal(words, MAP_FAILED);
    unsigned seed = 3;
    for (int i = 0; i < 2000; i++) {
        size_t place = (size_t)rand_r(&seed) % ((size_t)status.st_size / sizeof(*words));
        if (place > EVENT_COUNT + 1) { /* not the version, not the counts */
            words[place] ^= (uint64_t)rand_r(&seed) << (rand_r(&seed) % 33);
        }
    }
    assert_in_range(check_related(recorder), 1, 100);
    munmap(words, (size_t)status.st_size);
}

static void wrong_descriptors_are_refused(void **state) {
    (void)state;
    struct recorder *recorder cleanup(recorder_drop) = new_recorder(), *mapped = NULL;
    struct stat status;
    assert_int_equal(fstat(recorder_fd(recorder), &status), 0);
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), unsealed, small, blank;
    void *bytes;
    assert_int_equal(file_memory_new("unsealed", (size_t)status.st_size, &unsealed, &bytes), 0);
    munmap(bytes, (size_t)status.st_size);
    assert_int_equal(file_memory_new("small", 4096, &small, &bytes), 0);
    munmap(bytes, 4096);
    assert_int_equal(fcntl(small, F_ADD_SEALS, seals), 0);
    assert_int_equal(file_memory_new("blank", (size_t)status.st_size, &blank, &bytes), 0);
    munmap(bytes, (size_t)status.st_size);
    assert_int_equal(fcntl(blank, F_ADD_SEALS, seals), 0);
    int wrong[] = {-1, null, unsealed, small, blank};
    for (size_t i = 0; i < array_length(wrong); i++) {
        assert_int_equal(recorder_map(wrong[i], &mapped), ERR_PROTOCOL);
        assert_null(mapped);
        assert_true(wrong[i] < 0 || fcntl(wrong[i], F_GETFD) >= 0); /* still ours */
        drop_fd(&wrong[i]);
    }
}

static void size_is_sealed(void **state) {
    (void)state;
    struct recorder *recorder cleanup(recorder_drop) = new_recorder();
    assert_int_equal(ftruncate(recorder_fd(recorder), 0), -1);
    assert_int_equal(ftruncate(recorder_fd(recorder), 1 << 30), -1);
    assert_int_equal(fcntl(recorder_fd(recorder), F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void mapping_sees_the_same(void **state) {
    (void)state;
    struct recorder *recorder cleanup(recorder_drop) = new_recorder();
    struct recorder *mapped cleanup(recorder_drop) = NULL;
    assert_int_equal(recorder_map(dup(recorder_fd(recorder)), &mapped), 0);
    recorder_note(mapped, EVENT_WORKER, "started", 1, 0);
    recorder_drop(&mapped);
    struct json *json cleanup(json_drop) = recorder_to_json(recorder);
    assert_string_equal(json_string(json_first(json_at(json, "events")), "text"), "started");
    assert_int_equal(recorder_count(recorder, EVENT_WORKER), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read_in_order),
        cmocka_unit_test(newest_displace_the_oldest),
        cmocka_unit_test(threads_write_while_one_reads),
        cmocka_unit_test(killed_writers_leave_whole_events),
        cmocka_unit_test(foreign_bytes_are_left_out),
        cmocka_unit_test(wrong_descriptors_are_refused),
        cmocka_unit_test(size_is_sealed),
        cmocka_unit_test(mapping_sees_the_same),
    };
    return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
