/* Problem details (RFC 9457) from table/errors.def. Any thread. */
#ifndef OCTAVO_HTTP_PROBLEM_H
#define OCTAVO_HTTP_PROBLEM_H

#include <stddef.h>

struct json;

/* {"type", "title", "status", "detail", "code", "advice", "request_id"}; detail may be NULL. The caller drops it. */
struct json *problem_to_json(int error, const char *detail, const char *request_id);

/* Reads what problem_to_json() wrote, as text, into *ret, which the caller drops, and answers with its code and detail;
 * ERR_REFUSED for a code that is unknown here. 0 if it is none. */
int problem_read(const char *text, size_t length, struct json **ret);

#endif
