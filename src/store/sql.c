#include "store/sql.h"

#include "base/memory.h"
#include "store/store.h"

/* The columns of tasks and callbacks in their order, and the members of struct task_row that they are. */
#define TASK_COLUMNS                                                                                                   \
    "number, id, state, priority, name, options, key, digest, bytes, created, started, ended, deadline,"               \
    " document_pages, pages, pages_done, result_bytes, format, engine, warnings, timings, seconds, error, detail,"     \
    " error_page, owner, peak_bytes, plan"
#define COLUMNS TASK_COLUMNS ", callback, attempts, due, delivered, trouble"
#define FROM_TASKS " FROM tasks LEFT JOIN callbacks ON task = tasks.number "
#define COLUMN(kind, member)                                                                                           \
    { SQL_##kind, ":" #member, offsetof(struct task_row, member) }
const struct sql_column sql_columns[] = {
    COLUMN(NUMBER, number),
    COLUMN(CHARS, id),
    COLUMN(STATE, state),
    COLUMN(NUMBER, priority),
    COLUMN(TEXT, name),
    COLUMN(TEXT, options),
    COLUMN(TEXT, key),
    COLUMN(CHARS, digest),
    COLUMN(NUMBER, bytes),
    COLUMN(NUMBER, created),
    COLUMN(NUMBER, started),
    COLUMN(NUMBER, ended),
    COLUMN(NUMBER, deadline),
    COLUMN(NUMBER, document_pages),
    COLUMN(NUMBER, pages),
    COLUMN(NUMBER, pages_done),
    COLUMN(NUMBER, result_bytes),
    COLUMN(TEXT, format),
    COLUMN(TEXT, engine),
    COLUMN(TEXT, warnings),
    COLUMN(TEXT, timings),
    COLUMN(REAL, seconds),
    COLUMN(TEXT, error),
    COLUMN(TEXT, detail),
    COLUMN(NUMBER, error_page),
    COLUMN(TEXT, owner),
    COLUMN(NUMBER, peak_bytes),
    COLUMN(TEXT, plan),
    COLUMN(TEXT, callback),
    COLUMN(NUMBER, callback_attempts),
    COLUMN(NUMBER, callback_due),
    COLUMN(NUMBER, callback_delivered),
    COLUMN(TEXT, callback_trouble),
};

const size_t sql_column_count = array_length(sql_columns);

const char *const sql_texts[] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ADD] =
        "INSERT INTO tasks (" TASK_COLUMNS ") VALUES (NULL, :id, :state, :priority, :name, :options, :key, :digest,"
        " :bytes, :created, :started, :ended, :deadline, :document_pages, :pages, :pages_done, :result_bytes,"
        " :format, :engine, :warnings, :timings, :seconds, :error, :detail, :error_page, :owner,"
        " :peak_bytes, :plan)",
    [SQL_ADD_EVENT] =
        "INSERT INTO events VALUES (?1, 1 + ifnull((SELECT max(number) FROM events WHERE task = ?1), 0), ?2,"
        " ?3, ?4)",
    [SQL_FIND] = "SELECT " COLUMNS FROM_TASKS "WHERE id = ?1",
    [SQL_FIND_KEY] = "SELECT " COLUMNS FROM_TASKS "WHERE key = ?1 AND ifnull(owner, '') = ifnull(?2, '')",
    [SQL_LIST_NEW] = "SELECT " COLUMNS FROM_TASKS "WHERE (?2 = 0 OR number < ?2) AND instr(?1, state || ',')"
                     " AND (?4 = 0 OR (ended > 0 AND ended < ?4)) AND (?5 IS NULL OR owner = ?5)"
                     " AND (?6 = 0 OR ifnull(due, 0) = 0) ORDER BY number DESC LIMIT ?3",
    [SQL_LIST_OLD] = "SELECT " COLUMNS FROM_TASKS "WHERE number > ?2 AND instr(?1, state || ',')"
                     " AND (?4 = 0 OR (ended > 0 AND ended < ?4)) AND (?5 IS NULL OR owner = ?5)"
                     " AND (?6 = 0 OR ifnull(due, 0) = 0) ORDER BY number LIMIT ?3",
    [SQL_SUM] = "SELECT state, count(*), sum(result_bytes + iif(ended = 0, bytes, 0)) FROM tasks GROUP BY state",
    [SQL_MOVE] =
        "UPDATE tasks SET state = :to, started = :started, ended = :ended, document_pages = :document_pages,"
        " pages = :pages, result_bytes = :result_bytes, format = :format, engine = :engine,"
        " warnings = :warnings, seconds = :seconds, peak_bytes = :peak_bytes,"
        " error = :error, detail = :detail, error_page = :error_page WHERE number = :number AND state = :state",
    [SQL_ADD_PAGE] = "INSERT OR REPLACE INTO pages VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_COUNT_PAGE] = "UPDATE tasks SET document_pages = :document_pages, pages = :pages, pages_done = :pages_done,"
                       " result_bytes = :result_bytes, format = :format, engine = :engine, timings = :timings,"
                       " seconds = :seconds, peak_bytes = :peak_bytes, plan = :plan WHERE number = :number",
    [SQL_PAGES] = "SELECT page, offset, bytes, error, detail FROM pages WHERE task = ?1 AND page >= ?2 ORDER BY page",
    [SQL_EVENTS] = "SELECT number, at, kind, page FROM events WHERE task = ?1 AND number > ?2 ORDER BY number",
    [SQL_REMOVE] = "DELETE FROM tasks WHERE number = ?1",
    [SQL_ADD_CALLBACK] = "INSERT INTO callbacks VALUES (?1, ?2, 0, 0, 0, NULL)",
    [SQL_END_CALLBACK] = "UPDATE callbacks SET due = :ended WHERE task = :number",
    [SQL_SET_CALLBACK] = "UPDATE callbacks SET attempts = :callback_attempts, due = :callback_due,"
                         " delivered = :callback_delivered, trouble = :callback_trouble WHERE task = :number",
    [SQL_CALLBACKS] = "SELECT " COLUMNS " FROM callbacks JOIN tasks ON task = tasks.number WHERE due > 0 ORDER BY due"
                      " LIMIT ?1",
};
