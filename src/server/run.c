#include "server/run.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
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

int run_apply_wish(struct run *run) {
    const struct wish *wish = &run->wish;
    run->job_wish.priority = (int)wish->priority;
    run->job_wish.deadline = 0; /* the task's, from its coming */
    run->job_wish.engine = wish->engine;
    run->job_wish.tiles = wish->tiles;
#define SWITCH(symbol, word, member, roles)                                                                            \
    run->job_wish.switches.to[SWITCH_##symbol] =                                                                       \
        wish->member ? wish->member : run->job_wish.switches.to[SWITCH_##symbol];
#include "table/switches.def"
#undef SWITCH
    if (wish->dpi > 0) {
        run->job_wish.dpi = (double)wish->dpi;
    }
    return wish->pages ? ranges_parse(wish->pages, &run->pages) : 0;
}

int run_want_pdf(struct run *run, struct blobs *blobs, const struct wish *wish) {
    int fd cleanup(drop_fd) = -1;
    if (wish->pdf == 0) {
        return 0;
    }
    int result = run->task ? blobs_new_pdf(blobs, run->task->row.id, &fd) : blobs_scratch(blobs, &fd);
    return result ? result : job_want_edition(run->job, fd);
}
