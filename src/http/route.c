#include "http/route.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Matches piece by piece; where it does, the arguments' places are set. */
static bool match(const char *pattern, const char *path, const char *starts[HTTP_ARGUMENTS],
                  size_t lengths[HTTP_ARGUMENTS]) {
    int count = 0;
    while (*pattern && *path) {
        if (*pattern == '{') {
            size_t length = strcspn(path, "/");
            if (length == 0 || count == HTTP_ARGUMENTS) {
                return false;
            }
            starts[count] = path;
            lengths[count++] = length;
            pattern += strcspn(pattern, "}") + 1;
            path += length;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == *path;
}

const struct http_route *route_find(const struct http_route *routes, const char *method, const char *path,
                                    char *ret_arguments[HTTP_ARGUMENTS], struct buffer *allowed, int *ret_error) {
    bool found = false;
    for (const struct http_route *route = routes; route->method; route++) {
        const char *starts[HTTP_ARGUMENTS] = {NULL};
        size_t lengths[HTTP_ARGUMENTS];
        if (!match(route->path, path, starts, lengths)) {
            continue;
        }
        if (strcmp(route->method, method) == 0) {
            for (int i = 0; i < HTTP_ARGUMENTS; i++) {
                ret_arguments[i] = starts[i] ? copy_bytes(starts[i], lengths[i]) : NULL;
            }
            return route;
        }
        buffer_add_format(allowed, "%s%s", found ? ", " : "", route->method);
        found = true;
    }
    *ret_error = found ? fail(ERR_METHOD, "%s takes %s", path, allowed->data)
                       : fail(ERR_NOT_FOUND,
                              "%s; /openapi.json lists what there is, /healthz tells that the server answers, "
                              "docs/server.md has more",
                              path);
    return NULL;
}

bool route_list_has(const char *list, const char *word) {
    size_t length = strlen(word);
    while (*list) {
        size_t entry = strcspn(list, ",");
        if (entry == length && strncmp(list, word, length) == 0) {
            return true;
        }
        list += entry + (list[entry] == ',');
    }
    return false;
}

int route_check_parameter(void *route, const char *name, const char *value) {
    (void)value;
    return route_list_has(((const struct http_route *)route)->query, name)
               ? 0
               : fail(ERR_BAD_REQUEST, "there is no parameter \"%.40s\"", name);
}

/* -1: no digit */
static int hex_value(char digit) {
    static const char digits[] = "0123456789abcdef";
    const char *found = digit ? strchr(digits, digit | 0x20) : NULL;
    return found && *found ? (int)(found - digits) : -1;
}

size_t route_unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++) {
        int high = *from == '%' ? hex_value(from[1]) : -1, low = high >= 0 ? hex_value(from[2]) : -1;
        if (low < 0) {
            *to++ = *from;
            continue;
        }
        int value = 16 * high + low;
        *to++ = (char)(value ? value : 1);
        from += 2;
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* All but what stands for itself in every part of an address. */
static char *escape(const char *text) {
    struct buffer escaped = {0};
    for (; *text; text++) {
        bool plain = isalnum((unsigned char)*text) || strchr("-._~", *text);
        buffer_add_format(&escaped, plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
    return buffer_take(&escaped);
}

char *route_join(const char *base, const char *path, const char *id) {
    size_t length = strlen(base);
    const char *place = strstr(path, "{id}");
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    if (!place) {
        return format("%.*s%s", (int)length, base, path);
    }
    char *escaped cleanup(drop_memory) = escape(id);
    return format("%.*s%.*s%s%s", (int)length, base, (int)(place - path), path, escaped, place + strlen("{id}"));
}
