/* A growing run of bytes, always followed by a NUL so that .data of text is a string. One thread at a time. */
#ifndef OCTAVO_BASE_BUFFER_H
#define OCTAVO_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
    char *data; /* NULL while nothing was added */
    size_t length, capacity;
};

/* Start from (struct buffer){0}. Growth never fails (base/memory.h). */
void buffer_add(struct buffer *buffer, const void *bytes, size_t length);
void buffer_add_string(struct buffer *buffer, const char *text);
void buffer_add_format(struct buffer *buffer, const char *pattern, ...) __attribute__((format(printf, 2, 3)));

/* The text so far as a string of its own; the buffer is empty afterwards. Caller frees. Never NULL. */
char *buffer_take(struct buffer *buffer);

/* Frees the contents; the buffer may be used again. */
void buffer_done(struct buffer *buffer);

#endif
