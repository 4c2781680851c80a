#include "cli/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/terminal.h"
#include "process/message.h"

enum { MOST_PAGES = 10000000 }; /* more than any document has: a raster that says so is not to be believed */

static const int64_t SECOND = 1000000000;

void sheet_done(struct sheet *sheet) {
    if (sheet->page > 0) {
        drop_fd(&sheet->fd);
        json_drop(&sheet->message);
    }
    *sheet = (struct sheet){0};
}

static void expect_answer(struct job *job, const struct options *options) {
    job->deadline = clock_now() + options->page_timeout * SECOND;
}

void job_fail(struct job *job, int error, uint32_t page, const char *detail) {
    if (job->state == JOB_ENDING || job->state == JOB_OVER) {
        return;
    }
    job->error = error;
    job->error_page = page;
    free(job->error_detail);
    job->error_detail = copy_string(detail);
    child_end(&job->raster, NULL);
    sheet_done(&job->sheet);
    job->asked = 0;
    job->state = JOB_ENDING;
    job->deadline = clock_now() + SECOND / 2; /* what the worker has in hand may still come, an answer is due soon */
}

/* Opening */

/* Opens without waiting for a writer of a pipe: reading waits for one, and that is the raster's, which has a limit. */
static int open_file(struct job *job, int *ret) {
    bool is_stdin = strcmp(job->file, "-") == 0;
    int fd cleanup(drop_fd) = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                       : open(job->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return fail(ERR_NO_INPUT, "%s", strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(ERR_NO_INPUT, "%s", strerror(EISDIR));
    }
    if (!is_stdin) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    }
    job->device = status.st_dev;
    job->inode = status.st_ino;
    job->result.bytes = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    *ret = take_fd(&fd);
    return 0;
}

static int send_open(const struct job *job, const struct options *options, int fd) {
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", "open");
    json_set_int(body, "dpi", options->dpi);
    /* With --pages the limit is on the pages that are asked for, which are counted here. */
    json_set_int(body, "max_pages", options->pages.count > 0 ? 0 : options->max_pages);
    json_set_int(body, "max_pixels", options->max_pixels);
    return message_send(job->raster.socket, body, fd);
}

void job_open(struct job *job, const struct options *options) {
    job->state = JOB_OPENING;
    job->opened = clock_now();
    job->result.name = utf8_valid_copy(job->file, strlen(job->file));
    int fd cleanup(drop_fd) = -1;
    int result = open_file(job, &fd);
    result = result ? result : child_start("octavo-raster", &job->raster);
    if (result != 0) {
        job_fail(job, result, 0, error_detail());
        return;
    }
    send_open(job, options, fd); /* a raster that is gone already shows as the end of its socket */
    expect_answer(job, options);
}

/* The raster's messages */

static void warn(struct job *job, const struct options *options, const char *warning) {
    result_warn(&job->result, warning);
    if (!options->quiet) {
        terminal_note(job->file, 0, warning);
    }
}

static void fail_as_told(struct job *job, const struct json *message) {
    job_fail(job, error_from_word(json_string(message, "error")), job->asked, json_string(message, "detail"));
}

/* Says which of the asked pages the document lacks; ERR_PAGE_RANGE if it has none of them. */
static int check_range(struct job *job, const struct options *options, uint32_t total) {
    uint32_t highest = ranges_highest(&options->pages);
    if (highest <= total) {
        return 0;
    }
    char *lack cleanup(drop_memory) = format("page %u was asked for, the last is %u", highest, total);
    if (ranges_next(&options->pages, 0, total) == 0) {
        return fail(ERR_PAGE_RANGE, "%s", lack);
    }
    warn(job, options, lack);
    return 0;
}

static int take_opened(struct job *job, const struct options *options, const struct json *message) {
    int64_t total = json_int(message, "pages", 0);
    if (total < 1 || total > MOST_PAGES || !json_string(message, "format")) {
        return fail(ERR_PROTOCOL, "a document of %lld pages", (long long)total);
    }
    int result = check_range(job, options, (uint32_t)total);
    if (result != 0) {
        return result;
    }
    job->wanted = ranges_count(&options->pages, (uint32_t)total);
    if (job->wanted > options->max_pages) {
        return fail(ERR_TOO_MANY_PAGES, "%u pages to read, the limit is %lld", job->wanted,
                    (long long)options->max_pages);
    }
    job->result.format = copy_string(json_string(message, "format"));
    job->result.page_total = (uint32_t)total;
    job->result.pages = alloc(job->wanted, sizeof(*job->result.pages));
    const struct json *warnings = json_at(message, "warnings");
    for (const struct json *member = json_first(warnings); member; member = json_next(member)) {
        if (json_as_string(member)) {
            warn(job, options, json_as_string(member));
        }
    }
    job->state = JOB_READING;
    return 0;
}

static bool is_suspect(const struct job *job, uint32_t page) {
    for (size_t i = 0; i < job->suspect_count; i++) {
        if (job->suspects[i].page == page) {
            return true;
        }
    }
    return false;
}

static int take_page(struct job *job, struct json **message, int *fd) {
    struct bitmap bitmap;
    int result = bitmap_from_json(*message, &bitmap);
    if (result != 0 || *fd < 0 || job->asked == 0 || json_int(*message, "page", 0) != job->asked) {
        return result ? result : fail(ERR_PROTOCOL, "a page that was not asked for, or without its bitmap");
    }
    job->sheet = (struct sheet){.page = job->asked,
                                .suspect = is_suspect(job, job->asked),
                                .bitmap = bitmap,
                                .fd = take_fd(fd),
                                .message = take(*message)};
    job->asked = 0;
    return 0;
}

static int take_message(struct job *job, const struct options *options, struct json **message, int *fd) {
    const char *op = json_string(*message, "op");
    if (job->state == JOB_OPENING && strcmp(op, "opened") == 0) {
        return take_opened(job, options, *message);
    }
    if (job->state == JOB_OPENING && strcmp(op, "failed") == 0) {
        fail_as_told(job, *message);
        return 0;
    }
    if (job->state == JOB_READING && strcmp(op, "page") == 0) {
        return take_page(job, message, fd);
    }
    if (job->state == JOB_READING && strcmp(op, "page_failed") == 0 && job->asked > 0) {
        uint32_t page = job->asked;
        job->asked = 0;
        job_page_failed(job, page, error_from_word(json_string(*message, "error")), json_string(*message, "detail"));
        return 0;
    }
    return fail(ERR_PROTOCOL, "octavo-raster sent \"%s\" out of turn", op);
}

static void bury_raster(struct job *job) {
    struct obituary obituary;
    child_end(&job->raster, &obituary);
    char *text cleanup(drop_memory) = obituary_text("octavo-raster", &obituary);
    job_fail(job, ERR_RASTER_CRASHED, job->asked, text);
}

void job_receive(struct job *job, const struct options *options) {
    struct json *message cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = message_receive(job->raster.socket, &message, &fd);
    if (result == ERR_CLOSED) {
        bury_raster(job);
        return;
    }
    result = result ? result : take_message(job, options, &message, &fd);
    if (result != 0) {
        job_fail(job, result, job->asked, error_detail());
    }
    job->deadline = job->state == JOB_ENDING ? job->deadline : INT64_MAX;
}

/* Pages */

static uint32_t next_page(const struct job *job, const struct options *options) {
    for (size_t i = 0; i < job->suspect_count; i++) {
        if (job->suspects[i].waiting) {
            return job->suspects[i].page;
        }
    }
    return ranges_next(&options->pages, job->last, job->result.page_total);
}

void job_ask(struct job *job, const struct options *options) {
    if (job->state != JOB_READING || job->asked > 0 || job->sheet.page > 0) {
        return;
    }
    uint32_t page = next_page(job, options);
    if (page == 0) {
        return;
    }
    for (size_t i = 0; i < job->suspect_count; i++) {
        job->suspects[i].waiting = job->suspects[i].waiting && job->suspects[i].page != page;
    }
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", "page");
    json_set_int(body, "page", page);
    message_send(job->raster.socket, body, -1); /* a raster that is gone shows as the end of its socket */
    job->asked = page;
    job->last = page > job->last ? page : job->last;
    expect_answer(job, options);
}

/* Pages come nearly in order: the place is looked for from the end. */
static void insert_page(struct result *result, struct page *page) {
    size_t place = result->page_count++;
    for (; place > 0 && result->pages[place - 1].number > page->number; place--) {
        result->pages[place] = result->pages[place - 1];
    }
    result->pages[place] = *page;
    *page = (struct page){0};
}

void job_page_read(struct job *job, const struct json *message, struct page *page) {
    double seconds = json_real(message, "seconds", 0);
    stage_add(&page->stages, STAGE_RASTER, seconds > 0 ? seconds : 0, 1);
    const struct json *warnings = json_at(message, "warnings");
    for (const struct json *member = json_first(warnings); member; member = json_next(member)) {
        if (json_as_string(member)) {
            page_warn(page, json_as_string(member));
        }
    }
    insert_page(&job->result, page);
    job->result.seconds = clock_seconds(clock_now() - job->opened);
}

void job_page_failed(struct job *job, uint32_t page, int error, const char *detail) {
    job->error = error;
    terminal_error(job->file, page, error, detail);
}

void job_page_lost(struct job *job, const struct sheet *sheet, const char *obituary) {
    if (sheet->suspect) {
        char *detail cleanup(drop_memory) = format("%s, twice with this page in hand", obituary);
        job_fail(job, ERR_WORKER_CRASHED, sheet->page, detail);
        return;
    }
    job->suspects = resize(job->suspects, job->suspect_count + 1, sizeof(*job->suspects));
    job->suspects[job->suspect_count++] = (struct suspect){.page = sheet->page, .waiting = true};
}

/* Time and end */

static bool all_read(const struct job *job, const struct options *options) {
    return job->asked == 0 && job->sheet.page == 0 && job->in_hand == 0 && next_page(job, options) == 0;
}

void job_tick(struct job *job, const struct options *options, int64_t now) {
    if ((job->state == JOB_OPENING || job->asked > 0) && now >= job->deadline) {
        char *detail cleanup(drop_memory) =
            format("%lld second%s", (long long)options->page_timeout, options->page_timeout == 1 ? "" : "s");
        job_fail(job, ERR_TIMEOUT, job->asked, detail);
    }
    bool ended = job->state == JOB_ENDING && (job->in_hand == 0 || now >= job->deadline);
    if (ended || (job->state == JOB_READING && all_read(job, options))) {
        child_end(&job->raster, NULL);
        job->result.complete = job->state == JOB_READING && job->result.page_count == job->wanted;
        job->state = JOB_OVER;
        job->deadline = INT64_MAX;
    }
}

void job_done(struct job *job) {
    child_end(&job->raster, NULL);
    sheet_done(&job->sheet);
    result_done(&job->result);
    free(job->suspects);
    free(job->error_detail);
    *job = (struct job){.file = job->file, .state = job->state, .error = job->error};
}
