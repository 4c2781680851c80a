/*
 * JSON values (over cJSON, whose only home is json.c). A tree has one owner: json_set() and json_append() take the
 * child over, lookups return borrowed values. One value belongs to one thread at a time. Strings are valid UTF-8; a
 * string that is not is stored with its bad bytes replaced by U+FFFD.
 */
#ifndef OCTAVO_BASE_JSON_H
#define OCTAVO_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

/* Parses text of length bytes; the caller drops *ret. ERR_PROTOCOL with the line and reason as detail. */
int json_parse(const char *text, size_t length, struct json **ret);

/* The value as text: compact, or indented by two blanks. The caller frees it. Never NULL. */
char *json_text(const struct json *value, bool indented);

struct json *json_object_new(void);
struct json *json_array_new(void);
void json_drop(struct json **value);

/* Writing into an object. Integers are exact up to 10^15. */
void json_set(struct json *object, const char *key, struct json *value);      /* NULL value: null */
void json_set_string(struct json *object, const char *key, const char *text); /* NULL text: null */
void json_set_int(struct json *object, const char *key, int64_t number);
/* Rounded to so many decimals; a number that is not finite becomes null. */
void json_set_real(struct json *object, const char *key, double number, int decimals);
void json_set_bool(struct json *object, const char *key, bool truth);

/* Appending to an array. */
void json_append(struct json *array, struct json *value);
void json_append_string(struct json *array, const char *text);
void json_append_real(struct json *array, double number, int decimals);

/* Reading; a missing key or a value of another type gives NULL or the fallback. object and array may be NULL. */
const struct json *json_at(const struct json *object, const char *key);
const char *json_string(const struct json *object, const char *key);
int64_t json_int(const struct json *object, const char *key, int64_t fallback);
double json_real(const struct json *object, const char *key, double fallback); /* an integer will do */
bool json_bool(const struct json *object, const char *key, bool fallback);
bool json_is_object(const struct json *value);

/* Members of an array or object, in order: for (v = json_first(list); v; v = json_next(v)). list may be NULL. */
const struct json *json_first(const struct json *list);
const struct json *json_next(const struct json *member);

/* The key of a member of an object; borrowed. Whether it is null. */
const char *json_key(const struct json *member);
bool json_is_null(const struct json *value);

/* A member read as a scalar; another type gives NULL or the fallback. */
const char *json_as_string(const struct json *value);
double json_as_real(const struct json *value, double fallback);

#endif
