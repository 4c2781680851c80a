#include "server/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "output/output.h"
#include "pool/settings.h"

struct run *run_new(const struct options *options) {
    struct run *run = alloc(1, sizeof(*run));
    run->since = clock_now();
    run->job_wish = settings_of_job(options);
    run->job_wish.pages = &run->pages;
    run->job_wish.words = true; /* whichever format is asked for later */
    return run;
}

void run_free(struct run *run) {
    wish_done(&run->wish);
    ranges_done(&run->pages);
    free(run);
}

void run_leave(struct run **runs, size_t *count, const struct run *run) {
    for (size_t i = 0; i < *count; i++) {
        if (runs[i] == run) {
            memmove(&runs[i], &runs[i + 1], (--*count - i) * sizeof(struct run *));
            break;
        }
    }
}

/* What the formats of an answer do not show is not looked for; of a task any format may be asked for later. */
static void spare_work(struct job_wish *wish, const struct selection *selection) {
    const char **layout = &wish->switches.to[SWITCH_LAYOUT];
    if (strcmp(*layout, "auto") == 0 && !selection_is_structured(selection)) {
        *layout = "off";
    }
    wish->words = selection_needs_words(selection);
}

int run_apply_wish(struct run *run) {
    const struct wish *wish = &run->wish;
    run->job_wish.priority = (int)wish->priority;
    run->job_wish.deadline = 0; /* the task's, from its coming */
    run->job_wish.engine = wish->engine;
    run->job_wish.tiles = wish->tiles;
#define SWITCH(symbol, word, member, roles, shipped)                                                                   \
    run->job_wish.switches.to[SWITCH_##symbol] =                                                                       \
        wish->member ? wish->member : run->job_wish.switches.to[SWITCH_##symbol];
#include "table/switches.def"
#undef SWITCH
    if (wish->dpi > 0) {
        run->job_wish.dpi = (double)wish->dpi;
    }
    if (run->direct && run->direct->selection) {
        run->selection = *run->direct->selection;
        run->job_wish.whole = &run->selection;
        spare_work(&run->job_wish, &run->selection);
    }
    return wish->pages ? ranges_parse(wish->pages, &run->pages) : 0;
}

static int want(struct run *run, struct blobs *blobs, enum made made) {
    int fd cleanup(drop_fd) = -1;
    int result = run->task ? blobs_new_made(blobs, made, run->task->row.id, &fd) : blobs_scratch(blobs, &fd);
    return result ? result : job_want_edition(run->job, made, fd);
}

int run_want_editions(struct run *run, struct blobs *blobs, const struct wish *wish) {
    int result = wish->pdf ? want(run, blobs, MADE_PDF) : 0;
    result = result == 0 && wish->png ? want(run, blobs, MADE_PICTURE) : result;
    return result == 0 && wish->figures ? want(run, blobs, MADE_FIGURE) : result;
}
