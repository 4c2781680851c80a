#include "pool/edition.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "pool/job.h"
#include "process/message.h"

enum {
    MOST_NEEDS = 4,         /* as for pages (pool/raster_inbox.c) */
    LEAST_BYTES = 16 << 20, /* MuPDF's view of a page and its fonts */
    MORE_BYTES = 1 << 20,   /* than drawing a page: what compresses it */
};

/* The one in turn: being written, or due; MADE_NONE if there is none. */
static enum made turn(const struct job *job) {
    for (int i = MADE_NONE + 1; i < MADE_COUNT; i++) {
        const struct edition *edition = &job->editions.of[i];
        if (edition->state == EDITION_WRITING || edition->state == EDITION_DUE) {
            return (enum made)i;
        }
    }
    return MADE_NONE;
}

int job_want_edition(struct job *job, enum made made, int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        return fail(ERR_NO_INPUT, "%s", strerror(errno));
    }
    job->editions.of[made] = (struct edition){.state = EDITION_DUE, .fd = copy};
    return 0;
}

int edition_file(const struct job *job, enum made made) {
    const struct edition *edition = &job->editions.of[made];
    return edition->state == EDITION_DONE ? edition->fd : -1;
}

static int open_album(const struct job *job, enum made made, struct album **ret) {
    int fd = edition_file(job, made);
    return fd >= 0 ? album_open(fd, job->result.page_total, ret) : 0;
}

int edition_albums(const struct job *job, struct albums *ret) {
    int result = open_album(job, MADE_PICTURE, &ret->pictures);
    return result ? result : open_album(job, MADE_FIGURE, &ret->figures);
}

bool edition_is_writing(const struct job *job) { return job->editions.of[turn(job)].state == EDITION_WRITING; }

bool edition_is_due(const struct job *job) {
    bool due = turn(job) != MADE_NONE && job->read > 0 && !job->winding_up;
    return due || edition_is_writing(job);
}

bool edition_is_left(const struct job *job) { return turn(job) != MADE_NONE && job->read > 0; }

uint64_t edition_need(const struct job *job) { return job->editions.of[turn(job)].need; }

static void lose(struct job *job, struct core *core, enum made made, int error, const char *detail) {
    job->editions.of[made].state = EDITION_FAILED;
    if (made_is_vital(made)) {
        job->error = error;
        job->error_page = 0;
        free(job->error_detail);
        job->error_detail = copy_string(detail);
    } else {
        char *warning cleanup(drop_memory) =
            format("%s could not be had: %s: %s", made_about(made), error_sentence(error), detail);
        job_warn(job, core, warning);
    }
}

/* The raster is not to be used again; another one writes what is left, if it can have the document. */
void edition_fail(struct job *job, struct core *core, int error, const char *detail) {
    lose(job, core, turn(job), error, detail);
    while (job->fd < 0 && turn(job) != MADE_NONE) { /* it came through a pipe and is gone with its raster */
        lose(job, core, turn(job), error, detail);
    }
    if (turn(job) == MADE_NONE) {
        job_end_raster(job, core, NULL);
    } else {
        job_park(job, core);
    }
}

void edition_fail_late(struct job *job, struct core *core) {
    int64_t limit = job->wish->page_timeout;
    char *detail cleanup(drop_memory) =
        format("%lld second%s for writing %s", (long long)limit, limit == 1 ? "" : "s", made_about(turn(job)));
    edition_fail(job, core, ERR_TIMEOUT, detail);
}

/* What goes on with the raster; an answer is due. A raster that is gone shows as the end of its socket. */
static void send(struct job *job, const struct json *body, int fd) {
    message_post(job->raster.socket, body, fd);
    job_expect_answer(job);
}

static void begin(struct job *job) {
    enum made made = turn(job);
    struct edition *edition = &job->editions.of[made];
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", "write");
    json_set_string(body, "what", made_word(made));
    json_set_int(body, "bytes", (int64_t)edition->need);
    edition->state = EDITION_WRITING;
    edition->page = 0;
    edition->finishing = false;
    send(job, body, edition->fd);
}

void edition_advance(struct job *job, struct core *core) {
    struct edition *edition = &job->editions.of[turn(job)];
    if (edition->state != EDITION_DUE) {
        return;
    }
    uint64_t own = ledger_held(core->ledger, job->account, CHARGE_BASELINE);
    if (edition->needs == 0) {
        uint64_t most = job->editions.most + MORE_BYTES;
        edition->need = most > LEAST_BYTES ? most : LEAST_BYTES;
    }
    int result =
        claim_ask(&job->drawing, core, job->account, CHARGE_DRAWING, edition->need, own, 0, job->wish->priority);
    if (result < 0) {
        edition_fail(job, core, result, error_detail());
    } else if (result == 0) {
        begin(job);
    }
}

/* The next page's result as text; *ret_page is 0 if there is none. The caller frees *ret. */
static int next_text(struct job *job, const struct core *core, uint32_t *ret_page, char **ret) {
    uint32_t after = job->editions.of[turn(job)].page;
    *ret_page = 0;
    for (size_t i = 0; i < job->result.page_count; i++) {
        const struct page *page = &job->result.pages[i];
        if (page->number > after) {
            struct json *json cleanup(json_drop) = page_to_json(page, true);
            *ret_page = page->number;
            *ret = json_text(json, false);
            return 0;
        }
    }
    const struct pool_events *events = core->events;
    return events->page_kept ? events->page_kept(events->context, job, after, ret_page, ret) : 0;
}

/* Sends the next page, or the end. */
static int go_on(struct job *job, struct core *core) {
    struct edition *edition = &job->editions.of[turn(job)];
    struct json *body cleanup(json_drop) = json_object_new();
    char *text cleanup(drop_memory) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = next_text(job, core, &edition->page, &text);
    if (result == 0 && text) {
        result = file_memory_from("octavo-text", text, strlen(text), &fd);
    }
    if (result == 0) {
        edition->finishing = !text;
        json_set_string(body, "op", text ? "text" : "finish");
        send(job, body, fd);
    }
    return result;
}

/* It is to be written again from its beginning, by a raster that is granted more. */
static int begin_again(struct job *job, struct core *core, uint64_t bytes) {
    struct edition *edition = &job->editions.of[turn(job)];
    if (bytes <= edition->need || job->fd < 0 || ++edition->needs > MOST_NEEDS || ftruncate(edition->fd, 0) != 0 ||
        lseek(edition->fd, 0, SEEK_SET) != 0) {
        return fail(ERR_NO_MEMORY, "writing %s takes %llu bytes, %llu were granted", made_about(turn(job)),
                    (unsigned long long)bytes, (unsigned long long)edition->need);
    }
    edition->state = EDITION_DUE;
    edition->need = bytes;
    job_park(job, core);
    return 0;
}

/* The raster goes on with the next. */
static void end_one(struct job *job, struct core *core) {
    job->editions.of[turn(job)].state = EDITION_DONE;
    if (turn(job) == MADE_NONE) {
        job_end_raster(job, core, NULL);
    } else {
        claim_drop(&job->drawing, core);
    }
}

void edition_take(struct job *job, struct core *core, const struct json *message) {
    struct edition *edition = &job->editions.of[turn(job)];
    const char *op = json_string(message, "op");
    int result = 0;
    if (strcmp(op, "written") == 0 && !edition->finishing) {
        result = go_on(job, core);
    } else if (strcmp(op, "finished") == 0 && edition->finishing) {
        job_warn_all(job, core, json_at(message, "warnings"));
        end_one(job, core);
    } else if (strcmp(op, "write_needs") == 0) {
        int64_t bytes = json_int(message, "bytes", 0);
        result = begin_again(job, core, bytes > 0 ? (uint64_t)bytes : 0);
    } else if (strcmp(op, "write_failed") == 0) {
        const char *detail = json_string(message, "detail");
        edition_fail(job, core, error_from_word(json_string(message, "error")), detail ? detail : "");
    } else {
        result = fail(ERR_PROTOCOL, "octavo-raster sent \"%.40s\" out of turn", op);
    }
    if (result != 0) {
        char *detail cleanup(drop_memory) = copy_string(error_detail());
        edition_fail(job, core, result, detail);
    }
}

void editions_done(struct editions *editions) {
    for (int i = 0; i < MADE_COUNT; i++) {
        if (editions->of[i].state != EDITION_NONE) {
            drop_fd(&editions->of[i].fd);
        }
    }
}
