#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word, *sentence, *advice;
    int http, status;
} errors[] = {
#define ERROR(symbol, word, http, status, sentence, advice) {word, sentence, advice, http, status},
#include "table/errors.def"
#undef ERROR
};

static _Thread_local char detail[512];

int fail(int code, const char *pattern, ...) {
    /* Formatted apart first: the old detail may be among the arguments. */
    char text[sizeof(detail)];
    va_list arguments;
    va_start(arguments, pattern);
    vsnprintf(text, sizeof(text), pattern, arguments);
    va_end(arguments);
    memcpy(detail, text, sizeof(detail));
    return code;
}

const char *error_detail(void) { return detail; }

static int index_of(int code) { return code < 0 && -1 - code < ERR_COUNT ? -1 - code : ERR_INDEX_INTERNAL; }

const char *error_word(int code) { return errors[index_of(code)].word; }
const char *error_sentence(int code) { return errors[index_of(code)].sentence; }
const char *error_advice(int code) { return errors[index_of(code)].advice; }
int error_http_status(int code) { return errors[index_of(code)].http; }
int error_exit_status(int code) { return errors[index_of(code)].status; }

int error_from_word(const char *word) {
    for (int i = 0; word && i < ERR_COUNT; i++) {
        if (strcmp(errors[i].word, word) == 0) {
            return -1 - i;
        }
    }
    return ERR_INTERNAL;
}
