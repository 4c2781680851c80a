/* Tasks in SQLite and their blobs: what is kept, what is refused, and how a disk that fails is answered. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "scratch.h"
#include "store/blobs.h"
#include "store/store.h"

#include <cmocka.h>

static const struct store_kind *const kind = &store_sqlite;

struct fixture {
    char folder[64];
    struct store *store;
    struct blobs *blobs;
};

static void reopen(struct fixture *fixture) {
    kind->drop(&fixture->store);
    blobs_drop(&fixture->blobs);
    assert_int_equal(kind->open(fixture->folder, &fixture->store), 0);
    assert_int_equal(blobs_open(fixture->folder, &fixture->blobs), 0);
}

static int set_up(void **state) {
    struct fixture *fixture = alloc(1, sizeof(*fixture));
    memcpy(fixture->folder, "/tmp/octavo-store-XXXXXX", 25);
    signal(SIGXFSZ, SIG_IGN);
    if (!mkdtemp(fixture->folder)) {
        return -1;
    }
    *state = fixture;
    reopen(fixture);
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    kind->drop(&fixture->store);
    blobs_drop(&fixture->blobs);
    umount2(fixture->folder, MNT_DETACH); /* of use_small_disk() */
    scratch_remove(fixture->folder);
    free(fixture);
    return 0;
}

static struct task_row row_new(const char *key) {
    struct task_row row = {.state = TASK_QUEUED,
                           .priority = -3,
                           .name = copy_string("a \"b\" ü.pdf"),
                           .options = copy_string("{\"dpi\":150}"),
                           .key = copy_string(key),
                           .bytes = 12,
                           .created = 1000,
                           .deadline = 5000,
                           .callback = copy_string("https://example.org/told")};
    memset(row.digest, 'a', sizeof(row.digest) - 1);
    assert_int_equal(id_new(row.id), 0);
    return row;
}

static struct task_row add(struct fixture *fixture, const char *key) {
    struct task_row row = row_new(key);
    assert_int_equal(kind->add(fixture->store, &row, 1), 0);
    return row;
}

static int move(struct fixture *fixture, struct task_row *row, enum task_state to) {
    return kind->move(fixture->store, row, to);
}

/* Ids */

static void ids_differ_and_nothing_else_passes_for_one(void **state) {
    (void)state;
    char a[ID_BYTES], b[ID_BYTES];
    assert_int_equal(id_new(a), 0);
    assert_int_equal(id_new(b), 0);
    assert_string_not_equal(a, b);
    assert_true(id_is_sound(a));
    static const char *const odd[] = {"",
                                      "..",
                                      "../../etc/passwd",
                                      "0123456789abcdefghjkmnpqr",
                                      "0123456789abcdefghjkmnpqrst",
                                      "0123456789ABCDEFGHJKMNPQRS",
                                      "0123456789abcdef/hjkmnpqrs",
                                      "0123456789abcdefghjkmnpqr\n"};
    for (size_t i = 0; i < array_length(odd); i++) {
        assert_false(id_is_sound(odd[i]));
    }
}

/* Rows */

static void a_task_is_found_as_it_was_added(void **state) {
    struct fixture *fixture = *state;
    struct task_row row cleanup(task_row_done) = add(fixture, "k1"), found cleanup(task_row_done) = {0};
    struct task_row by_key cleanup(task_row_done) = {0}, none;
    reopen(fixture);
    assert_int_equal(kind->find(fixture->store, row.id, &found), 0);
    assert_int_equal(kind->find_key(fixture->store, "k1", NULL, &by_key), 0);
    assert_string_equal(found.id, by_key.id);
    assert_string_equal(found.name, row.name);
    assert_string_equal(found.options, row.options);
    assert_string_equal(found.digest, row.digest);
    assert_int_equal(found.number, row.number);
    assert_int_equal(found.priority, -3);
    assert_int_equal(found.bytes, 12);
    assert_int_equal(found.deadline, 5000);
    assert_string_equal(found.callback, row.callback);
    assert_int_equal(found.callback_due, 0);
    assert_int_equal(found.state, TASK_QUEUED);
    assert_null(found.error);
    assert_int_equal(kind->find(fixture->store, "0123456789abcdefghjkmnpqrs", &none), ERR_NOT_FOUND);
    assert_int_equal(kind->find_key(fixture->store, "k2", NULL, &none), ERR_NOT_FOUND);
}

static void a_key_is_used_once(void **state) {
    struct fixture *fixture = *state;
    struct task_row first cleanup(task_row_done) = add(fixture, "same"),
                          second cleanup(task_row_done) = row_new("same");
    assert_int_equal(kind->add(fixture->store, &second, 1), ERR_KEY_USED);
    assert_int_equal(second.number, 0);
    task_row_done(&second);
    second = add(fixture, NULL); /* no key is no key, however often */
    struct task_row third cleanup(task_row_done) = add(fixture, NULL);
    assert_true(third.number > second.number);
}

static void tasks_are_added_together_or_not_at_all(void **state) {
    struct fixture *fixture = *state;
    struct task_row first cleanup(task_row_done) = add(fixture, "old"), none = {0};
    struct task_row both[] = {row_new("new"), row_new("old")};
    assert_int_equal(kind->add(fixture->store, both, 2), ERR_KEY_USED);
    assert_int_equal(kind->find(fixture->store, both[0].id, &none), ERR_NOT_FOUND);
    free(both[1].key);
    both[1].key = NULL;
    assert_int_equal(kind->add(fixture->store, both, 2), 0);
    assert_true(both[0].number > first.number && both[1].number > both[0].number);
    task_row_done(&both[0]);
    task_row_done(&both[1]);
}

static void only_moves_of_the_table_happen(void **state) {
    struct fixture *fixture = *state;
    for (int from = 0; from < TASK_STATE_COUNT; from++) {
        for (int to = 0; to < TASK_STATE_COUNT; to++) {
            struct task_row row cleanup(task_row_done) = add(fixture, NULL), found cleanup(task_row_done) = {0};
            if (from != TASK_QUEUED) {
                int direct =
                    task_move_event(TASK_QUEUED, (enum task_state)from) ? 0 : move(fixture, &row, TASK_RUNNING);
                assert_int_equal(direct ? direct : move(fixture, &row, (enum task_state)from), 0);
            }
            bool legal = task_move_event((enum task_state)from, (enum task_state)to) != NULL;
            assert_true(!legal || !task_state_is_over((enum task_state)from)); /* an end is an end */
            assert_int_equal(move(fixture, &row, (enum task_state)to), legal ? 0 : ERR_TASK_OVER);
            assert_int_equal(kind->find(fixture->store, row.id, &found), 0);
            assert_int_equal(found.state, legal ? to : from);
            assert_int_equal(row.state, found.state);
        }
    }
}

static void of_two_who_move_a_task_one_succeeds(void **state) {
    struct fixture *fixture = *state;
    struct task_row mine cleanup(task_row_done) = add(fixture, NULL), theirs cleanup(task_row_done) = {0};
    assert_int_equal(kind->find(fixture->store, mine.id, &theirs), 0);
    assert_int_equal(move(fixture, &mine, TASK_CANCELLED), 0);
    assert_int_equal(move(fixture, &theirs, TASK_RUNNING), ERR_TASK_OVER);
}

/* Lists */

struct numbers {
    int64_t got[16];
    size_t count, most;
};

static bool note(void *context, const struct task_row *row) {
    struct numbers *numbers = context;
    numbers->got[numbers->count++] = row->number;
    return numbers->count < numbers->most;
}

static struct numbers list(struct fixture *fixture, struct task_query query, size_t most) {
    struct numbers numbers = {.most = most};
    assert_int_equal(kind->list(fixture->store, &query, note, &numbers), 0);
    return numbers;
}

static void lists_go_either_way_and_stop_where_they_are_told(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 6; i++) {
        struct task_row row cleanup(task_row_done) = add(fixture, NULL);
        assert_int_equal(i % 2 ? move(fixture, &row, TASK_CANCELLED) : 0, 0);
    }
    const unsigned all = (1U << TASK_STATE_COUNT) - 1, queued = 1U << TASK_QUEUED;
    struct numbers newest = list(fixture, (struct task_query){.states = all, .limit = 2}, 16);
    assert_int_equal(newest.count, 2);
    assert_int_equal(newest.got[0], 6);
    struct numbers next = list(fixture, (struct task_query){.states = all, .limit = 2, .beyond = newest.got[1]}, 16);
    assert_int_equal(next.got[0], 4);
    struct numbers oldest = list(fixture, (struct task_query){.states = queued, .oldest_first = true, .beyond = 1}, 16);
    assert_int_equal(oldest.count, 2);
    assert_int_equal(oldest.got[0], 3);
    assert_int_equal(list(fixture, (struct task_query){.states = all}, 1).count, 1);
    assert_int_equal(list(fixture, (struct task_query){.states = 0}, 16).count, 0);
    struct task_sums sums;
    assert_int_equal(kind->sum(fixture->store, &sums), 0);
    assert_int_equal(sums.tasks[TASK_QUEUED], 3);
    assert_int_equal(sums.bytes[TASK_CANCELLED], 36);
    assert_int_equal(sums.tasks[TASK_DONE], 0);
}

/* Pages and events */

static bool note_event(void *context, const struct task_event *event) {
    struct buffer *text = context;
    buffer_add_format(text, "%lld %s %lld\n", (long long)event->number, event->kind, (long long)event->page);
    return true;
}

static bool note_page(void *context, const struct task_page *page) {
    struct buffer *text = context;
    buffer_add_format(text, "%lld %lld %lld %s\n", (long long)page->page, (long long)page->offset,
                      (long long)page->bytes, page->error ? page->error : "-");
    return true;
}

static void pages_and_events_are_kept_in_their_order(void **state) {
    struct fixture *fixture = *state;
    struct task_row row cleanup(task_row_done) = add(fixture, NULL), found cleanup(task_row_done) = {0};
    struct buffer events cleanup(buffer_done) = {0}, pages cleanup(buffer_done) = {0};
    assert_int_equal(move(fixture, &row, TASK_RUNNING), 0);
    row.pages = 2;
    row.pages_done = 1;
    row.timings = copy_string("{}");
    row.plan = copy_string("{\"tiles\":2}");
    row.peak_bytes = 70;
    const struct task_page second = {.page = 2, .offset = 0, .bytes = 70};
    const struct task_page first = {.page = 1, .error = "corrupt", .detail = "no image"};
    assert_int_equal(kind->add_page(fixture->store, &row, &second), 0);
    row.pages_done = 2;
    assert_int_equal(kind->add_page(fixture->store, &row, &first), 0);
    row.peak_bytes = 71;
    assert_int_equal(move(fixture, &row, TASK_FAILED), 0);
    reopen(fixture);
    assert_int_equal(kind->events(fixture->store, row.number, 0, note_event, &events), 0);
    assert_string_equal(events.data, "1 queued 0\n2 started 0\n3 page 2\n4 page 1\n5 failed 0\n");
    buffer_done(&events);
    assert_int_equal(kind->events(fixture->store, row.number, 4, note_event, &events), 0);
    assert_string_equal(events.data, "5 failed 0\n");
    assert_int_equal(kind->pages(fixture->store, row.number, 1, note_page, &pages), 0);
    assert_string_equal(pages.data, "1 0 0 corrupt\n2 0 70 -\n");
    assert_int_equal(kind->find(fixture->store, row.id, &found), 0);
    assert_int_equal(found.pages_done, 2);
    assert_string_equal(found.timings, "{}");
    assert_string_equal(found.plan, "{\"tiles\":2}");
    assert_int_equal(found.peak_bytes, 71);
    assert_int_equal(kind->remove(fixture->store, row.number), 0);
    assert_int_equal(kind->remove(fixture->store, row.number), ERR_NOT_FOUND);
    buffer_done(&pages);
    assert_int_equal(kind->pages(fixture->store, row.number, 1, note_page, &pages), 0);
    assert_null(pages.data); /* nothing is left of it */
}

/* Opening */

static char *database(struct fixture *fixture) { return format("%s/octavo.db", fixture->folder); }

struct due {
    int64_t numbers[8];
    size_t count;
};

static bool note_due(void *context, const struct task_row *row) {
    struct due *due = context;
    due->numbers[due->count++] = row->number;
    return due->count < array_length(due->numbers);
}

static struct due look_for_due(struct fixture *fixture, int64_t limit) {
    struct due due = {0};
    assert_int_equal(kind->callbacks(fixture->store, limit, note_due, &due), 0);
    return due;
}

static void a_callback_is_due_from_the_end_of_its_task_until_it_is_settled(void **state) {
    struct fixture *fixture = *state;
    struct task_row first cleanup(task_row_done) = add(fixture, NULL),
                          second cleanup(task_row_done) = add(fixture, NULL);
    struct task_row found cleanup(task_row_done) = {0}, silent cleanup(task_row_done) = row_new(NULL);
    free(take(silent.callback));
    assert_int_equal(kind->add(fixture->store, &silent, 1), 0);
    assert_int_equal(move(fixture, &first, TASK_RUNNING), 0);
    assert_int_equal(look_for_due(fixture, 0).count, 0);
    first.ended = 9000;
    second.ended = silent.ended = 8000;
    assert_int_equal(move(fixture, &first, TASK_DONE), 0);
    assert_int_equal(move(fixture, &second, TASK_CANCELLED), 0);
    assert_int_equal(move(fixture, &silent, TASK_CANCELLED), 0);
    assert_int_equal(first.callback_due, 9000);
    reopen(fixture);
    struct due due = look_for_due(fixture, 0);
    assert_int_equal(due.count, 2);
    assert_int_equal(due.numbers[0], second.number);
    assert_int_equal(look_for_due(fixture, 1).count, 1);
    second.callback_attempts = 3;
    second.callback_due = 0;
    second.callback_delivered = 8500;
    second.callback_trouble = copy_string("it was late");
    assert_int_equal(kind->set_callback(fixture->store, &second), 0);
    assert_int_equal(kind->find(fixture->store, second.id, &found), 0);
    assert_int_equal(found.callback_attempts, 3);
    assert_int_equal(found.callback_delivered, 8500);
    assert_string_equal(found.callback_trouble, "it was late");
    struct due told = {0};
    const struct task_query query = {.states = ~0U, .oldest_first = true, .told = true};
    assert_int_equal(kind->list(fixture->store, &query, note_due, &told), 0);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.numbers[0], second.number);
    assert_int_equal(kind->remove(fixture->store, first.number), 0);
    assert_int_equal(look_for_due(fixture, 0).count, 0); /* it goes with its task */
}

static void a_damaged_database_is_told(void **state) {
    struct fixture *fixture = *state;
    char *path cleanup(drop_memory) = database(fixture);
    struct store *store = NULL;
    kind->drop(&fixture->store);
    assert_int_equal(file_replace(path, "this is no database, whatever its name says", 44), 0);
    assert_int_equal(kind->open(fixture->folder, &store), ERR_STORE_DAMAGED);
    assert_non_null(strstr(error_detail(), path));
    char *nowhere cleanup(drop_memory) = format("%s/nowhere", fixture->folder);
    assert_int_equal(kind->open(nowhere, &store), ERR_STORE);
    assert_null(store);
}

/* The version stands at byte 60 of a database file, big end first. */
static void a_database_of_a_newer_version_is_refused(void **state) {
    struct fixture *fixture = *state;
    char *path cleanup(drop_memory) = database(fixture);
    struct store *store = NULL;
    kind->drop(&fixture->store);
    int fd cleanup(drop_fd) = open(path, O_RDWR | O_CLOEXEC);
    char version[4];
    assert_int_equal(pread(fd, version, 4, 60), 4);
    assert_memory_equal(version, "\0\0\0\4", 4);
    assert_int_equal(pwrite(fd, "\0\0\0\7", 4, 60), 4);
    assert_int_equal(kind->open(fixture->folder, &store), ERR_STORE);
    assert_non_null(strstr(error_detail(), "newer version (schema 7"));
    assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 60), 4); /* a migration that cannot be done leaves all as it was */
    assert_int_equal(kind->open(fixture->folder, &store), ERR_STORE);
    assert_non_null(strstr(error_detail(), "already exists"));
    assert_int_equal(pwrite(fd, "\0\0\0\4", 4, 60), 4);
    assert_int_equal(kind->open(fixture->folder, &fixture->store), 0);
}

static void a_store_that_another_holds_is_busy(void **state) {
    struct fixture *fixture = *state;
    char *path cleanup(drop_memory) = database(fixture);
    struct task_row row cleanup(task_row_done) = row_new(NULL);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t other = fork();
    if (other == 0) { /* the lock of a writer, as of `BEGIN IMMEDIATE` in another program: the WAL's byte 120 */
        char *shared cleanup(drop_memory) = format("%s-shm", path);
        int fd = open(shared, O_RDWR | O_CLOEXEC);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 120, .l_len = 1};
        _exit(fcntl(fd, F_SETLK, &lock) != 0 || write(pipes[1], "x", 1) != 1 || pause());
    }
    char told;
    assert_int_equal(read(pipes[0], &told, 1), 1);
    assert_int_equal(kind->add(fixture->store, &row, 1), ERR_STORE_BUSY);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    assert_int_equal(kind->add(fixture->store, &row, 1), 0); /* and goes on by itself */
    close(pipes[0]);
    close(pipes[1]);
}

/* Disks */

enum { DISK_BYTES = 512 * 1024 };

/* Puts the store onto a small file system of its own, seen by this process only; where that is not allowed, skips. */
static void use_small_disk(struct fixture *fixture) {
    kind->drop(&fixture->store);
    blobs_drop(&fixture->blobs);
    char *options cleanup(drop_memory) = format("size=%d", DISK_BYTES);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", fixture->folder, "tmpfs", 0, options) != 0) {
        print_message("skipped: mounting a small disk is not allowed here\n");
        skip();
    }
    reopen(fixture);
}

static void a_full_disk_is_told_and_work_goes_on_when_there_is_room(void **state) {
    struct fixture *fixture = *state;
    use_small_disk(fixture);
    struct task_row kept cleanup(task_row_done) = add(fixture, NULL), row cleanup(task_row_done) = row_new(NULL);
    uint64_t offset;
    char *page cleanup(drop_memory) = NULL, *bytes cleanup(drop_memory) = alloc(DISK_BYTES, 1);
    int fd = -1;
    assert_int_equal(blobs_new(fixture->blobs, row.id, &fd), 0);
    assert_int_equal(blobs_write(fd, bytes, DISK_BYTES), ERR_DISK_FULL);
    close(fd);
    assert_int_equal(blobs_add_page(fixture->blobs, kept.id, bytes, 9000, &offset), ERR_DISK_FULL);
    assert_int_equal(kind->add(fixture->store, &row, 1), ERR_DISK_FULL);
    assert_int_equal(row.number, 0);
    assert_int_equal(move(fixture, &kept, TASK_RUNNING), ERR_DISK_FULL);
    assert_int_equal(kept.state, TASK_QUEUED);
    blobs_remove(fixture->blobs, row.id);
    assert_int_equal(kind->add(fixture->store, &row, 1), 0);
    assert_int_equal(move(fixture, &kept, TASK_RUNNING), 0);
    assert_int_equal(blobs_add_page(fixture->blobs, kept.id, "{}", 2, &offset), 0);
    assert_int_equal(blobs_read_page(fixture->blobs, kept.id, offset, 2, &page), 0);
    assert_string_equal(page, "{}");
}

/* A descriptor that is open for writing keeps a disk from becoming read-only: the store is opened on one that is. */
static void a_disk_that_is_read_only_is_told(void **state) {
    struct fixture *fixture = *state;
    use_small_disk(fixture);
    struct store *store = NULL;
    struct blobs *blobs = NULL;
    kind->drop(&fixture->store);
    blobs_drop(&fixture->blobs);
    assert_int_equal(mount("none", fixture->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(kind->open(fixture->folder, &store), ERR_STORE);
    assert_int_equal(blobs_open(fixture->folder, &blobs), ERR_STORE);
    assert_non_null(strstr(error_detail(), "Read-only file system"));
    assert_int_equal(mount("none", fixture->folder, NULL, MS_REMOUNT, NULL), 0);
    reopen(fixture);
}

/* What a quota is like: the file may not grow beyond so many bytes. */
static void a_quota_is_told(void **state) {
    struct fixture *fixture = *state;
    char id[ID_BYTES];
    int fd cleanup(drop_fd) = -1;
    static char bytes[100000];
    struct rlimit limit = {.rlim_cur = 50000, .rlim_max = RLIM_INFINITY};
    assert_int_equal(id_new(id), 0);
    assert_int_equal(blobs_new(fixture->blobs, id, &fd), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int written = blobs_write(fd, bytes, sizeof(bytes));
    limit.rlim_cur = RLIM_INFINITY;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(written, ERR_DISK_FULL);
}

static void what_was_half_written_is_stepped_over(void **state) {
    struct fixture *fixture = *state;
    char id[ID_BYTES];
    uint64_t first, second;
    char *page cleanup(drop_memory) = NULL;
    assert_int_equal(id_new(id), 0);
    assert_int_equal(blobs_add_page(fixture->blobs, id, "{\"page\":1}", 10, &first), 0);
    char *path cleanup(drop_memory) = format("%s/pages/%s", fixture->folder, id);
    int fd cleanup(drop_fd) = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(file_write(fd, "{\"pa", 4), 0); /* ended in the middle of page 2: no row tells of it */
    assert_int_equal(blobs_add_page(fixture->blobs, id, "{\"page\":2}", 10, &second), 0);
    assert_int_equal(second, 14);
    assert_int_equal(blobs_read_page(fixture->blobs, id, second, 10, &page), 0);
    assert_string_equal(page, "{\"page\":2}");
    char *none = NULL;
    assert_int_equal(blobs_read_page(fixture->blobs, id, second, 11, &none), ERR_STORE_DAMAGED);
    blobs_remove(fixture->blobs, id);
    assert_int_equal(blobs_read_page(fixture->blobs, id, first, 10, &none), ERR_STORE_DAMAGED);
    assert_null(none);
}

static bool is_kept(void *context, const char *id) { return strcmp(context, id) == 0; }

static void a_document_without_a_row_is_swept_away(void **state) {
    struct fixture *fixture = *state;
    struct task_row row cleanup(task_row_done) = add(fixture, NULL);
    char orphan[ID_BYTES];
    int fd = -1;
    assert_int_equal(blobs_new(fixture->blobs, row.id, &fd), 0);
    close(fd);
    assert_int_equal(id_new(orphan), 0);
    assert_int_equal(blobs_new(fixture->blobs, orphan, &fd), 0); /* ended before its row was written */
    close(fd);
    reopen(fixture);
    assert_int_equal(blobs_sweep(fixture->blobs, is_kept, is_kept, row.id), 1);
    assert_int_equal(blobs_read(fixture->blobs, orphan, &fd), ERR_STORE_DAMAGED);
    assert_int_equal(blobs_read(fixture->blobs, row.id, &fd), 0);
    close(fd);
}

static void scratch_documents_have_no_name(void **state) {
    struct fixture *fixture = *state;
    int fd cleanup(drop_fd) = -1;
    struct stat status;
    assert_int_equal(blobs_scratch(fixture->blobs, &fd), 0);
    assert_int_equal(blobs_write(fd, "abc", 3), 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_nlink, 0);
    assert_int_equal(status.st_size, 3);
    assert_int_equal(blobs_check(fixture->blobs), 0);
}

static void a_folder_that_cannot_be_written_is_told(void **state) {
    struct fixture *fixture = *state;
    struct blobs *blobs = NULL;
    char *path cleanup(drop_memory) = format("%s/documents", fixture->folder);
    blobs_drop(&fixture->blobs);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(file_replace(path, "a file", 6), 0);
    assert_int_equal(blobs_open(fixture->folder, &blobs), ERR_STORE);
    assert_non_null(strstr(error_detail(), path));
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_differ_and_nothing_else_passes_for_one),
        TEST(a_task_is_found_as_it_was_added),
        TEST(a_key_is_used_once),
        TEST(tasks_are_added_together_or_not_at_all),
        TEST(only_moves_of_the_table_happen),
        TEST(of_two_who_move_a_task_one_succeeds),
        TEST(lists_go_either_way_and_stop_where_they_are_told),
        TEST(pages_and_events_are_kept_in_their_order),
        TEST(a_callback_is_due_from_the_end_of_its_task_until_it_is_settled),
        TEST(a_damaged_database_is_told),
        TEST(a_database_of_a_newer_version_is_refused),
        TEST(a_store_that_another_holds_is_busy),
        TEST(a_full_disk_is_told_and_work_goes_on_when_there_is_room),
        TEST(a_disk_that_is_read_only_is_told),
        TEST(a_quota_is_told),
        TEST(what_was_half_written_is_stepped_over),
        TEST(a_document_without_a_row_is_swept_away),
        TEST(scratch_documents_have_no_name),
        TEST(a_folder_that_cannot_be_written_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
