#include "conf/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#define MAX_DEPTH 32
#define MAX_NODES 100000 /* aliases could multiply a small file without end */

struct source {
    yaml_document_t document;
    int nodes; /* converted so far */
};

/* A container under construction: members are set or appended depending on which it is. */
static void put(struct json *target, const char *key, struct json *value) {
    if (key) {
        json_set(target, key, value);
    } else {
        json_append(target, value);
    }
}

static void put_scalar(struct json *target, const char *key, const yaml_node_t *node) {
    const char *text = (const char *)node->data.scalar.value;
    char *end;
    double number = strtod(text, &end);
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool truth = strcmp(text, "true") == 0;
    if (plain && *text && *end == '\0' && isfinite(number)) {
        key ? json_set_real(target, key, number, 9) : json_append_real(target, number, 9);
    } else if (plain && key && (truth || strcmp(text, "false") == 0)) {
        json_set_bool(target, key, truth);
    } else {
        key ? json_set_string(target, key, text) : json_append_string(target, text);
    }
}

static int put_node(struct source *source, const yaml_node_t *node, int depth, struct json *target, const char *key);

static int put_sequence(struct source *source, const yaml_node_t *node, int depth, struct json *target) {
    int result = 0;
    yaml_node_item_t *item = node->data.sequence.items.start;
    for (; result == 0 && item < node->data.sequence.items.top; item++) {
        result = put_node(source, yaml_document_get_node(&source->document, *item), depth, target, NULL);
    }
    return result;
}

static int put_mapping(struct source *source, const yaml_node_t *node, int depth, struct json *target) {
    int result = 0;
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; result == 0 && pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(&source->document, pair->key);
        if (name->type != YAML_SCALAR_NODE) {
            return fail(ERR_USAGE, "line %zu: a key must be a word", name->start_mark.line + 1);
        }
        result = put_node(source, yaml_document_get_node(&source->document, pair->value), depth, target,
                          (const char *)name->data.scalar.value);
    }
    return result;
}

static int put_node(struct source *source, const yaml_node_t *node, int depth, struct json *target, const char *key) {
    if (depth > MAX_DEPTH || ++source->nodes > MAX_NODES) {
        return fail(ERR_USAGE, "line %zu: nested too deep or grown too large", node->start_mark.line + 1);
    }
    if (node->type == YAML_SCALAR_NODE) {
        put_scalar(target, key, node);
        return 0;
    }
    bool mapping = node->type == YAML_MAPPING_NODE;
    struct json *inner = mapping ? json_object_new() : json_array_new();
    int result = mapping ? put_mapping(source, node, depth + 1, inner) : put_sequence(source, node, depth + 1, inner);
    put(target, key, inner);
    return result;
}

static int convert(struct source *source, struct json **ret) {
    const yaml_node_t *root = yaml_document_get_root_node(&source->document);
    if (!root || root->type != YAML_MAPPING_NODE) {
        return fail(ERR_USAGE, "it holds no keys");
    }
    struct json *value cleanup(json_drop) = json_object_new();
    int result = put_mapping(source, root, 0, value);
    if (result == 0) {
        *ret = take(value);
    }
    return result;
}

int yaml_parse(const char *text, size_t length, struct json **ret) {
    yaml_parser_t parser;
    struct source source = {.nodes = 0};
    if (!yaml_parser_initialize(&parser)) {
        return fail(ERR_NO_MEMORY, "starting the YAML parser");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    int result;
    if (!yaml_parser_load(&parser, &source.document)) {
        result = fail(ERR_USAGE, "line %zu: %s", parser.problem_mark.line + 1, parser.problem);
    } else {
        result = convert(&source, ret);
        yaml_document_delete(&source.document);
    }
    yaml_parser_delete(&parser);
    return result;
}
