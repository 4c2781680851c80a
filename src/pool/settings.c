#include "pool/settings.h"

#include <string.h>

#include "output/output.h"

void settings_complete(struct options *options, int processors) {
    if (options->threads == 0) {
        options->threads = processors;
    }
    if (options->jobs == 0) {
        /* One more than can be read at once, so that a picture is drawn while others are read. */
        options->jobs = options->threads + 1;
    }
    if (options->max_runs == 0) {
        options->max_runs = options->threads;
    }
}

static struct judge_thresholds thresholds_of(const struct options *options) {
    return (struct judge_thresholds){
        .elevated = options->guard_elevated / 100,
        .high = options->guard_high / 100,
        .critical = options->guard_critical / 100,
        .margin = options->guard_margin / 100,
        .hold = options->guard_hold * POOL_SECOND,
        .psi = (double)options->guard_stall,
        .reserve = {.percent = (uint64_t)options->reserve, .least = (uint64_t)options->reserve_least}};
}

struct pool_conf settings_of_pool(const struct options *options) {
    return (struct pool_conf){.engine = options->engine,
                              .models = options->models,
                              .version = options->ocr_version,
                              .languages = options->lang,
                              .instances = options->instances,
                              .threads = options->threads,
                              .seats = options->max_runs,
                              .jobs = options->jobs,
                              .memory = (uint64_t)options->memory,
                              .run_timeout = options->run_timeout,
                              .worker_idle = options->worker_idle,
                              .model_idle = options->model_idle,
                              .residency = options->residency,
                              .health_interval = options->health_interval,
                              .thresholds = thresholds_of(options),
                              .guard_period = options->guard_period,
                              .guard_calm = options->guard_calm,
                              .tiles = options->tiles,
                              .switches = switches_of(options),
                              .dump_folder = options->dump_dir,
                              .per_task = options->per_task || strcmp(options->pool_mode, "per_task") == 0};
}

static bool needs_words(const struct options *options) {
    struct selection selection;
    return options->words || (options->format && selection_read(options->format, false, &selection) == 0 &&
                              selection_needs_words(&selection));
}

struct job_wish settings_of_job(const struct options *options) {
    return (struct job_wish){.dpi = (double)options->dpi,
                             .pages = &options->pages,
                             .max_pages = options->max_pages,
                             .max_pixels = options->max_pixels,
                             .page_timeout = options->page_timeout,
                             .deadline = options->deadline,
                             .words = needs_words(options),
                             .switches = switches_of(options)};
}
