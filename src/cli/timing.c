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
    const struct reader *reader = &session->reader;
    add_row(table, "engine", reader->engine ? reader->engine : "none");
    if (reader->ready_since > 0) {
        char *ready cleanup(drop_memory) =
            format("%.3f s, %.3f s of it in octavo-worker", clock_seconds(reader->ready_since - session->started),
                   reader->started);
        add_row(table, "engine ready after", ready);
    }
    if (reader->first_read > 0) {
        char *first cleanup(drop_memory) = format("%.3f s", clock_seconds(reader->first_read - session->started));
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

static void add_memory(struct buffer *table, const struct session *session) {
    const struct footprint *peak = &session->peak;
    char *all cleanup(drop_memory) =
        format("%.0f MB (octavo %.0f, octavo-worker %.0f, octavo-raster %.0f)", (double)peak->all / 1e6,
               (double)peak->front / 1e6, (double)peak->worker / 1e6, (double)peak->rasters / 1e6);
    add_row(table, "peak memory (PSS)", all);
    char *size cleanup(drop_memory) = options_size_text(session->options->memory);
    char *limit cleanup(drop_memory) = format("%s, not enforced by this version", size);
    add_row(table, "--memory", session->options->memory > 0 ? limit : "not given");
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
