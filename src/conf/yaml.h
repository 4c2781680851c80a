/* YAML files (over libyaml, whose only home is yaml.c), as JSON values or walked through. Any thread. */
#ifndef OCTAVO_CONF_YAML_H
#define OCTAVO_CONF_YAML_H

#include <stddef.h>

struct json;

/*
 * Both end with ERR_USAGE, for nesting deeper than 32, more than 1000 anchors and more than 100 000 values (aliases
 * count each time) as well. The detail is "LINE: what is wrong": it goes behind the file's name and a colon.
 */

/*
 * Reads the first document of text. Plain scalars that are numbers become numbers, true and false booleans, all else
 * strings; anchors and tags are resolved by libyaml. The caller drops *ret. Not for a key that is no scalar.
 */
int yaml_parse(const char *text, size_t length, struct json **ret);

enum { YAML_LONGEST_KEY = 120 }; /* bytes */

enum yaml_leaf_kind { YAML_LEAF_TEXT, YAML_LEAF_NULL, YAML_LEAF_LIST };

/* A value that is no mapping. */
struct yaml_leaf {
    const char *key;  /* those of the mappings that it is in and its own, with dots between */
    const char *text; /* as it is written, less quotes and escapes; of YAML_LEAF_TEXT */
    size_t line;      /* of its key, from 1 */
    enum yaml_leaf_kind kind;
};

/* The leaf is borrowed for the call. */
typedef void yaml_visit(void *context, const struct yaml_leaf *leaf);

/*
 * Calls visit for each value, in their order; a key that is there twice comes twice. text is one document of mappings,
 * or empty. Before a failure some may have been visited.
 */
int yaml_walk(const char *text, size_t length, yaml_visit *visit, void *context);

#endif
