/* The description of the API, made from the same tables as the API itself. */
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "base/json.h"
#include "base/memory.h"
#include "output/output.h"
#include "table/formats.h"

static const struct {
    const char *symbol, *method, *path, *query;
    unsigned scope;
    int body;
    const char *answers, *summary;
} routes[] = {
#define ROUTE(symbol, method, path, scope, query, body, answers, summary)                                              \
    {#symbol, method, path, query, SCOPE_##scope, body, answers, summary},
#include "table/routes.def"
#undef ROUTE
};

static const struct {
    const char *word, *type, *about;
} parameters[] = {
#define PARAMETER(word, type, about) {word, type, about},
#include "table/parameters.def"
#undef PARAMETER
};

enum kind { NUMBER, TEXT, PAGES, CHOICE, DEVICE };
#define PAGE_RANGE "([1-9][0-9]{0,8}(-([1-9][0-9]{0,8})?)?|-[1-9][0-9]{0,8})"
#define PAGES_PATTERN "^" PAGE_RANGE "(," PAGE_RANGE ")*$"
static const struct {
    enum kind kind;
    const char *word, *argument;
    int64_t low, high;
    const char *about;
} options[] = {
#define TASK_OPTION(kind, symbol, word, flag, argument, low, high, about) {kind, word, argument, low, high, about},
#include "table/task_options.def"
#undef TASK_OPTION
};

/* Calls each() with the words of a list. */
static void for_each(const char *list, const char *separator, void (*each)(void *context, const char *word),
                     void *context) {
    char *words cleanup(drop_memory) = copy_string(list), *rest = NULL;
    for (const char *word = strtok_r(words, separator, &rest); word; word = strtok_r(NULL, separator, &rest)) {
        each(context, word);
    }
}

static void append_word(void *context, const char *word) { json_append_string(context, word); }

/* Schemas */

static struct json *reference(const char *schema) {
    struct json *object = json_object_new();
    char *path cleanup(drop_memory) = format("#/components/schemas/%s", schema);
    json_set_string(object, "$ref", path);
    return object;
}

static struct json *option_schema(size_t place) {
    bool number = options[place].kind == NUMBER;
    struct json *schema = json_object_new();
    if (options[place].kind == CHOICE) {
        struct json *words = json_array_new();
        for_each(options[place].argument, "|", append_word, words);
        json_set(schema, "enum", words);
        return schema;
    }
    json_set_string(schema, "type", number ? "integer" : "string");
    json_set_int(schema, number ? "minimum" : "minLength", options[place].low);
    json_set_int(schema, number ? "maximum" : "maxLength", options[place].high);
    if (options[place].kind == PAGES) {
        json_set_string(schema, "pattern", PAGES_PATTERN);
    }
    if (options[place].kind == DEVICE) {
        json_set_string(schema, "pattern", "^(auto|cpu|gpu[0-9]{1,3})$");
    }
    return schema;
}

static struct json *options_schema(void) {
    struct json *schema = json_object_new(), *members = json_object_new();
    json_set_string(schema, "type", "object");
    for (size_t i = 0; i < array_length(options); i++) {
        struct json *member = option_schema(i);
        json_set_string(member, "description", options[i].about);
        json_set(members, options[i].word, member);
    }
    json_set(schema, "properties", members);
    json_set_bool(schema, "additionalProperties", false);
    return schema;
}

/* Parameters */

static struct json *parameter(const char *where, const char *name, const char *about, struct json *schema) {
    struct json *object = json_object_new();
    json_set_string(object, "name", name);
    json_set_string(object, "in", where);
    json_set_string(object, "description", about);
    json_set_bool(object, "required", strcmp(where, "path") == 0);
    json_set(object, "schema", schema);
    return object;
}

static void add_parameter(void *context, const char *word) {
    struct json *list = context;
    for (size_t i = 0; strcmp(word, "options") == 0 && i < array_length(options); i++) {
        json_append(list, parameter("query", options[i].word, options[i].about, option_schema(i)));
    }
    for (size_t i = 0; i < array_length(parameters); i++) {
        struct json *schema = NULL;
        if (strcmp(parameters[i].word, word) == 0 &&
            json_parse(parameters[i].type, strlen(parameters[i].type), &schema) == 0) {
            json_append(list, parameter("query", word, parameters[i].about, schema));
        }
    }
}

static void add_path_parameters(struct json *list, const char *path) {
    for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{')) {
        char *name cleanup(drop_memory) = copy_bytes(open + 1, strcspn(open + 1, "}"));
        bool number = strcmp(name, "n") == 0;
        struct json *schema = json_object_new();
        json_set_string(schema, "type", number ? "integer" : "string");
        json_append(list, parameter("path", name,
                                    number                     ? "number of a page, from 1"
                                    : strstr(path, "/models/") ? "id of a model"
                                                               : "id of a task",
                                    schema));
    }
}

/* Bodies and answers */

static struct json *content(const char *type, struct json *schema) {
    struct json *object = json_object_new(), *inner = json_object_new();
    json_set(inner, "schema", schema);
    json_set(object, type, inner);
    return object;
}

static struct json *binary(void) {
    struct json *schema = json_object_new();
    json_set_string(schema, "type", "string");
    json_set_string(schema, "format", "binary");
    return schema;
}

static struct json *text(void) {
    struct json *schema = json_object_new();
    json_set_string(schema, "type", "string");
    return schema;
}

/* Part by part an array of a form is sent. */
static struct json *binaries(void) {
    struct json *list = json_object_new();
    json_set_string(list, "type", "array");
    json_set(list, "items", binary());
    json_set_int(list, "minItems", 1);
    json_set_int(list, "maxItems", 100);
    return list;
}

static struct json *document_types(bool several) {
    struct json *form = json_object_new(), *members = json_object_new(), *required = json_array_new();
    json_set_string(form, "type", "object");
    json_set(members, "file", several ? binaries() : binary());
    json_set(members, "options", reference("options"));
    json_set(form, "properties", members);
    json_append_string(required, "file");
    json_set(form, "required", required);
    struct json *types = content("application/octet-stream", binary()), *multipart = json_object_new();
    json_set(multipart, "schema", form);
    json_set(types, "multipart/form-data", multipart);
    return types;
}

/* body: as table/routes.def has it. */
static struct json *body_schema(int number) {
    struct json *body = json_object_new();
    json_set(body, "content",
             number == 3 ? content("application/json", reference("paddlex_request")) : document_types(number == 2));
    json_set_bool(body, "required", true);
    return body;
}

/* What a task with a callback leads to: another request, the other way round. */
static struct json *callbacks_schema(void) {
    static const char *const headers[][2] = {
        {"Octavo-Event", "done, failed, cancelled or expired"},
        {"Octavo-Delivery", "the same at each attempt"},
        {"Octavo-Attempt", "1, 2, ..."},
        {"Octavo-Signature", "t=SECONDS,v1=HMAC: HMAC-SHA-256 of SECONDS.BODY under the secret, as hex digits"}};
    struct json *post = json_object_new(), *list = json_array_new(), *body = json_object_new(),
                *answers = json_object_new(), *taken = json_object_new(), *path = json_object_new(),
                *ended = json_object_new(), *all = json_object_new();
    for (size_t i = 0; i < array_length(headers); i++) {
        struct json *text = json_object_new();
        json_set_string(text, "type", "string");
        json_append(list, parameter("header", headers[i][0], headers[i][1], text));
    }
    json_set_string(post, "summary", "tells that the task has ended");
    json_set(post, "parameters", list);
    json_set(body, "content", content("application/json", reference("delivery")));
    json_set(post, "requestBody", body);
    json_set_string(taken, "description", "it is taken; anything else is tried again");
    json_set(answers, "2XX", taken);
    json_set(post, "responses", answers);
    json_set(path, "post", post);
    json_set(ended, "{$request.query.callback}", path);
    json_set(all, "ended", ended);
    return all;
}

static void add_type(struct json *types, const char *type, struct json *schema) {
    char *plain cleanup(drop_memory) = copy_bytes(type, strcspn(type, ";"));
    struct json *inner = json_object_new();
    json_set(inner, "schema", schema);
    json_set(types, plain, inner);
}

/* The formats beside JSON. */
static void add_other_types(struct json *types) {
    for (const struct output *output = outputs; output->word; output++) {
        if (strcmp(output->word, "json") != 0) {
            add_type(types, output->type, output->binary ? binary() : text());
        }
    }
    const struct selection packed = {.zip = true};
    add_type(types, selection_type(&packed), binary());
}

static void add_types(struct json *answer, const char *schema) {
    bool either = strcmp(schema, "result") == 0 || strcmp(schema, "page") == 0;
    if (strcmp(schema, "problem") == 0) {
        json_set(answer, "content", content("application/problem+json", reference(schema)));
    } else if (strchr(schema, '/')) {
        json_set(answer, "content", content(schema, json_object_new()));
    } else if (*schema) {
        struct json *types = content("application/json", reference(schema));
        if (either) {
            add_other_types(types);
        }
        json_set(answer, "content", types);
    }
}

static void add_answer(void *context, const char *word) {
    struct json *answer = json_object_new();
    const char *schema = strchr(word, ':') + 1;
    char *status cleanup(drop_memory) = copy_bytes(word, (size_t)(schema - word) - 1);
    json_set_string(answer, "description", *schema ? schema : "nothing");
    add_types(answer, schema);
    json_set(context, status, answer);
}

/* Keys */

static struct json *need(const char *scheme, unsigned scope) {
    struct json *object = json_object_new(), *list = json_array_new();
    json_append_string(list, key_scope_word(scope));
    json_set(object, scheme, list);
    return object;
}

/* A server without keys lets everybody in. */
static void add_security(struct json *operation, struct json *answers, unsigned scope, bool keys, const char *failure) {
    struct json *either = json_array_new();
    if (scope != SCOPE_OPEN && keys) {
        json_append(either, need("bearer", scope));
        json_append(either, need("header", scope));
        char *more cleanup(drop_memory) = format("401:%s,403:%s,429:%s", failure, failure, failure);
        for_each(more, ",", add_answer, answers);
    }
    json_set(operation, "security", either);
}

static struct json *security_schemes(void) {
    struct json *schemes = json_object_new(), *bearer = json_object_new(), *header = json_object_new();
    json_set_string(bearer, "type", "http");
    json_set_string(bearer, "scheme", "bearer");
    json_set(schemes, "bearer", bearer);
    json_set_string(header, "type", "apiKey");
    json_set_string(header, "in", "header");
    json_set_string(header, "name", "X-API-Key");
    json_set(schemes, "header", header);
    return schemes;
}

/* All of it */

static struct json *operation(size_t place, bool keys) {
    struct json *object = json_object_new(), *list = json_array_new(), *answers = json_object_new();
    json_set_string(object, "operationId", routes[place].symbol);
    json_set_string(object, "summary", routes[place].summary);
    add_path_parameters(list, routes[place].path);
    for_each(routes[place].query, ",", add_parameter, list);
    json_set(object, "parameters", list);
    if (routes[place].body) {
        json_set(object, "requestBody", body_schema(routes[place].body));
    }
    if (strcmp(routes[place].symbol, "submit") == 0) {
        json_set(object, "callbacks", callbacks_schema());
    }
    add_security(object, answers, routes[place].scope, keys, routes[place].body == 3 ? "paddlex_error" : "problem");
    for_each(routes[place].answers, ",", add_answer, answers);
    json_set(object, "responses", answers);
    return object;
}

/* The routes of a path stand together in the table. */
static struct json *paths(bool keys) {
    struct json *all = json_object_new();
    for (size_t i = 0; i < array_length(routes);) {
        struct json *path = json_object_new();
        const char *name = routes[i].path;
        for (size_t k = 0; k < array_length(routes); k++) {
            if (strcmp(routes[k].path, name) == 0) {
                char method[8] = "";
                for (size_t c = 0; routes[k].method[c] && c + 1 < sizeof(method); c++) {
                    method[c] = (char)(routes[k].method[c] | 0x20);
                }
                json_set(path, method, operation(k, keys));
            }
        }
        json_set(all, name, path);
        do {
            i++;
        } while (i < array_length(routes) && json_at(all, routes[i].path));
    }
    return all;
}

void api_openapi(void *context, struct http_request *request) {
    struct json *answer = json_object_new(), *info = json_object_new(), *components = json_object_new(),
                *schemas = NULL;
    json_set_string(answer, "openapi", "3.1.0");
    json_set_string(info, "title", "Octavo");
    json_set_string(info, "version", OCTAVO_VERSION);
    json_set(answer, "info", info);
    json_set(answer, "paths", paths(((struct api *)context)->host.access != NULL));
    if (json_parse(api_schemas, strlen(api_schemas), &schemas) == 0) {
        json_set(schemas, "options", options_schema());
        json_set(components, "schemas", schemas);
    }
    json_set(components, "securitySchemes", security_schemes());
    json_set(answer, "components", components);
    http_answer_json(request, 200, &answer);
}
