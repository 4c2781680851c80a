#include "cli/progress.h"

#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cli/session.h"
#include "cli/terminal.h"

enum { LONGEST_LINE = 80, LONGEST_BAR = 24 };

/* A bar of so many cells, filled in eighths of a cell. */
static void add_bar(struct buffer *line, unsigned cells, double share) {
    static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    unsigned filled = (unsigned)(share * cells * 8);
    buffer_add_string(line, "▕");
    for (unsigned cell = 0; cell < cells; cell++) {
        unsigned left = filled > cell * 8 ? filled - cell * 8 : 0;
        buffer_add_string(line, left >= 8 ? "█" : eighths[left]);
    }
    buffer_add_string(line, "▏");
}

/* What stands right of the bar. All ASCII. */
static char *figures(const struct session *session, uint64_t read, uint64_t known, int64_t now) {
    double seconds = clock_seconds(now - session->started);
    struct buffer text = {0};
    buffer_add_format(&text, " %llu/%llu pages", (unsigned long long)read, (unsigned long long)known);
    if (session->names_known > 1) {
        buffer_add_format(&text, "  %zu/%zu files", session->jobs_over, session->names_known);
    }
    buffer_add_format(&text, "  %.1f/s  %llu MB", seconds > 0 ? (double)read / seconds : 0,
                      (unsigned long long)(session->pool.now.all / 1000000));
    return buffer_take(&text);
}

void progress_draw(const struct session *session, int64_t now) {
    uint64_t read = session->pages_read, known = session->pages_known;
    double done = (double)session->jobs_over;
    for (size_t i = 0; i < session->pool.row_count; i++) {
        const struct job *job = session->pool.row[i];
        read += job->result.page_count;
        known += job->wanted;
        done += job->wanted > 0 ? (double)job->result.page_count / job->wanted : 0;
    }
    char *text cleanup(drop_memory) = figures(session, read, known, now);
    unsigned width = terminal_width() - 1; /* the last column stays free: some terminals wrap there */
    width = width < LONGEST_LINE ? width : LONGEST_LINE;
    size_t length = strlen(text) + 2;
    unsigned cells = width > length ? width - (unsigned)length : 0;
    struct buffer line cleanup(buffer_done) = {0};
    if (cells >= 4) {
        add_bar(&line, cells < LONGEST_BAR ? cells : LONGEST_BAR,
                session->names_known > 0 ? done / (double)session->names_known : 0);
    }
    buffer_add_format(&line, "%.*s", (int)width, text);
    terminal_progress(line.data);
}
