/*
 * What the store says in SQL: the statements, and the columns of a task's row with the members that they are. The
 * tables are in schema.h. Pure data.
 */
#ifndef OCTAVO_STORE_SQL_H
#define OCTAVO_STORE_SQL_H

#include <stddef.h>

/* How a member of struct task_row is kept: CHARS is an array, TEXT a pointer. */
enum sql_kind { SQL_NUMBER, SQL_REAL, SQL_TEXT, SQL_CHARS, SQL_STATE };

struct sql_column {
    enum sql_kind kind;
    const char *parameter; /* its name in a statement, ":member" */
    size_t offset;         /* of the member */
};

/* In the order in which all statements that look for tasks give them. */
extern const struct sql_column sql_columns[];
extern const size_t sql_column_count;

/* Parameters are :member, or ?1, ?2, ... */
enum sql_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ADD,
    SQL_ADD_EVENT,
    SQL_FIND,
    SQL_FIND_KEY,
    SQL_LIST_NEW,
    SQL_LIST_OLD,
    SQL_SUM,
    SQL_MOVE,
    SQL_ADD_PAGE,
    SQL_COUNT_PAGE,
    SQL_PAGES,
    SQL_EVENTS,
    SQL_REMOVE,
    SQL_ADD_CALLBACK,
    SQL_END_CALLBACK,
    SQL_SET_CALLBACK,
    SQL_CALLBACKS,
    SQL_STATEMENTS
};

extern const char *const sql_texts[]; /* SQL_STATEMENTS of them */

#endif
