#include "output/output.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "conf/options.h"
#include "output/alto.h"
#include "output/csv.h"
#include "output/hocr.h"
#include "output/html.h"
#include "output/json.h"
#include "output/markdown.h"
#include "output/page_xml.h"
#include "output/text.h"
#include "output/xlsx.h"
#include "table/formats.h"

/* Of those that a client takes alike the last is chosen (api/result.c): text before all text, JSON before all. */
const struct output outputs[] = {
    {.word = "pdf",
     .extension = "pdf",
     .type = "application/pdf",
     .needs_words = true,
     .binary = true,
     .made = MADE_PDF},
    {.word = "png",
     .extension = "png",
     .type = "image/png",
     .structured = true,
     .page_files = true,
     .binary = true,
     .made = MADE_PICTURE},
    {.word = "xlsx",
     .extension = "xlsx",
     .type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
     .structured = true,
     .only_tables = true,
     .joins_tables = true,
     .binary = true,
     .state = &output_xlsx},
    {.word = "csv",
     .extension = "csv",
     .type = "text/csv; charset=utf-8",
     .structured = true,
     .only_tables = true,
     .joins_tables = true,
     .state = &output_csv},
    {.word = "page",
     .extension = "page.xml",
     .type = "application/vnd.prima.page+xml",
     .structured = true,
     .needs_words = true,
     .page_files = true,
     .head = output_page_xml_head,
     .page = output_page_xml_page,
     .tail = output_page_xml_tail},
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
     .joins_tables = true,
     .figures = true,
     .page = output_markdown_page},
    {.word = "html",
     .extension = "html",
     .type = "text/html; charset=utf-8",
     .structured = true,
     .joins_tables = true,
     .figures = true,
     .head = output_html_head,
     .page = output_html_page,
     .tail = output_html_tail,
     .regions = output_html_regions},
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

/* Selections */

int selection_read(const char *formats, bool words, struct selection *ret) {
    struct selection selection = {.zip = options_list_has(formats, "zip"), .words = words};
    if (!options_list_is_of(formats, FORMAT_WORDS)) {
        return fail(ERR_BAD_REQUEST, "format: \"%.80s\": %s is expected, several with commas and no blanks", formats,
                    FORMAT_WORDS);
    }
    for (const struct output *output = outputs; output->word; output++) {
        if (options_list_has(formats, output->word)) {
            selection.outputs[selection.count++] = output;
        }
    }
    if (selection.count == 0) {
        return fail(ERR_BAD_REQUEST, "format: zip packs other formats, as in text,json,zip");
    }
    if (selection.zip && options_list_has(formats, "pdf")) {
        return fail(ERR_BAD_REQUEST, "format: zip does not pack pdf, which is made in a file of its own");
    }
    *ret = selection;
    return 0;
}

bool selection_is_structured(const struct selection *selection) {
    for (size_t i = 0; i < selection->count; i++) {
        if (selection->outputs[i]->structured) {
            return true;
        }
    }
    return false;
}

bool selection_needs_words(const struct selection *selection) {
    bool needs = selection->words;
    for (size_t i = 0; i < selection->count; i++) {
        needs = needs || selection->outputs[i]->needs_words;
    }
    return needs;
}

bool selection_has_made(const struct selection *selection, enum made made) {
    for (size_t i = 0; i < selection->count; i++) {
        if (selection->outputs[i]->made == made) {
            return true;
        }
    }
    return false;
}

const char *selection_contradiction(const struct selection *selection, const char *layout) {
    bool off = layout && strcmp(layout, "off") == 0;
    for (size_t i = 0; i < selection->count && off; i++) {
        if (selection->outputs[i]->only_tables) {
            return "csv and xlsx hold tables, and with the layout off none are looked for";
        }
    }
    return NULL;
}

bool selection_has_figures(const struct selection *selection, bool beside) {
    for (size_t i = 0; i < selection->count; i++) {
        if (selection->outputs[i]->figures && (beside || selection->outputs[i]->regions)) {
            return true;
        }
    }
    return false;
}

bool selection_has_page_files(const struct selection *selection) {
    for (size_t i = 0; i < selection->count && !selection->zip; i++) {
        if (selection->outputs[i]->page_files) {
            return true;
        }
    }
    return false;
}

int selection_expect_file(const struct selection *selection, uint32_t pages) {
    if (selection->zip) {
        return 0;
    }
    if (selection->count > 1) {
        return fail(ERR_SEVERAL_FILES, "%zu formats", selection->count);
    }
    const struct output *output = selection->outputs[0];
    bool several = output->page_files && pages > 1;
    return several ? fail(ERR_SEVERAL_FILES, "%s: one for each of %u pages", output->word, pages) : 0;
}

const char *selection_type(const struct selection *selection) {
    return selection->zip ? "application/zip" : selection->outputs[0]->type;
}

const char *selection_extension(const struct selection *selection) {
    return selection->zip ? "zip" : selection->outputs[0]->extension;
}

const char *output_base(const char *file) {
    const char *slash = strrchr(file, '/');
    return strcmp(file, "-") == 0 ? "stdin" : slash ? slash + 1 : file;
}

char *output_stem(const char *file) {
    const char *base = output_base(file);
    const char *dot = strrchr(base, '.');
    return copy_bytes(base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}
