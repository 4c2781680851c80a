/*
 * The flight recorder: a ring of what happened to memory (readings, charges, predictions, actions), in shared memory,
 * so that it outlives the process that wrote to it. The front process makes it, workers map it; the newest events
 * displace the oldest. Writing takes no lock and may be cut short by death at any point: a torn event is left out when
 * reading. Any thread.
 */
#ifndef OCTAVO_MEMORY_RECORDER_H
#define OCTAVO_MEMORY_RECORDER_H

#include <stdint.h>

#include "memory/quality.h"

struct json;
struct recorder;

enum event_kind {
#define EVENT(symbol, word, text, unit_a, a, unit_b, b) EVENT_##symbol,
#include "table/events.def"
#undef EVENT
    EVENT_COUNT
};

enum { RECORDER_EVENTS = 4096, EVENT_TEXT = 48 };

int recorder_create(struct recorder **ret);
/* fd is taken over on success. ERR_PROTOCOL if it is no recorder, or of another version. */
int recorder_map(int fd, struct recorder **ret);
int recorder_fd(const struct recorder *recorder); /* borrowed */
void recorder_drop(struct recorder **recorder);

/* Notes an event: text (cut at EVENT_TEXT - 1 bytes) says of what, a and b are its figures (events.def says which). */
void recorder_note(struct recorder *recorder, enum event_kind kind, const char *text, int64_t a, int64_t b);

/* How often kind was noted since the start (not only in the ring). */
uint64_t recorder_count(const struct recorder *recorder, enum event_kind kind);

/* How good the predictions of all processes were, since the start. Borrowed. */
struct quality *recorder_quality(struct recorder *recorder);

/* {"events": [{"at" seconds before now, "process" pid, "event", "text", "a", "b"} oldest first], "counts"}; drop. */
struct json *recorder_to_json(const struct recorder *recorder);

#endif
