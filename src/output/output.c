#include "output/output.h"

#include "output/html.h"
#include "output/json.h"
#include "output/markdown.h"
#include "output/text.h"

/* Of those that a client takes alike the last is chosen (api/result.c): text before all text, JSON before all. */
const struct output outputs[] = {
    {.word = "markdown",
     .extension = "md",
     .type = "text/markdown; charset=utf-8",
     .structured = true,
     .page = output_markdown_page},
    {.word = "html",
     .extension = "html",
     .type = "text/html; charset=utf-8",
     .structured = true,
     .head = output_html_head,
     .page = output_html_page,
     .tail = output_html_tail},
    {.word = "text", .extension = "txt", .type = "text/plain; charset=utf-8", .page = output_text_page},
    {.word = "json",
     .extension = "json",
     .type = "application/json",
     .head = output_json_head,
     .page = output_json_page,
     .tail = output_json_tail},
    {0},
};

void output_write(const struct output *output, const struct result *result, struct buffer *to) {
    struct stages sum = {0};
    for (size_t i = 0; i < result->page_count; i++) {
        stages_add(&sum, &result->pages[i].stages);
    }
    if (output->head) {
        output->head(result, &sum, to);
    }
    for (size_t i = 0; i < result->page_count; i++) {
        output->page(&result->pages[i], i == 0, to);
    }
    if (output->tail) {
        output->tail(to);
    }
}
