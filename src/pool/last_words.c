#include "pool/last_words.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"

static void add_pages(const struct supervisor *supervisor, struct buffer *text) {
    enum { NAMED = 4 };
    for (size_t i = 0; i < supervisor->hands.count && i < NAMED; i++) {
        const struct reading *reading = &supervisor->hands.readings[i];
        bool is_check = reading->id == supervisor->check_id;
        buffer_add_format(text, "%s page %u of %s", i == 0 ? " with" : ",", reading->sheet.page,
                          reading->job ? reading->job->file
                          : is_check   ? "the health check"
                                       : "a document that was given up");
    }
    if (supervisor->hands.count > NAMED) {
        buffer_add_format(text, " and %zu more", supervisor->hands.count - NAMED);
    }
    buffer_add_string(text, " in hand");
}

char *last_words(const struct supervisor *supervisor, const char *how, int64_t now) {
    struct core *core = supervisor->core;
    struct buffer text = {0};
    if (core->stake_count > 1) {
        buffer_add_format(&text, "instance %d: ", supervisor->instance);
    }
    buffer_add_string(&text, how);
    if (supervisor->state == WORKER_STARTING) {
        buffer_add_string(&text, " before it was ready");
    } else if (supervisor->hands.count > 0) {
        add_pages(supervisor, &text);
    } else {
        buffer_add_string(&text, " with nothing in hand");
    }
    uint64_t held = ledger_held(core->ledger, supervisor->account, CHARGE_COUNT);
    buffer_add_format(&text, ", after %llu page%s in %.1f s, with %llu MB charged",
                      (unsigned long long)supervisor->pages, supervisor->pages == 1 ? "" : "s",
                      clock_seconds(now - supervisor->started_at), (unsigned long long)(held / 1000000));
    return buffer_take(&text);
}
