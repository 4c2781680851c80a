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
static struct json *head_to_json(const struct result *result, const struct stages *sum) {
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
    json_set(head, "timings", stages_to_json(sum));
    return head;
}

void output_json_head(const struct result *result, const struct stages *sum, struct buffer *to) {
    struct json *head cleanup(json_drop) = head_to_json(result, sum);
    char *text cleanup(drop_memory) = json_text(head, false);
    buffer_add(to, text, strlen(text) - 1); /* the brace stays open for the pages */
    buffer_add_string(to, ",\"pages\":[");
}

/* Page by page: the tree of a book's pages would take many times the memory of its text. */
static void add_page(const struct page *page, bool words, bool first, struct buffer *to) {
    struct json *json cleanup(json_drop) = page_to_json(page, words);
    char *line cleanup(drop_memory) = json_text(json, false);
    buffer_add_string(to, first ? "\n" : ",\n");
    buffer_add_string(to, line);
}

void output_json_page(const struct page *page, bool first, struct buffer *to) { add_page(page, false, first, to); }

void output_json_page_with_words(const struct page *page, bool first, struct buffer *to) {
    add_page(page, true, first, to);
}

void output_json_tail(struct buffer *to) { buffer_add_string(to, "\n]}\n"); }
