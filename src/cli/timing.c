#include "cli/timing.h"

#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/session.h"

static void add_row(struct buffer *table, const char *name, const char *value) {
    buffer_add_format(table, "  %-18s %s\n", name, value);
}

/* From the start of the program to the moments that people wait for. */
static void add_start(struct buffer *table, const struct session *session) {
    const struct supervisor *worker = session->pool.workers; /* the first */
    add_row(table, "engine", worker->engine ? worker->engine : "none");
    if (worker->ready_since > 0) {
        char *ready cleanup(drop_memory) =
            format("%.3f s, %.3f s of it in octavo-worker", clock_seconds(worker->ready_since - session->started),
                   worker->started);
        add_row(table, "engine ready after", ready);
    }
    if (worker->first_read > 0) {
        char *first cleanup(drop_memory) = format("%.3f s", clock_seconds(worker->first_read - session->started));
        add_row(table, "first page after", first);
    }
}

static double engine_seconds(const struct stages *stages) {
    double sum = 0;
    for (int i = 0; i < STAGE_COUNT; i++) {
        sum += stage_in_engine((enum stage)i) ? stages->seconds[i] : 0;
    }
    return sum;
}

static void add_speed(struct buffer *table, const struct session *session, double wall) {
    char *pages cleanup(drop_memory) =
        format("%llu in %zu files, %.2f pages/s, %.3f s/page", (unsigned long long)session->pages_read,
               session->jobs_over - session->jobs_failed, (double)session->pages_read / wall,
               session->pages_read > 0 ? wall / (double)session->pages_read : 0);
    char *total cleanup(drop_memory) = format("%.3f s", wall);
    int64_t threads = session->options->threads;
    char *busy cleanup(drop_memory) =
        format("%.0f %% of %lld thread%s", 100 * engine_seconds(&session->stages) / (wall * (double)threads),
               (long long)threads, threads == 1 ? "" : "s");
    add_row(table, "wall time", total);
    add_row(table, "pages", pages);
    add_row(table, "engine busy", busy);
}

static void add_stages(struct buffer *table, const struct stages *stages, uint64_t pages) {
    buffer_add_format(table, "  %-18s %10s %9s %12s\n", "stage", "core s", "runs", "core ms/page");
    for (int i = 0; i < STAGE_COUNT; i++) {
        double seconds = stages->seconds[i];
        buffer_add_format(table, "  %-18s %10.3f %9u %12.1f  %s\n", stage_word((enum stage)i), seconds, stages->runs[i],
                          pages > 0 ? 1000 * seconds / (double)pages : 0, stage_about((enum stage)i));
    }
}

/* What the ledger says, and how far it is from what the kernel says. */
static void add_ledger(struct buffer *table, const struct pool *pool) {
    const struct ledger_state *end = &pool->settled;
    const struct reconciliation *apart = &pool->reconciliation;
    char *size cleanup(drop_memory) = options_size_text((int64_t)pool->conf.memory);
    char *budget cleanup(drop_memory) = format("%.0f MB (--memory %s)", (double)end->budget / 1e6, size);
    char *machine cleanup(drop_memory) = format("%.0f MB (cgroups and machine)", (double)end->budget / 1e6);
    char *charged cleanup(drop_memory) =
        format("%.0f MB at most, %llu bytes at the end", (double)end->peak / 1e6, (unsigned long long)end->charged);
    uint64_t refusals = end->refusals + pool->core.refusals;
    char *waits cleanup(drop_memory) =
        format("%llu of %llu charges, %.3f s in all, %llu refusals", (unsigned long long)end->waits,
               (unsigned long long)end->charges, end->waited, (unsigned long long)refusals);
    char *difference cleanup(drop_memory) =
        format("apart by %.0f MB at most, by more than 64 MB and 15 %% in %zu of %zu moments of rest",
               (double)apart->largest / 1e6, apart->apart, apart->count);
    add_row(table, "budget", pool->conf.per_task ? "none (--per-task)" : pool->conf.memory > 0 ? budget : machine);
    add_row(table, "charged", charged);
    add_row(table, "waited for memory", waits);
    add_row(table, "ledger and kernel", apart->count > 0 ? difference : "not compared");
}

static void add_predictions(struct buffer *table, const struct pool *pool) {
    struct quality_figures figures;
    quality_read(recorder_quality(pool->core.recorder), &figures);
    char *text cleanup(drop_memory) =
        format("%llu runs, actual / predicted peak: median %.2f, p99 %.2f, %llu above 1",
               (unsigned long long)figures.samples, figures.median, figures.p99, (unsigned long long)figures.under);
    add_row(table, "predictions", figures.samples > 0 ? text : "none was measured");
}

static void add_workers(struct buffer *table, const struct pool *pool) {
    const struct worker_counts counts = pool_counts(pool);
    char *text cleanup(drop_memory) =
        format("%llu started, %llu died (%llu hung), %llu replaced, %llu left idle", (unsigned long long)counts.starts,
               (unsigned long long)counts.deaths, (unsigned long long)counts.hangs, (unsigned long long)counts.recycles,
               (unsigned long long)counts.idle_leaves);
    add_row(table, "workers", text);
}

static void add_memory(struct buffer *table, const struct session *session) {
    const struct footprint *peak = &session->pool.peak;
    char *all cleanup(drop_memory) =
        format("%.0f MB (octavo %.0f, octavo-worker %.0f, octavo-raster %.0f)", (double)peak->all / 1e6,
               (double)peak->front / 1e6, (double)peak->worker / 1e6, (double)peak->rasters / 1e6);
    add_row(table, "peak memory (PSS)", all);
    add_ledger(table, &session->pool);
    add_predictions(table, &session->pool);
    add_workers(table, &session->pool);
}

void timing_print(const struct session *session) {
    double wall = clock_seconds(clock_now() - session->started);
    struct buffer table cleanup(buffer_done) = {0};
    add_start(&table, session);
    add_speed(&table, session, wall);
    add_stages(&table, &session->stages, session->pages_read);
    add_memory(&table, session);
    file_write(STDERR_FILENO, table.data, table.length);
}
