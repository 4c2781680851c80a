/* Base64 (RFC 4648) of bytes that go into JSON. Any thread. */
#ifndef OCTAVO_BASE_BASE64_H
#define OCTAVO_BASE_BASE64_H

#include <stddef.h>

#include "base/buffer.h"

/* Adds bytes as base64 with padding, without line ends. */
void base64_add(const void *bytes, size_t length, struct buffer *to);

#endif
