#include "output/output.h"

#include <string.h>

#include "output/alto.h"
#include "output/hocr.h"
#include "output/html.h"
#include "output/json.h"
#include "output/markdown.h"
#include "output/text.h"

/* Of those that a client takes alike the last is chosen (api/result.c): text before all text, JSON before all. */
const struct output outputs[] = {
    {.word = "hocr",
     .extension = "hocr",
     .type = "application/xhtml+xml",
     .head = output_hocr_head,
     .page = output_hocr_page,
     .tail = output_hocr_tail,
     .needs_words = true},
    {.word = "alto",
     .extension = "alto.xml",
     .type = "application/alto+xml",
     .head = output_alto_head,
     .page = output_alto_page,
     .tail = output_alto_tail,
     .needs_words = true},
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
     .page_with_words = output_json_page_with_words,
     .tail = output_json_tail},
    {0},
};

const struct output *output_of(const char *word) {
    for (const struct output *output = outputs; output->word; output++) {
        if (strcmp(output->word, word) == 0) {
            return output;
        }
    }
    return NULL;
}

void output_page(const struct output *output, const struct page *page, bool words, bool first, struct buffer *to) {
    (words && output->page_with_words ? output->page_with_words : output->page)(page, first, to);
}

void output_write(const struct output *output, const struct result *result, bool words, struct buffer *to) {
    struct stages sum = {0};
    for (size_t i = 0; i < result->page_count; i++) {
        stages_add(&sum, &result->pages[i].stages);
    }
    if (output->head) {
        output->head(result, &sum, to);
    }
    for (size_t i = 0; i < result->page_count; i++) {
        output_page(output, &result->pages[i], words, i == 0, to);
    }
    if (output->tail) {
        output->tail(to);
    }
}
