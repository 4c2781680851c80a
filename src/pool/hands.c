#include "pool/hands.h"

#include <stdlib.h>

#include "base/memory.h"

void hands_done(struct hands *hands) {
    free(hands->readings);
    *hands = (struct hands){0};
}

void hands_add(struct hands *hands, long id, struct job *job, const struct sheet *sheet) {
    if (hands->count == hands->places) {
        hands->places = 2 * hands->places + 1;
        hands->readings = resize(hands->readings, hands->places, sizeof(*hands->readings));
    }
    hands->readings[hands->count++] = (struct reading){.id = id, .job = job, .sheet = *sheet};
}

struct reading hands_take(struct hands *hands, long id) {
    for (size_t i = 0; i < hands->count; i++) {
        struct reading reading = hands->readings[i];
        if (reading.id == id) {
            hands->readings[i] = hands->readings[--hands->count];
            if (reading.job) {
                reading.job->in_hand--;
                reading.job->handed -= reading.sheet.bytes;
            }
            return reading;
        }
    }
    return (struct reading){0};
}

void hands_lose(struct hands *hands, struct core *core, const char *obituary) {
    while (hands->count > 0) {
        struct reading reading = hands_take(hands, hands->readings[0].id);
        if (reading.job) {
            job_page_lost(reading.job, core, &reading.sheet, obituary);
        }
        sheet_done(&reading.sheet, core);
    }
}

void hands_drop(struct hands *hands, struct core *core) {
    for (size_t i = 0; i < hands->count; i++) {
        sheet_done(&hands->readings[i].sheet, core);
    }
    hands->count = 0;
}

void hands_forget(struct hands *hands, const struct job *job) {
    for (size_t i = 0; i < hands->count; i++) {
        if (hands->readings[i].job == job) {
            hands->readings[i].job = NULL;
        }
    }
}
