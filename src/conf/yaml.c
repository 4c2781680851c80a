#include "conf/yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#define MAX_DEPTH 32
#define MAX_ANCHORS 1000
#define MAX_NODES 100000 /* aliases could multiply a small file without end */
#define TOO_MUCH "nested too deep or grown too large"

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
            return fail(ERR_USAGE, "%zu: a key must be a word", name->start_mark.line + 1);
        }
        result = put_node(source, yaml_document_get_node(&source->document, pair->value), depth, target,
                          (const char *)name->data.scalar.value);
    }
    return result;
}

static int put_node(struct source *source, const yaml_node_t *node, int depth, struct json *target, const char *key) {
    if (depth > MAX_DEPTH || ++source->nodes > MAX_NODES) {
        return fail(ERR_USAGE, "%zu: " TOO_MUCH, node->start_mark.line + 1);
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
        return fail(ERR_USAGE, "1: it holds no keys");
    }
    struct json *value cleanup(json_drop) = json_object_new();
    int result = put_mapping(source, root, 0, value);
    if (result == 0) {
        *ret = take(value);
    }
    return result;
}

/* The line where the reader stumbled: libyaml counts bytes there. */
static size_t line_of_byte(const char *text, size_t length, size_t offset) {
    size_t line = 1;
    for (size_t i = 0; i < offset && i < length; i++) {
        line += text[i] == '\n';
    }
    return line;
}

static int refuse(const yaml_parser_t *parser, const char *text, size_t length) {
    size_t line = parser->error == YAML_READER_ERROR ? line_of_byte(text, length, parser->problem_offset)
                                                     : parser->problem_mark.line + 1;
    return fail(ERR_USAGE, "%zu: %s", line, parser->problem ? parser->problem : "there is not enough memory");
}

static int start(yaml_parser_t *ret, const char *text, size_t length) {
    if (!yaml_parser_initialize(ret)) {
        return fail(ERR_NO_MEMORY, "1: starting the YAML parser");
    }
    yaml_parser_set_input_string(ret, (const unsigned char *)text, length);
    return 0;
}

/* Counts what an event opens, closes and names. */
static int count_event(const yaml_event_t *event, int *depth, int *anchors) {
    bool mapping = event->type == YAML_MAPPING_START_EVENT, sequence = event->type == YAML_SEQUENCE_START_EVENT;
    *depth += mapping || sequence;
    *depth -= event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
    *anchors += (mapping && event->data.mapping_start.anchor) || (sequence && event->data.sequence_start.anchor) ||
                (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor);
    if (*depth > MAX_DEPTH + 1 || *anchors > MAX_ANCHORS) {
        return fail(ERR_USAGE, "%zu: " TOO_MUCH, event->start_mark.line + 1);
    }
    return 0;
}

/*
 * Goes through the first document before it is loaded. libyaml's loader takes all in whatever it is, in a time that
 * grows with the square of depth and anchors.
 */
static int check_shape(const char *text, size_t length) {
    yaml_parser_t parser;
    int depth = 0, anchors = 0;
    int result = start(&parser, text, length);
    if (result != 0) {
        return result;
    }
    for (bool over = false; result == 0 && !over;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            result = refuse(&parser, text, length);
            break;
        }
        over = event.type == YAML_DOCUMENT_END_EVENT || event.type == YAML_STREAM_END_EVENT;
        result = count_event(&event, &depth, &anchors);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return result;
}

/* Loads the first document; without one it has no root. The caller ends parser and document, if all went well. */
static int load(const char *text, size_t length, yaml_parser_t *ret_parser, yaml_document_t *ret_document) {
    int result = check_shape(text, length);
    result = result ? result : start(ret_parser, text, length);
    if (result == 0 && !yaml_parser_load(ret_parser, ret_document)) {
        result = refuse(ret_parser, text, length);
        yaml_parser_delete(ret_parser);
    }
    return result;
}

int yaml_parse(const char *text, size_t length, struct json **ret) {
    yaml_parser_t parser;
    struct source source = {.nodes = 0};
    int result = load(text, length, &parser, &source.document);
    if (result != 0) {
        return result;
    }
    result = convert(&source, ret);
    yaml_document_delete(&source.document);
    yaml_parser_delete(&parser);
    return result;
}

/* Walking */

struct walk {
    struct source source;
    char key[YAML_LONGEST_KEY + 1]; /* of the place, "" at the root */
    yaml_visit *visit;
    void *context;
};

static bool is_null(const yaml_node_t *node) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    const char *text = (const char *)node->data.scalar.value;
    bool null = false;
    for (size_t i = 0; i < array_length(words); i++) {
        null = null || strcmp(text, words[i]) == 0;
    }
    return null && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool holds_nul(const yaml_node_t *node) {
    return strlen((const char *)node->data.scalar.value) != node->data.scalar.length;
}

static int walk_node(struct walk *walk, const yaml_node_t *node, size_t line, int depth);

/* Adds a key to the place. */
static int enter(struct walk *walk, const yaml_node_t *name) {
    size_t length = strlen(walk->key), line = name->start_mark.line + 1;
    if (name->type != YAML_SCALAR_NODE || name->data.scalar.length == 0 || holds_nul(name)) {
        return fail(ERR_USAGE, "%zu: a key must be a word", line);
    }
    int added = snprintf(walk->key + length, sizeof(walk->key) - length, "%s%s", length > 0 ? "." : "",
                         (const char *)name->data.scalar.value);
    if ((size_t)added >= sizeof(walk->key) - length) {
        return fail(ERR_USAGE, "%zu: a key is longer than %d bytes", line, YAML_LONGEST_KEY);
    }
    return 0;
}

static int walk_mapping(struct walk *walk, const yaml_node_t *node, int depth) {
    yaml_document_t *document = &walk->source.document;
    size_t length = strlen(walk->key);
    int result = 0;
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; result == 0 && pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        result = enter(walk, name);
        if (result == 0) {
            result = walk_node(walk, yaml_document_get_node(document, pair->value), name->start_mark.line + 1, depth);
        }
        walk->key[length] = '\0';
    }
    return result;
}

static int walk_node(struct walk *walk, const yaml_node_t *node, size_t line, int depth) {
    if (depth > MAX_DEPTH || ++walk->source.nodes > MAX_NODES) {
        return fail(ERR_USAGE, "%zu: " TOO_MUCH, line);
    }
    if (node->type == YAML_MAPPING_NODE) {
        return walk_mapping(walk, node, depth + 1);
    }
    struct yaml_leaf leaf = {.key = walk->key, .line = line, .kind = YAML_LEAF_LIST};
    if (node->type == YAML_SCALAR_NODE) {
        if (holds_nul(node)) {
            return fail(ERR_USAGE, "%zu: %s: a value must not hold a NUL", line, walk->key);
        }
        leaf.text = (const char *)node->data.scalar.value;
        leaf.kind = is_null(node) ? YAML_LEAF_NULL : YAML_LEAF_TEXT;
    }
    walk->visit(walk->context, &leaf);
    return 0;
}

static int walk_document(struct walk *walk) {
    const yaml_node_t *root = yaml_document_get_root_node(&walk->source.document);
    if (!root || (root->type == YAML_SCALAR_NODE && is_null(root))) {
        return 0;
    }
    return root->type == YAML_MAPPING_NODE
               ? walk_mapping(walk, root, 0)
               : fail(ERR_USAGE, "%zu: keys with values are expected", root->start_mark.line + 1);
}

/* Nothing may follow the document. */
static int expect_end(yaml_parser_t *parser, const char *text, size_t length) {
    yaml_event_t event;
    if (!yaml_parser_parse(parser, &event)) {
        return refuse(parser, text, length);
    }
    int result = event.type == YAML_STREAM_END_EVENT
                     ? 0
                     : fail(ERR_USAGE, "%zu: a second document begins", event.start_mark.line + 1);
    yaml_event_delete(&event);
    return result;
}

int yaml_walk(const char *text, size_t length, yaml_visit *visit, void *context) {
    yaml_parser_t parser;
    struct walk walk = {.visit = visit, .context = context};
    int result = load(text, length, &parser, &walk.source.document);
    if (result != 0) {
        return result;
    }
    bool empty = !yaml_document_get_root_node(&walk.source.document);
    result = walk_document(&walk);
    result = result || empty ? result : expect_end(&parser, text, length);
    yaml_document_delete(&walk.source.document);
    yaml_parser_delete(&parser);
    return result;
}
