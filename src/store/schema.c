#include "store/schema.h"

#include "base/memory.h"

const char *const schema_migrations[] = {
    "CREATE TABLE tasks (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,"
    " priority INTEGER NOT NULL, name TEXT, options TEXT NOT NULL, key TEXT UNIQUE, digest TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, created INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " deadline INTEGER NOT NULL, document_pages INTEGER NOT NULL, pages INTEGER NOT NULL,"
    " pages_done INTEGER NOT NULL, result_bytes INTEGER NOT NULL, format TEXT, engine TEXT, warnings TEXT,"
    " timings TEXT, seconds REAL NOT NULL, error TEXT, detail TEXT, error_page INTEGER NOT NULL);"
    "CREATE INDEX tasks_by_state ON tasks (state, number);"
    "CREATE TABLE pages (task INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE, page INTEGER NOT NULL,"
    " offset INTEGER NOT NULL, bytes INTEGER NOT NULL, error TEXT, detail TEXT, PRIMARY KEY (task, page))"
    " WITHOUT ROWID;"
    "CREATE TABLE events (task INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE, number INTEGER NOT NULL,"
    " at INTEGER NOT NULL, kind TEXT NOT NULL, page INTEGER NOT NULL, PRIMARY KEY (task, number)) WITHOUT ROWID;",
    /* Tasks have owners, and idempotency keys are each owner's: the old column was unique for all. */
    "CREATE TABLE new_tasks (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,"
    " priority INTEGER NOT NULL, name TEXT, options TEXT NOT NULL, key TEXT, digest TEXT NOT NULL,"
    " bytes INTEGER NOT NULL, created INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " deadline INTEGER NOT NULL, document_pages INTEGER NOT NULL, pages INTEGER NOT NULL,"
    " pages_done INTEGER NOT NULL, result_bytes INTEGER NOT NULL, format TEXT, engine TEXT, warnings TEXT,"
    " timings TEXT, seconds REAL NOT NULL, error TEXT, detail TEXT, error_page INTEGER NOT NULL, owner TEXT);"
    "INSERT INTO new_tasks SELECT *, NULL FROM tasks;"
    "DELETE FROM sqlite_sequence WHERE name = 'new_tasks';"
    "INSERT INTO sqlite_sequence SELECT 'new_tasks', seq FROM sqlite_sequence WHERE name = 'tasks';"
    "DROP TABLE tasks; ALTER TABLE new_tasks RENAME TO tasks;"
    "CREATE INDEX tasks_by_state ON tasks (state, number);"
    "CREATE INDEX tasks_by_owner ON tasks (owner, number);"
    "CREATE UNIQUE INDEX tasks_by_key ON tasks (ifnull(owner, ''), key) WHERE key IS NOT NULL;",
    /* Who wants to be told of the end of a task; due 0: nothing is to be sent, yet or any more. */
    "CREATE TABLE callbacks (task INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE, callback TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, due INTEGER NOT NULL, delivered INTEGER NOT NULL, trouble TEXT);"
    "CREATE INDEX callbacks_by_due ON callbacks (due) WHERE due > 0;",
    "ALTER TABLE tasks ADD COLUMN peak_bytes INTEGER NOT NULL DEFAULT 0; ALTER TABLE tasks ADD COLUMN plan TEXT;",
};

const int schema_version = array_length(schema_migrations);
