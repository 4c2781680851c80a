/* Finding the route of a request. Pure; any thread. */
#ifndef OCTAVO_HTTP_ROUTE_H
#define OCTAVO_HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "http/http.h"

/*
 * The route for method and path, and what stands for its {...}, copied: the caller frees each. NULL: ERR_NOT_FOUND, or
 * ERR_METHOD with the methods that the path takes in allowed.
 */
const struct http_route *route_find(const struct http_route *routes, const char *method, const char *path,
                                    char *ret_arguments[HTTP_ARGUMENTS], struct buffer *allowed, int *ret_error);

/* Whether the comma-separated list has word. */
bool route_list_has(const char *list, const char *word);

/* Whether a route knows a parameter, for http_each_query(). ERR_BAD_REQUEST. */
int route_check_parameter(void *route, const char *name, const char *value);

/* Decodes %XX in place and returns the length that is left. A NUL would cut the text: it becomes a control character,
 * which nothing accepts. What is no %XX stays as it is. */
size_t route_unescape(char *text);

/* base and path joined by one slash, with id, escaped, in place of "{id}"; the caller frees it. */
char *route_join(const char *base, const char *path, const char *id);

#endif
