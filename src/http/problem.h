/* Problem details (RFC 9457) from table/errors.def. Any thread. */
#ifndef OCTAVO_HTTP_PROBLEM_H
#define OCTAVO_HTTP_PROBLEM_H

struct json;

/* {"type", "title", "status", "detail", "code", "advice", "request_id"}; detail may be NULL. The caller drops it. */
struct json *problem_to_json(int error, const char *detail, const char *request_id);

#endif
