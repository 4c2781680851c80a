#include "memory/recorder.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

/* Of the layout below: to be raised with every change of it. */
#define VERSION UINT64_C(0x6f637461766f0002)

enum { TEXT_WORDS = EVENT_TEXT / sizeof(uint64_t) };

/* What an event says, as words, so that each can be written and read atomically. */
struct payload {
    uint64_t at; /* clock_now(): the same clock in all processes */
    uint64_t process, kind;
    int64_t a, b;
    char text[EVENT_TEXT];
};

enum { PAYLOAD_WORDS = sizeof(struct payload) / sizeof(uint64_t) };
_Static_assert(PAYLOAD_WORDS == 5 + TEXT_WORDS, "a payload without holes");

/*
 * The event with ticket t lies in slot t % RECORDER_EVENTS; sequence is 2t + 1 while it is written, 2t + 2 afterwards.
 * A writer that was held up may be overtaken by one that is a whole ring ahead and then write over it: sequence cannot
 * show that, sum does.
 */
struct slot {
    atomic_uint_fast64_t sequence, sum, words[PAYLOAD_WORDS];
};

struct shared {
    uint64_t version; /* constant after recorder_create() */
    atomic_uint_fast64_t tickets, counts[EVENT_COUNT];
    struct quality quality;
    struct slot slots[RECORDER_EVENTS];
};

struct recorder {
    int fd;
    struct shared *shared;
};

static const char *const words[] = {
#define EVENT(symbol, word, text, unit_a, a, unit_b, b) word,
#include "table/events.def"
#undef EVENT
};

static struct recorder *recorder_over(int fd, void *bytes) {
    struct recorder *recorder = alloc(1, sizeof(*recorder));
    *recorder = (struct recorder){.fd = fd, .shared = bytes};
    return recorder;
}

int recorder_create(struct recorder **ret) {
    int fd;
    void *bytes;
    int result = file_shared_new("octavo-recorder", sizeof(struct shared), &fd, &bytes);
    if (result != 0) {
        return result;
    }
    struct recorder *recorder cleanup(recorder_drop) = recorder_over(fd, bytes);
    int error = posix_fallocate(fd, 0, sizeof(struct shared)); /* all of it now: it would grow for hours as it fills */
    if (error != 0) {
        return fail(ERR_INTERNAL, "memory for the flight recorder: %s", strerror(error));
    }
    recorder->shared->version = VERSION;
    *ret = take(recorder);
    return 0;
}

int recorder_map(int fd, struct recorder **ret) {
    void *bytes;
    int result = file_shared_map(fd, sizeof(struct shared), &bytes);
    if (result != 0) {
        return result;
    }
    const struct shared *shared = bytes;
    if (shared->version != VERSION) {
        munmap(bytes, sizeof(struct shared));
        return fail(ERR_PROTOCOL, "the flight recorder is of another version");
    }
    *ret = recorder_over(fd, bytes);
    return 0;
}

int recorder_fd(const struct recorder *recorder) { return recorder->fd; }

void recorder_drop(struct recorder **recorder) {
    if (*recorder) {
        munmap((*recorder)->shared, sizeof(struct shared));
        drop_fd(&(*recorder)->fd);
        free(*recorder);
    }
    *recorder = NULL;
}

/* Of a payload and its ticket (FNV-1a over words). */
static uint64_t sum_of(uint64_t ticket, const uint64_t payload[PAYLOAD_WORDS]) {
    uint64_t sum = (UINT64_C(14695981039346656037) ^ ticket) * UINT64_C(1099511628211);
    for (int i = 0; i < PAYLOAD_WORDS; i++) {
        sum = (sum ^ payload[i]) * UINT64_C(1099511628211);
        sum ^= sum >> 32;
    }
    return sum;
}

/* Each store is a release and each load in read_slot() an acquire, so that none passes the sequence on either side. */
static void write_slot(struct slot *slot, uint64_t ticket, const uint64_t payload[PAYLOAD_WORDS]) {
    uint_fast64_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
    do {
        if (sequence > 2 * ticket) {
            return; /* a later event has taken the slot meanwhile */
        }
    } while (!atomic_compare_exchange_weak(&slot->sequence, &sequence, 2 * ticket + 1));
    for (int i = 0; i < PAYLOAD_WORDS; i++) {
        atomic_store_explicit(&slot->words[i], payload[i], memory_order_release);
    }
    atomic_store_explicit(&slot->sum, sum_of(ticket, payload), memory_order_release);
    sequence = 2 * ticket + 1;
    atomic_compare_exchange_strong(&slot->sequence, &sequence, 2 * ticket + 2);
}

static bool read_slot(struct slot *slot, uint64_t ticket, struct payload *ret) {
    uint64_t payload[PAYLOAD_WORDS];
    if (atomic_load_explicit(&slot->sequence, memory_order_acquire) != 2 * ticket + 2) {
        return false;
    }
    for (int i = 0; i < PAYLOAD_WORDS; i++) {
        payload[i] = atomic_load_explicit(&slot->words[i], memory_order_acquire);
    }
    if (atomic_load_explicit(&slot->sum, memory_order_acquire) != sum_of(ticket, payload)) {
        return false;
    }
    memcpy(ret, payload, sizeof(*ret));
    ret->text[EVENT_TEXT - 1] = '\0';
    return ret->kind < EVENT_COUNT;
}

void recorder_note(struct recorder *recorder, enum event_kind kind, const char *text, int64_t a, int64_t b) {
    struct shared *shared = recorder->shared;
    struct payload payload = {
        .at = (uint64_t)clock_now(), .process = (uint64_t)getpid(), .kind = (uint64_t)kind, .a = a, .b = b};
    memcpy(payload.text, text, strnlen(text, EVENT_TEXT - 1));
    uint64_t raw[PAYLOAD_WORDS];
    memcpy(raw, &payload, sizeof(raw));
    atomic_fetch_add_explicit(&shared->counts[kind], 1, memory_order_relaxed);
    uint64_t ticket = atomic_fetch_add_explicit(&shared->tickets, 1, memory_order_relaxed);
    write_slot(&shared->slots[ticket % RECORDER_EVENTS], ticket, raw);
}

uint64_t recorder_count(const struct recorder *recorder, enum event_kind kind) {
    return atomic_load_explicit(&recorder->shared->counts[kind], memory_order_relaxed);
}

struct quality *recorder_quality(struct recorder *recorder) {
    return &recorder->shared->quality;
}

static struct json *event_to_json(const struct payload *payload, uint64_t now) {
    struct json *event = json_object_new();
    json_set_real(event, "at", clock_seconds((int64_t)(now - payload->at)), 6);
    json_set_int(event, "process", (int64_t)payload->process);
    json_set_string(event, "event", words[payload->kind]);
    json_set_string(event, "text", payload->text);
    json_set_int(event, "a", payload->a);
    json_set_int(event, "b", payload->b);
    return event;
}

struct json *recorder_to_json(const struct recorder *recorder) {
    struct shared *shared = recorder->shared;
    struct json *events = json_array_new();
    uint64_t end = atomic_load(&shared->tickets), now = (uint64_t)clock_now();
    for (uint64_t ticket = end > RECORDER_EVENTS ? end - RECORDER_EVENTS : 0; ticket != end; ticket++) {
        struct payload payload;
        if (read_slot(&shared->slots[ticket % RECORDER_EVENTS], ticket, &payload)) {
            json_append(events, event_to_json(&payload, now));
        }
    }
    struct json *counts = json_object_new();
    for (int kind = 0; kind < EVENT_COUNT; kind++) {
        json_set_int(counts, words[kind], (int64_t)recorder_count(recorder, (enum event_kind)kind));
    }
    struct json *object = json_object_new();
    json_set(object, "events", events);
    json_set(object, "counts", counts);
    return object;
}
