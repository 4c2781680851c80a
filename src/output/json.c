#include "output/json.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

static struct json *document_to_json(const struct result *result) {
    struct json *document = json_object_new();
    json_set_string(document, "name", result->name);
    json_set_string(document, "format", result->format);
    json_set_real(document, "bytes", result->bytes > 0 ? (double)result->bytes : (double)NAN, 0);
    json_set_int(document, "pages", result->page_total);
    return document;
}

/* All but the pages. */
static struct json *head_to_json(const struct result *result) {
    struct json *head = json_object_new();
    json_set_string(head, "octavo", OCTAVO_VERSION);
    json_set(head, "document", document_to_json(result));
    json_set_string(head, "engine", result->engine);
    json_set_bool(head, "complete", result->complete);
    struct json *warnings = json_array_new();
    for (size_t i = 0; i < result->warning_count; i++) {
        json_append_string(warnings, result->warnings[i]);
    }
    json_set(head, "warnings", warnings);
    json_set_real(head, "seconds", result->seconds, 3);
    struct stages sum = {0};
    for (size_t i = 0; i < result->page_count; i++) {
        stages_add(&sum, &result->pages[i].stages);
    }
    json_set(head, "timings", stages_to_json(&sum));
    return head;
}

/* Page by page: the tree of a book's pages would take many times the memory of its text. */
void output_json(const struct result *result, struct buffer *to) {
    struct json *head cleanup(json_drop) = head_to_json(result);
    char *text cleanup(drop_memory) = json_text(head, false);
    buffer_add(to, text, strlen(text) - 1); /* the brace stays open for the pages */
    buffer_add_string(to, ",\"pages\":[");
    for (size_t i = 0; i < result->page_count; i++) {
        struct json *page cleanup(json_drop) = page_to_json(&result->pages[i]);
        char *line cleanup(drop_memory) = json_text(page, false);
        buffer_add_string(to, i > 0 ? ",\n" : "\n");
        buffer_add_string(to, line);
    }
    buffer_add_string(to, "\n]}\n");
}
