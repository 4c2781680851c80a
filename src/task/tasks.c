#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "task/book.h"

static const int64_t MILLISECOND = 1000000;

/* The book */

/* What a store of another version has may not be understood any more: that is told when the task is begun. */
static int device_of(const struct task_row *row) {
    struct wish wish cleanup(wish_done) = {0};
    wish_set_json(&wish, row->options, strlen(row->options));
    return wish_device(&wish);
}

struct task *book_add(struct tasks *tasks, struct task_row *row) {
    int64_t now = clock_now(), deadline = INT64_MAX;
    if (row->deadline > 0) {
        deadline = now + (row->deadline - clock_wall()) * MILLISECOND;
    }
    if (tasks->count == tasks->room) {
        tasks->room = tasks->room ? 2 * tasks->room : 64;
        tasks->live = resize(tasks->live, tasks->room, sizeof(struct task *));
    }
    struct task *task = alloc(1, sizeof(*task));
    *task = (struct task){
        .row = *row, .since = now, .deadline = deadline, .device = device_of(row), .seconds = row->seconds};
    *row = (struct task_row){0};
    tasks->live[tasks->count++] = task;
    tasks->bytes += task->row.bytes;
    return task;
}

struct task *book_find(const struct tasks *tasks, const char *id) {
    for (size_t i = 0; i < tasks->count; i++) {
        if (strcmp(tasks->live[i]->row.id, id) == 0) {
            return tasks->live[i];
        }
    }
    return NULL;
}

static void task_free(struct task *task) {
    task_row_done(&task->row);
    free(task);
}

void book_close(struct tasks *tasks, struct task *task) {
    for (size_t i = 0; i < tasks->count; i++) {
        if (tasks->live[i] == task) {
            tasks->live[i] = tasks->live[--tasks->count];
            break;
        }
    }
    blobs_remove_document(tasks->blobs, task->row.id);
    tasks->bytes -= task->row.bytes;
    tasks->counts.ended[task->row.state]++;
    if (task->row.callback) {
        book_add_callback(tasks);
    }
    task_free(task);
}

void book_announce(struct tasks *tasks, const char *id) { tasks->events.changed(tasks->events.context, id); }

int book_stop(struct tasks *tasks, struct task *task, enum task_state state, int error) {
    struct task_row next = task->row;
    char *word cleanup(drop_memory) = copy_string(error_word(error));
    next.error = word;
    next.detail = NULL;
    next.ended = clock_wall();
    int result = tasks->kind->move(tasks->store, &next, state);
    if (result != 0) {
        return result;
    }
    task->row.state = state;
    if (task->running) {
        tasks->events.stopped(tasks->events.context, task);
    }
    char id[ID_BYTES];
    memcpy(id, task->row.id, sizeof(id));
    blobs_remove_all_made(tasks->blobs, id); /* half of it, or begun in a turn before */
    book_close(tasks, task);
    book_announce(tasks, id);
    return 0;
}

/* Opening */

/* The lock goes with the process, however it ends. */
static int lock_folder(const char *folder, int *ret) {
    char *path cleanup(drop_memory) = format("%s/lock", folder);
    int fd cleanup(drop_fd) = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(ERR_STORE, "%s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? fail(ERR_IN_USE, "%s", folder) : fail(ERR_STORE, "%s: %s", path, strerror(errno));
    }
    *ret = take_fd(&fd);
    return 0;
}

static bool take_row(void *context, const struct task_row *row) {
    struct task_row copy = task_row_copy(row);
    book_add(context, &copy);
    return true;
}

/* What the last server was reading is queued again, where its priority and age put it. */
static int take_over(struct tasks *tasks) {
    const struct task_query query = {.states = 1U << TASK_QUEUED | 1U << TASK_RUNNING, .oldest_first = true};
    int result = tasks->kind->list(tasks->store, &query, take_row, tasks);
    for (size_t i = 0; i < tasks->count && result == 0; i++) {
        struct task_row *row = &tasks->live[i]->row;
        if (row->state == TASK_RUNNING) {
            result = tasks->kind->move(tasks->store, row, TASK_QUEUED);
        }
    }
    return result;
}

/* A store that cannot say keeps them. */
static bool wants_document(void *context, const char *id) {
    struct tasks *tasks = context;
    struct task_row row cleanup(task_row_done) = {0};
    int result = tasks->kind->find(tasks->store, id, &row);
    return result == 0 ? !task_state_is_over(row.state) : result != ERR_NOT_FOUND;
}

static bool wants_pages(void *context, const char *id) {
    struct tasks *tasks = context;
    struct task_row row cleanup(task_row_done) = {0};
    return tasks->kind->find(tasks->store, id, &row) != ERR_NOT_FOUND;
}

int tasks_open(const char *folder, const struct store_kind *kind, const struct tasks_limits *limits,
               const struct tasks_events *events, struct tasks **ret) {
    struct tasks *tasks cleanup(tasks_drop) = alloc(1, sizeof(*tasks));
    *tasks = (struct tasks){.kind = kind, .limits = *limits, .events = *events, .lock = -1};
    tasks->ages_from = tasks->ages_seen = clock_wall() - clock_now() / MILLISECOND;
    int result = file_make_folder(folder);
    result = result ? fail(ERR_STORE, "%s", error_detail()) : lock_folder(folder, &tasks->lock);
    result = result ? result : blobs_open(folder, &tasks->blobs);
    result = result ? result : kind->open(folder, &tasks->store);
    result = result ? result : take_over(tasks);
    result = result ? result : book_count_callbacks(tasks);
    if (result != 0) {
        return result;
    }
    blobs_sweep(tasks->blobs, wants_document, wants_pages, tasks);
    *ret = take(tasks);
    return 0;
}

void tasks_drop(struct tasks **tasks) {
    if (*tasks) {
        for (size_t i = 0; i < (*tasks)->count; i++) {
            task_free((*tasks)->live[i]);
        }
        free((*tasks)->live);
        (*tasks)->kind->drop(&(*tasks)->store);
        blobs_drop(&(*tasks)->blobs);
        drop_fd(&(*tasks)->lock);
        free(*tasks);
    }
    *tasks = NULL;
}

struct blobs *tasks_blobs(struct tasks *tasks) {
    return tasks->blobs;
}

/* Accepting */

int64_t tasks_retry_after(const struct tasks *tasks) { return queue_retry_after(tasks->seconds_per_task, 1); }

int tasks_check_room(struct tasks *tasks, int64_t count, int64_t bytes) {
    if (bytes > tasks->limits.bytes) {
        return fail(ERR_BODY_TOO_LARGE, "%lld bytes, all that waits may have %lld", (long long)bytes,
                    (long long)tasks->limits.bytes);
    }
    if (count > tasks->limits.tasks) {
        return fail(ERR_BODY_TOO_LARGE, "%lld documents, no more than %lld may wait", (long long)count,
                    (long long)tasks->limits.tasks);
    }
    bool full = (int64_t)tasks->count + count > tasks->limits.tasks || tasks->bytes + bytes > tasks->limits.bytes;
    if (full) {
        tasks->counts.refused++;
        return fail(ERR_QUEUE_FULL, "%zu tasks of %lld bytes wait or are read", tasks->count, (long long)tasks->bytes);
    }
    return 0;
}

/* The task that has the key of the submission: an empty id if there is none. */
static int find_repeated(struct tasks *tasks, const struct submission *submission, char ret_id[ID_BYTES]) {
    struct task_row row cleanup(task_row_done) = {0};
    const char *key = submission->wish->key;
    int result = key ? tasks->kind->find_key(tasks->store, key, submission->owner, &row) : ERR_NOT_FOUND;
    if (result == 0 && strcmp(row.digest, submission->digest) != 0) {
        return fail(ERR_KEY_USED, "task %s has it", row.id);
    }
    memcpy(ret_id, row.id, ID_BYTES);
    return result == ERR_NOT_FOUND ? 0 : result;
}

static struct task_row row_of(const struct submission *submission) {
    const struct wish *wish = submission->wish;
    struct json *options cleanup(json_drop) = wish_to_json(wish);
    int64_t now = clock_wall();
    struct task_row row = {.state = TASK_QUEUED,
                           .priority = wish->priority,
                           .name = copy_string(wish->name),
                           .options = json_text(options, false),
                           .key = copy_string(wish->key),
                           .owner = copy_string(submission->owner),
                           .callback = copy_string(wish->callback),
                           .bytes = submission->bytes,
                           .created = now,
                           .deadline = wish->deadline > 0 ? now + 1000 * wish->deadline : 0};
    memcpy(row.id, submission->id, sizeof(row.id));
    memcpy(row.digest, submission->digest, sizeof(row.digest));
    return row;
}

static int accept_new(struct tasks *tasks, const struct submission *submissions, size_t count) {
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += submissions[i].bytes;
    }
    int result = tasks_check_room(tasks, (int64_t)count, bytes);
    if (result != 0) {
        return result;
    }
    struct task_row *rows cleanup(drop_memory) = alloc(count, sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        rows[i] = row_of(&submissions[i]);
    }
    result = tasks->kind->add(tasks->store, rows, count);
    for (size_t i = 0; i < count; i++) {
        if (result == 0) {
            book_add(tasks, &rows[i]);
            tasks->counts.accepted++;
            book_announce(tasks, submissions[i].id);
        }
        task_row_done(&rows[i]);
    }
    return result;
}

int tasks_submit(struct tasks *tasks, const struct submission *submissions, size_t count, char (*ret_ids)[ID_BYTES],
                 bool *ret_repeated) {
    size_t known = 0;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = find_repeated(tasks, &submissions[i], ret_ids[i]);
        known += result == 0 && ret_ids[i][0];
    }
    if (result == 0 && known > 0 && known < count) {
        result = fail(ERR_KEY_USED, "with %zu of these documents", known);
    }
    *ret_repeated = result == 0 && known == count;
    if (result == 0 && known == 0) {
        result = accept_new(tasks, submissions, count);
    }
    tasks->counts.repeated += *ret_repeated ? (int64_t)count : 0;
    for (size_t i = 0; i < count; i++) {
        if (result != 0 || *ret_repeated) {
            blobs_remove(tasks->blobs, submissions[i].id);
        }
        if (!*ret_repeated) {
            memcpy(ret_ids[i], submissions[i].id, ID_BYTES);
        }
    }
    return result;
}

/* On request */

int tasks_cancel(struct tasks *tasks, const char *id) {
    struct task *task = book_find(tasks, id);
    if (task) {
        return book_stop(tasks, task, TASK_CANCELLED, ERR_CANCELLED);
    }
    struct task_row row cleanup(task_row_done) = {0};
    int result = tasks_find(tasks, id, &row);
    return result ? result : fail(ERR_TASK_OVER, "it is %s", task_state_word(row.state));
}

int tasks_remove(struct tasks *tasks, const char *id) {
    struct task_row row cleanup(task_row_done) = {0};
    int result = tasks_find(tasks, id, &row);
    bool is_pending = row.callback_due > 0;
    if (result == 0 && book_find(tasks, id)) {
        result = tasks_cancel(tasks, id);
        is_pending = row.callback != NULL;
    }
    result = result ? result : tasks->kind->remove(tasks->store, row.number);
    if (result == 0) {
        tasks->callbacks -= is_pending;
        blobs_remove(tasks->blobs, id);
        tasks->counts.removed++;
        book_announce(tasks, id);
    }
    return result;
}

/* Looking */

int tasks_no_such(const char *id) {
    return fail(ERR_NOT_FOUND, "task \"%.40s\"; finished tasks are kept for a limited time", id);
}

int tasks_find(struct tasks *tasks, const char *id, struct task_row *ret) {
    int result = id_is_sound(id) ? tasks->kind->find(tasks->store, id, ret) : ERR_NOT_FOUND;
    return result == ERR_NOT_FOUND ? tasks_no_such(id) : result;
}

static struct queue_place place_of(const struct task *task) {
    return (struct queue_place){.priority = task->row.priority, .since = task->since, .number = task->row.number};
}

int64_t tasks_position(const struct tasks *tasks, const char *id) {
    const struct task *task = book_find(tasks, id);
    if (!task || task->running) {
        return -1;
    }
    const struct queue_place place = place_of(task);
    int64_t before = 0;
    for (size_t i = 0; i < tasks->count; i++) {
        const struct queue_place other = place_of(tasks->live[i]);
        before += !tasks->live[i]->running && queue_before(&other, &place);
    }
    return before;
}

/* The first page from a number on; page 0: there is none. */
struct found_page {
    int64_t page, offset, bytes;
    int error;
    char *detail;
};

static bool note_first(void *context, const struct task_page *page) {
    struct found_page *found = context;
    *found = (struct found_page){.page = page->page,
                                 .offset = page->offset,
                                 .bytes = page->bytes,
                                 .error = page->error ? error_from_word(page->error) : 0,
                                 .detail = copy_string(page->detail)};
    return false;
}

static int read_found(struct tasks *tasks, const struct task_row *row, const struct found_page *found, char **ret,
                      size_t *ret_length) {
    int result = blobs_read_page(tasks->blobs, row->id, (uint64_t)found->offset, (size_t)found->bytes, ret);
    *ret_length = result == 0 ? (size_t)found->bytes : 0;
    return result;
}

int tasks_read_page(struct tasks *tasks, const struct task_row *row, uint32_t page, char **ret, size_t *ret_length) {
    struct found_page found = {0};
    int result = tasks->kind->pages(tasks->store, row->number, page, note_first, &found);
    char *detail cleanup(drop_memory) = found.detail;
    if (result != 0) {
        return result;
    }
    if (found.page != page) {
        bool may_come = !task_state_is_over(row->state) && (row->document_pages == 0 || page <= row->document_pages);
        return may_come ? fail(ERR_NOT_READY, "page %u was not read yet", page)
                        : fail(ERR_NOT_FOUND, "page %u is none of those that were read", page);
    }
    return found.error ? fail(found.error, "%s", detail ? detail : "")
                       : read_found(tasks, row, &found, ret, ret_length);
}

int tasks_read_after(struct tasks *tasks, const struct task_row *row, uint32_t after, uint32_t *ret_page, char **ret,
                     size_t *ret_length) {
    for (int64_t from = (int64_t)after + 1;;) {
        struct found_page found = {0};
        int result = tasks->kind->pages(tasks->store, row->number, from, note_first, &found);
        free(found.detail);
        if (result == 0 && found.page > 0 && found.error) {
            from = found.page + 1;
            continue;
        }
        result = result == 0 && found.page > 0 ? read_found(tasks, row, &found, ret, ret_length) : result;
        if (result == 0) {
            *ret_page = (uint32_t)found.page;
        }
        return result;
    }
}

int tasks_list(struct tasks *tasks, const struct task_query *query,
               bool (*each)(void *context, const struct task_row *row), void *context) {
    return tasks->kind->list(tasks->store, query, each, context);
}

int tasks_event_list(struct tasks *tasks, int64_t number, int64_t after,
                     bool (*each)(void *context, const struct task_event *event), void *context) {
    return tasks->kind->events(tasks->store, number, after, each, context);
}

void tasks_live(const struct tasks *tasks, int64_t *ret_queued, int64_t *ret_running, int64_t *ret_bytes) {
    int64_t running = 0;
    for (size_t i = 0; i < tasks->count; i++) {
        running += tasks->live[i]->running;
    }
    *ret_queued = (int64_t)tasks->count - running;
    *ret_running = running;
    *ret_bytes = tasks->bytes;
}

void tasks_owned(const struct tasks *tasks, const char *owner, int64_t *ret_tasks, int64_t *ret_bytes) {
    *ret_tasks = *ret_bytes = 0;
    for (size_t i = 0; i < tasks->count; i++) {
        const struct task_row *row = &tasks->live[i]->row;
        bool is_owned = row->owner && strcmp(row->owner, owner) == 0;
        *ret_tasks += is_owned;
        *ret_bytes += is_owned ? row->bytes : 0;
    }
}

void tasks_follow(struct tasks *tasks, const struct tasks_limits *limits) { tasks->limits = *limits; }

const struct tasks_counts *tasks_counts(const struct tasks *tasks) { return &tasks->counts; }
