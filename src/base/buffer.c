#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static void reserve(struct buffer *buffer, size_t more) {
    size_t wanted = buffer->length + more + 1;
    if (wanted > buffer->capacity) {
        buffer->capacity = wanted < 128 ? 128 : wanted + wanted / 2;
        buffer->data = resize(buffer->data, buffer->capacity, 1);
    }
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t length) {
    reserve(buffer, length);
    if (length > 0) {
        memcpy(buffer->data + buffer->length, bytes, length);
    }
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void buffer_add_string(struct buffer *buffer, const char *text) { buffer_add(buffer, text, strlen(text)); }

void buffer_add_format(struct buffer *buffer, const char *pattern, ...) {
    char *text cleanup(drop_memory) = NULL;
    va_list arguments;
    va_start(arguments, pattern);
    int length = vasprintf(&text, pattern, arguments);
    va_end(arguments);
    or_end(length < 0 ? NULL : text);
    buffer_add(buffer, text, (size_t)length);
}

char *buffer_take(struct buffer *buffer) {
    buffer_add(buffer, "", 0);
    char *text = buffer->data;
    *buffer = (struct buffer){0};
    return text;
}

void buffer_done(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}
