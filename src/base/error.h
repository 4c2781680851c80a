/*
 * How functions fail: they return 0 or a negative ERR_ code; outputs come last, are named ret_..., and are untouched on
 * failure. The code says what kind of failure it is (table/errors.def); the detail says what was wrong this time.
 */
#ifndef OCTAVO_BASE_ERROR_H
#define OCTAVO_BASE_ERROR_H

enum error {
#define ERROR(symbol, word, http, status, sentence, advice) ERR_INDEX_##symbol,
#include "table/errors.def"
#undef ERROR
    ERR_COUNT,
#define ERROR(symbol, word, http, status, sentence, advice) ERR_##symbol = -1 - ERR_INDEX_##symbol,
#include "table/errors.def"
#undef ERROR
};

/* Notes the detail (one line, no full stop) for this thread and returns code. An empty pattern clears it. */
int fail(int code, const char *pattern, ...) __attribute__((format(printf, 2, 3)));

/* The detail of this thread's last failure; "" if none. Borrowed until the next fail(). */
const char *error_detail(void);

/* Word, sentence, advice and statuses of a code. Unknown codes read as ERR_INTERNAL. Borrowed for ever. */
const char *error_word(int code);
const char *error_sentence(int code);
const char *error_advice(int code);
int error_http_status(int code);
int error_exit_status(int code);

/* The code of a word, ERR_INTERNAL if there is no such word. */
int error_from_word(const char *word);

#endif
