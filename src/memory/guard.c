#include "memory/guard.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "memory/alarm.h"
#include "memory/recorder.h"

struct guard {
    /* constant once the thread runs */
    struct guard_options options;
    struct judge_thresholds thresholds;
    struct recorder *recorder;
    int due, stop; /* eventfds */
    pthread_t thread;
    bool running;

    /* of the thread alone */
    struct probe *probe;
    struct alarms *alarms;
    uint64_t noted; /* bytes available when a reading was last noted */

    pthread_mutex_t lock; /* of what follows */
    struct judgement judgement;
    struct ladder ladder;
    enum pressure published;
    struct guard_state state;
};

static int64_t time_now(const struct guard *guard) {
    return guard->options.now ? guard->options.now(guard->options.context) : clock_now();
}

static void note(struct guard *guard, enum event_kind kind, const char *text, int64_t a, int64_t b) {
    if (guard->recorder) {
        recorder_note(guard->recorder, kind, text, a, b);
    }
}

/* Only readings that say something new: the ring holds the events of minutes, not of a quiet night. */
static void note_reading(struct guard *guard, const struct memory_reading *reading, bool changed) {
    uint64_t difference =
        reading->available > guard->noted ? reading->available - guard->noted : guard->noted - reading->available;
    if (changed || difference >= reading->limit / 64 + 1) {
        note(guard, EVENT_PROBE, reading->source, (int64_t)reading->used, (int64_t)reading->available);
        guard->noted = reading->available;
    }
}

/* Locked. Wakes the owner if there is something for it to take. */
static void signal_due(struct guard *guard) {
    struct ladder_move move;
    if (guard->judgement.level != guard->published ||
        ladder_due(&guard->ladder, &guard->judgement, time_now(guard), &move)) {
        eventfd_write(guard->due, 1);
    }
}

/* One round of reading and judging. */
static void look(struct guard *guard) {
    struct memory_reading reading;
    if (guard->options.sample) {
        guard->options.sample(guard->options.context, &reading);
    } else {
        probe_read(guard->probe, &reading);
    }
    pthread_mutex_lock(&guard->lock);
    enum pressure before = guard->judgement.level;
    guard->judgement = judge(&reading, &guard->thresholds, guard->judgement, time_now(guard));
    enum pressure level = guard->judgement.level;
    guard->state.level = level;
    guard->state.reading = reading;
    guard->state.readings++;
    guard->state.levels[level] += level != before;
    signal_due(guard);
    pthread_mutex_unlock(&guard->lock);
    if (level != before) {
        note(guard, EVENT_LEVEL, pressure_word(level), before, (int64_t)reading.available);
    }
    note_reading(guard, &reading, level != before);
}

/* Waits for at most so long; false if the guard shall stop. *ret_alarm: whether the kernel called. */
static bool wait_for(struct guard *guard, int64_t nanoseconds, bool *ret_alarm) {
    struct pollfd polled[1 + ALARMS] = {{.fd = guard->stop, .events = POLLIN}};
    size_t count = ret_alarm ? alarms_poll(guard->alarms, polled + 1) : 0;
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int ready = ppoll(polled, 1 + count, &limit, NULL);
    if (ready > 0 && polled[0].revents) {
        return false;
    }
    if (ret_alarm) {
        *ret_alarm = ready > 0;
    }
    if (ready > 0) {
        alarms_ready(guard->alarms, polled + 1);
    }
    return true;
}

static void *watch(void *context) {
    struct guard *guard = context;
    int64_t rest = guard->options.period < GUARD_REST ? guard->options.period : GUARD_REST;
    bool alarm = false;
    while (wait_for(guard, rest, NULL) && wait_for(guard, guard->options.period - rest, &alarm)) {
        if (alarm) {
            pthread_mutex_lock(&guard->lock);
            guard->state.alarms++;
            pthread_mutex_unlock(&guard->lock);
        }
        look(guard);
    }
    return NULL;
}

static int start_thread(struct guard *guard) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&guard->thread, NULL, watch, guard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        return fail(ERR_INTERNAL, "the memory guard's thread: %s", strerror(error));
    }
    guard->running = true;
    return 0;
}

static struct guard *guard_new(const struct guard_options *options, struct recorder *recorder) {
    struct guard *guard = alloc(1, sizeof(*guard));
    const char *root = options->root ? options->root : "";
    guard->options = *options;
    guard->options.root = NULL; /* need not outlive this call */
    guard->options.period = options->period ? options->period : GUARD_PERIOD;
    guard->thresholds = options->thresholds ? *options->thresholds : judge_presets;
    guard->recorder = recorder;
    guard->due = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    guard->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    guard->probe = probe_new(root);
    guard->alarms = alarms_new(root);
    pthread_mutex_init(&guard->lock, NULL);
    guard->ladder = (struct ladder){.calm = options->calm ? options->calm : LADDER_CALM, .without = options->without};
    return guard;
}

int guard_start(const struct guard_options *options, struct recorder *recorder, struct guard **ret) {
    struct guard *guard cleanup(guard_stop) = guard_new(options, recorder);
    if (guard->due < 0 || guard->stop < 0) {
        return fail(ERR_INTERNAL, "the memory guard: %s", strerror(errno));
    }
    look(guard);
    int result = start_thread(guard);
    if (result == 0) {
        *ret = take(guard);
    }
    return result;
}

void guard_stop(struct guard **guard) {
    struct guard *stopped = *guard;
    if (!stopped) {
        return;
    }
    if (stopped->running) {
        eventfd_write(stopped->stop, 1);
        pthread_join(stopped->thread, NULL);
    }
    drop_fd(&stopped->due);
    drop_fd(&stopped->stop);
    probe_drop(&stopped->probe);
    alarms_drop(&stopped->alarms);
    pthread_mutex_destroy(&stopped->lock);
    free(take(*guard));
}

int guard_fd(const struct guard *guard) { return guard->due; }

/* Locked. */
static bool next_event(struct guard *guard, struct guard_event *ret) {
    int64_t now = time_now(guard);
    struct ladder_move move;
    *ret = (struct guard_event){
        .level = guard->judgement.level, .before = guard->published, .reading = guard->state.reading};
    if (guard->published != guard->judgement.level) {
        guard->published = guard->judgement.level;
        ret->kind = GUARD_LEVEL;
        return true;
    }
    if (!ladder_due(&guard->ladder, &guard->judgement, now, &move)) {
        eventfd_t quiet;
        eventfd_read(guard->due, &quiet);
        return false;
    }
    ladder_moved(&guard->ladder, move, now);
    ret->kind = move.back ? GUARD_BACK : GUARD_STEP;
    ret->step = move.step;
    guard->state.steps[move.step] += !move.back;
    return true;
}

bool guard_take(struct guard *guard, struct guard_event *ret) {
    pthread_mutex_lock(&guard->lock);
    bool taken = next_event(guard, ret);
    pthread_mutex_unlock(&guard->lock);
    if (taken && ret->kind != GUARD_LEVEL) {
        char *text cleanup(drop_memory) =
            format("%s%s", ladder_word(ret->step), ret->kind == GUARD_BACK ? " taken back" : "");
        note(guard, EVENT_ACTION, text, ret->level, (int64_t)ret->reading.available);
    }
    return taken;
}

void guard_read(struct guard *guard, struct guard_state *ret) {
    pthread_mutex_lock(&guard->lock);
    *ret = guard->state;
    ret->in_force = guard->ladder.in_force;
    pthread_mutex_unlock(&guard->lock);
}
