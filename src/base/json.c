#include "base/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

/* struct json is cJSON under another name, so that no other file sees the library. */
static cJSON *inner(const struct json *value) { return (cJSON *)(uintptr_t)value; }
static struct json *outer(cJSON *value) { return (struct json *)value; }

int json_parse(const char *text, size_t length, struct json **ret) {
    const char *stop = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(text, length, &stop, 0);
    size_t used = stop ? (size_t)(stop - text) : 0;
    while (value && used < length && strchr(" \t\r\n", text[used])) { /* a NUL, too, is let pass at the end */
        used++;
    }
    if (!value || used < length) {
        cJSON_Delete(value);
        return fail(ERR_PROTOCOL, "not JSON from byte %zu on", used);
    }
    *ret = outer(value);
    return 0;
}

char *json_text(const struct json *value, bool indented) {
    return or_end(indented ? cJSON_Print(inner(value)) : cJSON_PrintUnformatted(inner(value)));
}

struct json *json_object_new(void) {
    return outer(or_end(cJSON_CreateObject()));
}
struct json *json_array_new(void) {
    return outer(or_end(cJSON_CreateArray()));
}

void json_drop(struct json **value) {
    cJSON_Delete(inner(*value));
    *value = NULL;
}

static cJSON *string_new(const char *text) {
    if (!text) {
        return or_end(cJSON_CreateNull());
    }
    char *valid cleanup(drop_memory) = utf8_valid_copy(text, strlen(text));
    return or_end(cJSON_CreateString(valid));
}

static cJSON *real_new(double number, int decimals) {
    if (!isfinite(number)) {
        return or_end(cJSON_CreateNull());
    }
    double scale = pow(10, decimals);
    return or_end(cJSON_CreateNumber(round(number * scale) / scale));
}

static void put(struct json *object, const char *key, cJSON *value) {
    or_end(cJSON_AddItemToObject(inner(object), key, value) ? object : NULL);
}

static void push(struct json *array, cJSON *value) { or_end(cJSON_AddItemToArray(inner(array), value) ? array : NULL); }

void json_set(struct json *object, const char *key, struct json *value) {
    put(object, key, value ? inner(value) : or_end(cJSON_CreateNull()));
}

void json_set_string(struct json *object, const char *key, const char *text) { put(object, key, string_new(text)); }

void json_set_int(struct json *object, const char *key, int64_t number) {
    put(object, key, or_end(cJSON_CreateNumber((double)number)));
}

void json_set_real(struct json *object, const char *key, double number, int decimals) {
    put(object, key, real_new(number, decimals));
}

void json_set_bool(struct json *object, const char *key, bool truth) {
    put(object, key, or_end(cJSON_CreateBool(truth)));
}

void json_append(struct json *array, struct json *value) { push(array, inner(value)); }
void json_append_string(struct json *array, const char *text) { push(array, string_new(text)); }
void json_append_real(struct json *array, double number, int decimals) { push(array, real_new(number, decimals)); }

const struct json *json_at(const struct json *object, const char *key) {
    return object ? outer(cJSON_GetObjectItemCaseSensitive(inner(object), key)) : NULL;
}

const char *json_string(const struct json *object, const char *key) { return json_as_string(json_at(object, key)); }

int64_t json_int(const struct json *object, const char *key, int64_t fallback) {
    /* Beyond 2^53 a double is no exact integer, and beyond 2^63 the conversion is undefined. */
    const double limit = 9007199254740992.0;
    double number = json_real(object, key, (double)fallback);
    return number >= -limit && number <= limit ? (int64_t)number : fallback;
}

double json_real(const struct json *object, const char *key, double fallback) {
    return json_as_real(json_at(object, key), fallback);
}

bool json_bool(const struct json *object, const char *key, bool fallback) {
    const cJSON *value = inner(json_at(object, key));
    return cJSON_IsBool(value) ? cJSON_IsTrue(value) : fallback;
}

bool json_is_object(const struct json *value) { return cJSON_IsObject(inner(value)); }

const struct json *json_first(const struct json *list) { return list ? outer(inner(list)->child) : NULL; }
const struct json *json_next(const struct json *member) { return outer(inner(member)->next); }

const char *json_key(const struct json *member) { return inner(member)->string; }
bool json_is_null(const struct json *value) { return cJSON_IsNull(inner(value)); }

const char *json_as_string(const struct json *value) { return cJSON_GetStringValue(inner(value)); }

double json_as_real(const struct json *value, double fallback) {
    return cJSON_IsNumber(inner(value)) ? inner(value)->valuedouble : fallback;
}
