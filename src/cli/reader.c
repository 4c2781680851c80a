#include "cli/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/terminal.h"
#include "process/message.h"

enum { RESULT_LIMIT = 64 << 20 }; /* bytes of one page as JSON */

/* How many pages a worker with so many engine threads has in hand at a time. */
static size_t window_of(int64_t threads) { return (size_t)threads; }

static int send_setup(const struct reader *reader, const struct options *options) {
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", "setup");
    json_set_string(body, "engine", options->engine);
    json_set_string(body, "models", options->models);
    json_set_string(body, "version", options->ocr_version);
    json_set_int(body, "threads", options->threads);
    return message_send(reader->worker.socket, body, -1);
}

int reader_start(struct reader *reader, const struct options *options) {
    int result = child_start("octavo-worker", &reader->worker);
    if (result != 0) {
        return result;
    }
    if (!reader->readings) {
        reader->window = window_of(options->threads);
        reader->readings = alloc(reader->window, sizeof(*reader->readings));
    }
    send_setup(reader, options); /* a worker that is gone already shows as the end of its socket */
    return 0;
}

bool reader_takes(const struct reader *reader, const struct sheet *sheet) {
    bool alone = reader->count == 0;
    bool free_place = reader->count < reader->window && (alone || !reader->readings[0].sheet.suspect);
    return reader->ready && free_place && (alone || !sheet->suspect);
}

void reader_read(struct reader *reader, struct job *job) {
    struct json *body cleanup(json_drop) = json_object_new();
    json_set_string(body, "op", "read");
    json_set_int(body, "id", ++reader->last_id);
    json_set_int(body, "page", job->sheet.page);
    bitmap_to_json(&job->sheet.bitmap, body);
    message_send(reader->worker.socket, body, job->sheet.fd); /* a worker that is gone loses it like the others */
    drop_fd(&job->sheet.fd);
    reader->readings[reader->count++] = (struct reading){.id = reader->last_id, .job = job, .sheet = job->sheet};
    job->sheet = (struct sheet){0};
    job->in_hand++;
    reader->first_read = reader->first_read ? reader->first_read : clock_now();
}

/* Takes a page off the worker's hands; the caller calls sheet_done(). Without such a page: id 0. */
static struct reading take_reading(struct reader *reader, long id) {
    for (size_t i = 0; i < reader->count; i++) {
        struct reading reading = reader->readings[i];
        if (reading.id == id) {
            reader->readings[i] = reader->readings[--reader->count];
            if (reading.job) {
                reading.job->in_hand--;
            }
            return reading;
        }
    }
    return (struct reading){0};
}

static int take_ready(struct reader *reader, const struct json *message) {
    const char *engine = json_string(message, "engine"), *version = json_string(message, "engine_version");
    if (reader->ready || !engine) {
        return fail(ERR_PROTOCOL, "octavo-worker sent \"ready\" out of turn, or without its engine");
    }
    free(reader->engine);
    reader->engine = version ? format("%s %s", engine, version) : copy_string(engine);
    if (reader->ready_since == 0) {
        reader->ready_since = clock_now();
        reader->started = json_real(message, "started", 0);
    }
    reader->ready = true;
    reader->false_starts = 0;
    return 0;
}

static int parse_result(int fd, struct page *ret) {
    const void *bytes;
    size_t length;
    int result = file_memory_map(fd, RESULT_LIMIT, &bytes, &length);
    if (result != 0) {
        return result;
    }
    struct json *json cleanup(json_drop) = NULL;
    result = json_parse(bytes, length, &json);
    munmap((void *)(uintptr_t)bytes, length);
    return result ? result : page_from_json(json, ret);
}

static int take_result(struct reader *reader, const struct json *message, int fd) {
    struct reading reading = take_reading(reader, (long)json_int(message, "id", 0));
    if (reading.id == 0) {
        return fail(ERR_PROTOCOL, "octavo-worker sent a page that was not asked for");
    }
    struct page page cleanup(page_done) = {0};
    int result = reading.job ? parse_result(fd, &page) : 0;
    if (result == 0 && reading.job) {
        page.number = reading.sheet.page;
        job_page_read(reading.job, reading.sheet.message, &page);
    } else if (result != 0) {
        job_page_failed(reading.job, reading.sheet.page, result, error_detail());
    }
    sheet_done(&reading.sheet);
    return 0;
}

static int take_refusal(struct reader *reader, const struct json *message) {
    struct reading reading = take_reading(reader, (long)json_int(message, "id", 0));
    if (reading.id == 0) {
        return fail(ERR_PROTOCOL, "octavo-worker refused a page that was not asked for");
    }
    if (reading.job) {
        int error = error_from_word(json_string(message, "error"));
        job_page_failed(reading.job, reading.sheet.page, error, json_string(message, "detail"));
    }
    sheet_done(&reading.sheet);
    return 0;
}

/* What is told about the worker's end; then a new one, unless two in a row did not get ready. */
static int bury(struct reader *reader, const struct options *options, const char *reason) {
    struct obituary obituary;
    child_end(&reader->worker, &obituary);
    char *text cleanup(drop_memory) = reason ? copy_string(reason) : obituary_text("octavo-worker", &obituary);
    if (!reader->ready && ++reader->false_starts == 2) {
        return fail(ERR_WORKER_CRASHED, "%s, twice before it was ready", text);
    }
    reader->ready = false;
    if (!options->quiet) {
        char *note cleanup(drop_memory) = format("%s; it is started again", text);
        terminal_note(NULL, 0, note);
    }
    while (reader->count > 0) {
        struct reading reading = take_reading(reader, reader->readings[0].id);
        if (reading.job) {
            job_page_lost(reading.job, &reading.sheet, text);
        }
        sheet_done(&reading.sheet);
    }
    return reader_start(reader, options);
}

int reader_receive(struct reader *reader, const struct options *options) {
    struct json *message cleanup(json_drop) = NULL;
    int fd cleanup(drop_fd) = -1;
    int result = message_receive(reader->worker.socket, &message, &fd);
    if (result == ERR_CLOSED) {
        return bury(reader, options, NULL);
    }
    const char *op = result == 0 ? json_string(message, "op") : "";
    if (strcmp(op, "ready") == 0) {
        result = take_ready(reader, message);
    } else if (strcmp(op, "failed") == 0) {
        return fail(error_from_word(json_string(message, "error")), "%s",
                    json_string(message, "detail") ? json_string(message, "detail") : "");
    } else if (strcmp(op, "page") == 0) {
        result = take_result(reader, message, fd);
    } else if (strcmp(op, "page_failed") == 0) {
        result = take_refusal(reader, message);
    } else if (result == 0) {
        result = fail(ERR_PROTOCOL, "octavo-worker sent \"%s\"", op);
    }
    if (result != 0) {
        char *reason cleanup(drop_memory) = copy_string(error_detail());
        return bury(reader, options, reason);
    }
    return 0;
}

void reader_forget(struct reader *reader, const struct job *job) {
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->readings[i].job == job) {
            reader->readings[i].job = NULL;
        }
    }
}

void reader_done(struct reader *reader) {
    child_end(&reader->worker, NULL);
    for (size_t i = 0; i < reader->count; i++) {
        sheet_done(&reader->readings[i].sheet);
    }
    free(reader->readings);
    free(reader->engine);
    *reader = (struct reader){0};
}
