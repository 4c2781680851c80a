/*
 * Tasks in SQLite: octavo.db in the data folder, written ahead (WAL) by this one connection. A commit that must survive
 * a power failure waits for the disk (synchronous FULL); pages and starts do not: what is lost of them is read again.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "store/schema.h"
#include "store/sql.h"
#include "store/store.h"

enum { BUSY_MILLISECONDS = 2000 };

struct store {
    sqlite3 *database;
    sqlite3_stmt *statements[SQL_STATEMENTS];
    bool durable; /* commits wait for the disk */
};

/* Failures */

static int trouble(struct store *store) {
    const char *text = sqlite3_errmsg(store->database);
    int error = sqlite3_system_errno(store->database);
    switch (sqlite3_errcode(store->database) & 0xFF) {
    case SQLITE_FULL:
        return fail(ERR_DISK_FULL, "%s", text);
    case SQLITE_IOERR:
        return fail(error == ENOSPC || error == EDQUOT || error == EFBIG ? ERR_DISK_FULL : ERR_STORE, "%s%s%s", text,
                    error ? ": " : "", error ? strerror(error) : "");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fail(ERR_STORE_BUSY, "%s", text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return fail(ERR_STORE_DAMAGED, "%s", text);
    default:
        return fail(ERR_STORE, "%s", text);
    }
}

/* Statements */

static sqlite3_stmt *fresh(struct store *store, enum sql_statement which) {
    sqlite3_stmt *statement = store->statements[which];
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return statement;
}

/* Steps a statement that gives no rows. */
static int run(struct store *store, sqlite3_stmt *statement) {
    int code = sqlite3_step(statement);
    int result = code == SQLITE_DONE ? 0 : trouble(store);
    sqlite3_reset(statement);
    return result;
}

/* No more rows of a statement are wanted, whose last step has given code. */
static int end_rows(struct store *store, sqlite3_stmt *statement, int code) {
    int result = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : trouble(store);
    sqlite3_reset(statement);
    return result;
}

static int execute(struct store *store, const char *text) {
    return sqlite3_exec(store->database, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : trouble(store);
}

static void bind_text(sqlite3_stmt *statement, int place, const char *text) {
    sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC); /* NULL stays NULL */
}

/* Binds those members of a row that the statement names. */
static void bind_row(sqlite3_stmt *statement, const struct task_row *row) {
    for (size_t i = 0; i < sql_column_count; i++) {
        const void *member = (const char *)row + sql_columns[i].offset;
        int place = sqlite3_bind_parameter_index(statement, sql_columns[i].parameter);
        if (place == 0) {
            continue;
        }
        switch (sql_columns[i].kind) {
        case SQL_NUMBER:
            sqlite3_bind_int64(statement, place, *(const int64_t *)member);
            break;
        case SQL_REAL:
            sqlite3_bind_double(statement, place, *(const double *)member);
            break;
        case SQL_TEXT:
            bind_text(statement, place, *(char *const *)member);
            break;
        case SQL_CHARS:
            bind_text(statement, place, member);
            break;
        case SQL_STATE:
            bind_text(statement, place, task_state_word(*(const enum task_state *)member));
            break;
        }
    }
}

static int run_with(struct store *store, enum sql_statement which, const struct task_row *row) {
    sqlite3_stmt *statement = fresh(store, which);
    bind_row(statement, row);
    return run(store, statement);
}

/* Ids and digests are written by us at their full length; a database that says otherwise gives a cut one. */
static void read_chars(sqlite3_stmt *statement, int place, char *to, size_t size) {
    const char *text = (const char *)sqlite3_column_text(statement, place);
    size_t length = text ? strnlen(text, size - 1) : 0;
    memcpy(to, text ? text : "", length);
    to[length] = '\0';
}

/* Reads a row of COLUMNS. ERR_STORE_DAMAGED for a state that nobody knows. */
static int read_row(sqlite3_stmt *statement, struct task_row *ret) {
    const char *state = (const char *)sqlite3_column_text(statement, 2);
    struct task_row row = {.state = task_state_from_word(state ? state : "")};
    if (row.state == TASK_STATE_COUNT) {
        return fail(ERR_STORE_DAMAGED, "a task in the state \"%s\"", state ? state : "");
    }
    for (int i = 0; i < (int)sql_column_count; i++) {
        void *member = (char *)&row + sql_columns[i].offset;
        if (sql_columns[i].kind == SQL_NUMBER) {
            *(int64_t *)member = sqlite3_column_int64(statement, i);
        } else if (sql_columns[i].kind == SQL_REAL) {
            *(double *)member = sqlite3_column_double(statement, i);
        } else if (sql_columns[i].kind == SQL_TEXT) {
            *(char **)member = copy_string((const char *)sqlite3_column_text(statement, i));
        } else if (sql_columns[i].kind == SQL_CHARS) {
            bool is_id = sql_columns[i].offset == offsetof(struct task_row, id);
            read_chars(statement, i, member, is_id ? sizeof(row.id) : sizeof(row.digest));
        }
    }
    *ret = row;
    return 0;
}

/* Transactions */

/* Whether commits wait for the disk from now on. */
static int set_durable(struct store *store, bool durable) {
    if (store->durable == durable) {
        return 0;
    }
    int result = execute(store, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    store->durable = result == 0 ? durable : store->durable;
    return result;
}

static int begin(struct store *store, bool durable) {
    int result = set_durable(store, durable);
    return result ? result : run(store, fresh(store, SQL_BEGIN));
}

static void take_back(struct store *store, int result) {
    if (result != 0 && !sqlite3_get_autocommit(store->database)) {
        sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* Commits if all went well; takes everything back if not. The first failure counts. */
static int end(struct store *store, int result) {
    result = result ? result : run(store, fresh(store, SQL_COMMIT));
    take_back(store, result);
    return result;
}

static int add_event(struct store *store, int64_t task, const char *kind, int64_t page) {
    sqlite3_stmt *statement = fresh(store, SQL_ADD_EVENT);
    sqlite3_bind_int64(statement, 1, task);
    sqlite3_bind_int64(statement, 2, clock_wall());
    bind_text(statement, 3, kind);
    sqlite3_bind_int64(statement, 4, page);
    return run(store, statement);
}

/* Opening */

/* Takes the schema from its version to ours. */
static int migrate(struct store *store) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->database, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK) {
        return trouble(store);
    }
    int version = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    int result = version < 0 ? trouble(store) : 0;
    sqlite3_finalize(statement);
    if (version > schema_version) {
        return fail(ERR_STORE, "octavo.db was written by a newer version (schema %d, this one knows %d)", version,
                    schema_version);
    }
    while (result == 0 && version >= 0 && version < schema_version) {
        char *mark cleanup(drop_memory) = format("PRAGMA user_version = %d; COMMIT", version + 1);
        result = execute(store, "BEGIN IMMEDIATE");
        result = result ? result : execute(store, schema_migrations[version]);
        result = result ? result : execute(store, mark);
        take_back(store, result);
        version++;
    }
    return result;
}

static int prepare(struct store *store) {
    for (int i = 0; i < SQL_STATEMENTS; i++) {
        if (sqlite3_prepare_v3(store->database, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i],
                               NULL) != SQLITE_OK) {
            return trouble(store);
        }
    }
    return 0;
}

static void sqlite_drop(struct store **store) {
    if (*store) {
        for (int i = 0; i < SQL_STATEMENTS; i++) {
            sqlite3_finalize((*store)->statements[i]);
        }
        sqlite3_close((*store)->database);
        free(*store);
    }
    *store = NULL;
}

static int sqlite_open(const char *folder, struct store **ret) {
    struct store *store cleanup(sqlite_drop) = alloc(1, sizeof(*store));
    char *path cleanup(drop_memory) = format("%s/octavo.db", folder);
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &store->database, flags, NULL) != SQLITE_OK) {
        return fail(ERR_STORE, "%s: %s", path, store->database ? sqlite3_errmsg(store->database) : "no memory");
    }
    store->durable = true;
    sqlite3_extended_result_codes(store->database, 1);
    sqlite3_busy_timeout(store->database, BUSY_MILLISECONDS);
    int result = execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                "PRAGMA journal_size_limit = 16777216; PRAGMA trusted_schema = OFF");
    result = result ? result : migrate(store); /* without foreign keys: a table that is replaced is dropped */
    result = result ? result : execute(store, "PRAGMA foreign_keys = ON");
    result = result ? result : prepare(store);
    if (result != 0) {
        char *detail cleanup(drop_memory) = copy_string(error_detail());
        return fail(result, "%s: %s", path, detail);
    }
    *ret = take(store);
    return 0;
}

/* Tasks */

static int add_callback(struct store *store, int64_t number, const char *url) {
    sqlite3_stmt *statement = fresh(store, SQL_ADD_CALLBACK);
    sqlite3_bind_int64(statement, 1, number);
    bind_text(statement, 2, url);
    return run(store, statement);
}

static int add_one(struct store *store, struct task_row *row) {
    int result = run_with(store, SQL_ADD, row);
    if (result != 0 && sqlite3_extended_errcode(store->database) == SQLITE_CONSTRAINT_UNIQUE) {
        return fail(ERR_KEY_USED, "%s", "");
    }
    row->number = sqlite3_last_insert_rowid(store->database);
    result = result == 0 && row->callback ? add_callback(store, row->number, row->callback) : result;
    return result ? result : add_event(store, row->number, task_state_word(row->state), 0);
}

static int sqlite_add(struct store *store, struct task_row *rows, size_t count) {
    int result = begin(store, true);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        result = add_one(store, &rows[i]);
    }
    result = end(store, result);
    for (size_t i = 0; i < count && result != 0; i++) {
        rows[i].number = 0;
    }
    return result;
}

/* owner is for FIND_KEY; the other statement has no such place. */
static int find(struct store *store, enum sql_statement which, const char *text, const char *owner,
                struct task_row *ret) {
    sqlite3_stmt *statement = fresh(store, which);
    bind_text(statement, 1, text);
    bind_text(statement, 2, owner);
    int code = sqlite3_step(statement);
    int result = code == SQLITE_ROW    ? read_row(statement, ret)
                 : code == SQLITE_DONE ? fail(ERR_NOT_FOUND, "task")
                                       : trouble(store);
    sqlite3_reset(statement);
    return result;
}

static int sqlite_find(struct store *store, const char *id, struct task_row *ret) {
    return find(store, SQL_FIND, id, NULL, ret);
}

static int sqlite_find_key(struct store *store, const char *key, const char *owner, struct task_row *ret) {
    return find(store, SQL_FIND_KEY, key, owner, ret);
}

static void add_words(unsigned set, char *words, size_t size) {
    size_t length = 0;
    for (int i = 0; i < TASK_STATE_COUNT; i++) {
        const char *word = task_state_word((enum task_state)i);
        if (set & (1U << i) && length + strlen(word) + 2 < size) {
            memcpy(words + length, word, strlen(word));
            length += strlen(word);
            words[length++] = ',';
        }
    }
    words[length] = '\0';
}

/* Calls each() with the rows that a statement finds. */
static int each_row(struct store *store, sqlite3_stmt *statement,
                    bool (*each)(void *context, const struct task_row *row), void *context) {
    int result = 0, code = SQLITE_ROW;
    for (bool more = true; result == 0 && more && (code = sqlite3_step(statement)) == SQLITE_ROW;) {
        struct task_row row cleanup(task_row_done) = {0};
        result = read_row(statement, &row);
        more = result == 0 && each(context, &row);
    }
    int ended = end_rows(store, statement, code);
    return result ? result : ended;
}

static int sqlite_list(struct store *store, const struct task_query *query,
                       bool (*each)(void *context, const struct task_row *row), void *context) {
    char words[128];
    add_words(query->states, words, sizeof(words));
    sqlite3_stmt *statement = fresh(store, query->oldest_first ? SQL_LIST_OLD : SQL_LIST_NEW);
    bind_text(statement, 1, words);
    sqlite3_bind_int64(statement, 2, query->beyond);
    sqlite3_bind_int64(statement, 3, query->limit > 0 ? query->limit : -1);
    sqlite3_bind_int64(statement, 4, query->ended_before);
    bind_text(statement, 5, query->owner);
    sqlite3_bind_int(statement, 6, query->told);
    return each_row(store, statement, each, context);
}

static int sqlite_sum(struct store *store, struct task_sums *ret) {
    struct task_sums sums = {0};
    sqlite3_stmt *statement = fresh(store, SQL_SUM);
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *word = (const char *)sqlite3_column_text(statement, 0);
        enum task_state state = task_state_from_word(word ? word : "");
        if (state < TASK_STATE_COUNT) {
            sums.tasks[state] = sqlite3_column_int64(statement, 1);
            sums.bytes[state] = sqlite3_column_int64(statement, 2);
        }
    }
    int result = end_rows(store, statement, code);
    if (result == 0) {
        *ret = sums;
    }
    return result;
}

static int sqlite_move(struct store *store, struct task_row *row, enum task_state to) {
    const char *event = task_move_event(row->state, to);
    if (!event) {
        return fail(ERR_TASK_OVER, "it is %s", task_state_word(row->state));
    }
    int result = begin(store, task_state_is_over(to));
    if (result != 0) {
        return result;
    }
    sqlite3_stmt *statement = fresh(store, SQL_MOVE);
    bind_row(statement, row);
    bind_text(statement, sqlite3_bind_parameter_index(statement, ":to"), task_state_word(to));
    result = run(store, statement);
    if (result == 0 && sqlite3_changes(store->database) != 1) {
        result = fail(ERR_TASK_OVER, "it is not %s any more", task_state_word(row->state));
    }
    bool is_told = row->callback && task_state_is_over(to);
    result = result == 0 && is_told ? run_with(store, SQL_END_CALLBACK, row) : result;
    result = end(store, result ? result : add_event(store, row->number, event, 0));
    if (result == 0) {
        row->state = to;
        row->callback_due = is_told ? row->ended : row->callback_due;
    }
    return result;
}

static int sqlite_remove(struct store *store, int64_t number) {
    int result = set_durable(store, true);
    sqlite3_stmt *statement = fresh(store, SQL_REMOVE);
    sqlite3_bind_int64(statement, 1, number);
    result = result ? result : run(store, statement);
    return result == 0 && sqlite3_changes(store->database) == 0 ? fail(ERR_NOT_FOUND, "task") : result;
}

/* Pages and events */

static int sqlite_add_page(struct store *store, const struct task_row *row, const struct task_page *page) {
    int result = begin(store, false);
    if (result != 0) {
        return result;
    }
    const int64_t numbers[] = {row->number, page->page, page->offset, page->bytes};
    sqlite3_stmt *statement = fresh(store, SQL_ADD_PAGE);
    for (int i = 0; i < (int)array_length(numbers); i++) {
        sqlite3_bind_int64(statement, i + 1, numbers[i]);
    }
    bind_text(statement, 5, page->error);
    bind_text(statement, 6, page->detail);
    result = run(store, statement);
    result = result ? result : run_with(store, SQL_COUNT_PAGE, row);
    return end(store, result ? result : add_event(store, row->number, "page", page->page));
}

static sqlite3_stmt *fresh_of_task(struct store *store, enum sql_statement which, int64_t number, int64_t from) {
    sqlite3_stmt *statement = fresh(store, which);
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int64(statement, 2, from);
    return statement;
}

static int sqlite_pages(struct store *store, int64_t number, int64_t from,
                        bool (*each)(void *context, const struct task_page *page), void *context) {
    sqlite3_stmt *statement = fresh_of_task(store, SQL_PAGES, number, from);
    int code = SQLITE_ROW;
    for (bool more = true; more && (code = sqlite3_step(statement)) == SQLITE_ROW;) {
        const struct task_page page = {.page = sqlite3_column_int64(statement, 0),
                                       .offset = sqlite3_column_int64(statement, 1),
                                       .bytes = sqlite3_column_int64(statement, 2),
                                       .error = (const char *)sqlite3_column_text(statement, 3),
                                       .detail = (const char *)sqlite3_column_text(statement, 4)};
        more = each(context, &page);
    }
    return end_rows(store, statement, code);
}

static int sqlite_events(struct store *store, int64_t number, int64_t after,
                         bool (*each)(void *context, const struct task_event *event), void *context) {
    sqlite3_stmt *statement = fresh_of_task(store, SQL_EVENTS, number, after);
    int code = SQLITE_ROW;
    for (bool more = true; more && (code = sqlite3_step(statement)) == SQLITE_ROW;) {
        const char *kind = (const char *)sqlite3_column_text(statement, 2);
        const struct task_event event = {.number = sqlite3_column_int64(statement, 0),
                                         .at = sqlite3_column_int64(statement, 1),
                                         .kind = kind ? kind : "",
                                         .page = sqlite3_column_int64(statement, 3)};
        more = each(context, &event);
    }
    return end_rows(store, statement, code);
}

/* Callbacks */

static int sqlite_callbacks(struct store *store, int64_t limit, bool (*each)(void *context, const struct task_row *row),
                            void *context) {
    sqlite3_stmt *statement = fresh(store, SQL_CALLBACKS);
    sqlite3_bind_int64(statement, 1, limit > 0 ? limit : -1);
    return each_row(store, statement, each, context);
}

static int sqlite_set_callback(struct store *store, const struct task_row *row) {
    int result = set_durable(store, false);
    return result ? result : run_with(store, SQL_SET_CALLBACK, row);
}

const struct store_kind store_sqlite = {.word = "sqlite",
                                        .open = sqlite_open,
                                        .drop = sqlite_drop,
                                        .add = sqlite_add,
                                        .find = sqlite_find,
                                        .find_key = sqlite_find_key,
                                        .list = sqlite_list,
                                        .sum = sqlite_sum,
                                        .move = sqlite_move,
                                        .add_page = sqlite_add_page,
                                        .pages = sqlite_pages,
                                        .events = sqlite_events,
                                        .callbacks = sqlite_callbacks,
                                        .set_callback = sqlite_set_callback,
                                        .remove = sqlite_remove};
