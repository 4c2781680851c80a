#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

void *or_end(void *block) {
    if (!block) {
        fputs("octavo: out of memory for a small allocation, ending this process\n", stderr);
        _Exit(70);
    }
    return block;
}

void *alloc(size_t count, size_t size) { return or_end(calloc(count ? count : 1, size ? size : 1)); }

void *resize(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        free(block);
        return or_end(NULL);
    }
    return or_end(realloc(block, bytes ? bytes : 1));
}

char *copy_string(const char *text) { return text ? copy_bytes(text, strlen(text)) : NULL; }

char *copy_bytes(const char *bytes, size_t length) {
    char *copy = alloc(length + 1, 1);
    memcpy(copy, bytes, length);
    return copy;
}

char *format(const char *pattern, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, pattern);
    int length = vasprintf(&text, pattern, arguments);
    va_end(arguments);
    return or_end(length < 0 ? NULL : text);
}

int try_alloc(size_t count, size_t size, void **ret) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return fail(ERR_NO_MEMORY, "%zu x %zu bytes are more than can be addressed", count, size);
    }
    void *block = malloc(bytes ? bytes : 1);
    if (!block) {
        return fail(ERR_NO_MEMORY, "%zu bytes were refused", bytes);
    }
    *ret = block;
    return 0;
}

void drop_memory(void *pointer_address) {
    void **pointer = pointer_address;
    free(*pointer);
    *pointer = NULL;
}
