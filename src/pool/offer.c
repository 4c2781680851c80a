#include "pool/offer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/options.h"

void offer_done(struct offer *offer) {
    for (int i = 0; i < SWITCH_COUNT; i++) {
        free(offer->missing[i]);
    }
    free(offer->engines);
    *offer = (struct offer){0};
}

void offer_read(struct offer *offer, const struct json *message) {
    const struct json *missing = json_at(message, "missing");
    struct offer read = {.engines = copy_string(json_string(message, "engines"))};
    for (int i = 0; i < SWITCH_COUNT; i++) {
        const char *word = switch_word((enum stage_switch)i), *before = offer->missing[i];
        read.missing[i] = copy_string(json_string(missing, word));
        bool news = read.missing[i] && (!before || strcmp(before, read.missing[i]) != 0);
        if (news && !switch_ships((enum stage_switch)i) && !switch_reads_regions((enum stage_switch)i)) {
            log_line(LOG_INFO, "%s is left out unless it is asked for: %s", word, read.missing[i]);
        }
    }
    offer_done(offer);
    *offer = read;
}

static int check_engine(const struct offer *offer, const char *engine) {
    const char *there = offer->engines ? offer->engines : "";
    if (!engine || strcmp(engine, "auto") == 0 || options_list_has(there, engine)) {
        return 0;
    }
    return fail(ERR_NO_ENGINE, "%s was asked for; what is installed is %s", engine, there);
}

int offer_suits(const struct offer *offer, struct job *job, const struct core *core) {
    int result = check_engine(offer, job->wish->engine);
    for (int i = 0; i < SWITCH_COUNT && result == 0; i++) {
        const char *word = job->wish->switches.to[i], *name = switch_word((enum stage_switch)i);
        if (!offer->missing[i] || strcmp(word, "off") == 0) {
            continue;
        }
        if (strcmp(word, "on") == 0) {
            return fail(ERR_NO_STAGE, "%s: %s", name, offer->missing[i]);
        }
        if (switch_ships((enum stage_switch)i)) { /* else it was told once, or the pages that have such regions tell */
            char *warning cleanup(drop_memory) = format("%s was left out: %s", name, offer->missing[i]);
            job_warn(job, core, warning);
        }
    }
    return result;
}
