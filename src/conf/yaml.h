/* YAML files as JSON values (over libyaml, whose only home is yaml.c). Any thread. */
#ifndef OCTAVO_CONF_YAML_H
#define OCTAVO_CONF_YAML_H

#include <stddef.h>

struct json;

/*
 * Reads the first document of text. Plain scalars that are numbers become numbers, true and false booleans, all else
 * strings; anchors and tags are resolved by libyaml. The caller drops *ret. ERR_USAGE with line and reason as detail,
 * also for a key that is no scalar, for nesting
 * deeper than 32 and for more than 100 000 values.
 */
int yaml_parse(const char *text, size_t length, struct json **ret);

#endif
